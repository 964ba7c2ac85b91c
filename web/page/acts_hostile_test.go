package page_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
)

// sown are texts that would run if one of them were not escaped.
var sown = strings.Join([]string{
	`<script>planted()</script>`, `"><img src=x onerror=planted()>`, `'><svg onload=planted()>`, `</textarea></pre></option></select>`,
	`javascript:planted()`, `" onfocus=planted() autofocus x="`, "\u202e\u2028<b onmouseover=planted()>", `{{planted()}}`,
}, " ")

// What others have written of incidents and repairs is text, wherever it stands.
func TestHostileIncidentsAndRepairsAreText(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w *web.Server) { w.Log = slog.New(slog.NewTextHandler(t.Output(), nil)) })
	of := sentinel.Table{Warehouse: "w" + sown, Schema: sown, Name: sown}
	i := sentinel.Incident{
		ID: "i1", Check: sown, Kind: "schema", Key: sown, Table: of, Tier: sown, Owner: sown, Runbook: "javascript:planted()",
		State: sentinel.Open, Severity: sentinel.Fail, Opened: noon.Add(-time.Hour), Updated: noon, Message: sown, Expected: sown,
		Statement: sown, Cause: sown, Note: sown, Upstream: "i0",
	}
	i.Findings = []sentinel.IncidentFinding{{
		Check: sown, Kind: "schema", Key: "country=" + sown, Severity: sentinel.Fail, Message: sown, Cause: sown, Statement: sown,
		Opened: i.Opened, Updated: noon,
	}}
	up := i
	up.ID, up.Upstream, up.Table = "i0", "", sentinel.Table{Warehouse: "w", Name: sown}
	cell := sown
	s.record(store.Batch{
		Incidents: []sentinel.Incident{up, i},
		Ticks:     []store.TickRecord{{Schedule: "s", Table: of, Tick: noon}},
		Results: []sentinel.Result{{Check: sown, Kind: "schema", Table: of, Tick: noon, Status: sentinel.Fail, Message: sown,
			Evidence: sentinel.Evidence{Source: sown, Note: sown, Server: sown},
			Drifts: []sentinel.Drift{
				{Kind: sentinel.DriftKind(sown), Object: sown, Before: sown, After: sown, Status: sentinel.Fail},
			}}},
		States: []store.State{
			{Kind: store.SampleState, Key: "i1/x", Data: encoded(t, sentinel.Sample{Incident: "i1", Check: sown, Table: of,
				Columns: []sentinel.SampleColumn{{Name: sown, Mask: sown}}, Rows: [][]*string{{&cell}}})},
		},
	})
	r := sentinel.Repair{
		ID: "r1", Key: sown, Policy: sown, Incident: "i1", Check: sown, Table: of, Mode: sown, State: sentinel.AwaitingApproval,
		Version: 1, Message: sown, Source: sown, Created: noon, Updated: noon,
		Plan: sentinel.Plan{
			Action: "reload_partition", Table: of, Scope: sown, Summary: sown, Hazards: []string{sown}, Why: sown, LostKeys: []string{sown},
			OverwrittenKeys: []string{sown}, Guarantee: sentinel.Guarantee(sown), Class: sentinel.RepairClass(sown),
			Steps: []sentinel.Step{{Name: sown, Do: []string{sown, "DELETE " + sown}, Undo: []string{sown}, NoUndo: sown}},
		},
		Proof:     &sentinel.Proof{Judged: []string{sown}, LeftOut: []sentinel.LeftOut{{Check: sown, Why: sown}}},
		Unhelpful: []sentinel.UnhelpfulSource{{Source: sown, Why: sown}},
	}
	if _, err := s.store.AddRepair(t.Context(), r, store.AuditEntry{At: noon, Actor: sown, What: "repair." + sown, Subject: "r1", Detail: sown}); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"incident.note", "silence.set", "incident." + sown} {
		if err := s.store.AppendAudit(t.Context(), store.AuditEntry{At: noon, Actor: sown, What: what, Subject: "i1", Detail: sown}); err != nil {
			t.Fatal(err)
		}
	}
	p := s.open("/login")
	p.do(chromedp.SetValue("#name", "ann"), chromedp.SetValue("#token", "token-of-oncall"), chromedp.Click("main button"))
	p.until(`!!document.querySelector(".user")`)
	for _, path := range []string{"/incidents", "/incidents/i1", "/incidents/i0", "/repairs", "/repairs/r1"} {
		p.do(chromedp.Navigate(s.url+path), chromedp.WaitReady("#main"))
		const found = `document.querySelectorAll(
			"main script, main img, main iframe, main b[onmouseover], main [onerror], main [onload], main [onfocus]").length`
		if n := value[int](p, found); n > 0 {
			t.Errorf("%s has %d elements of hostile texts", path, n)
		}
		if n := value[int](p, `[...document.links].filter(a => !/^https?:/.test(a.protocol)).length`); n > 0 {
			t.Errorf("%s has %d links that are no addresses", path, n)
		}
		if text := value[string](p, `document.getElementById("main").innerText`); !strings.Contains(
			text,
			"<script>planted()</script>",
		) {
			t.Errorf("%s does not show the texts: %s", path, text)
		}
		if wide := value[int](p, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf(
				"%s is %d px wider than the window: %s",
				path,
				wide,
				value[string](p, `[...document.querySelectorAll("main *")].filter(
				e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 6).map(e => e.outerHTML.slice(0, 80)).join(" | ")`),
			)
		}
	}
}

// encoded is a value as the state has it.
func encoded(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
