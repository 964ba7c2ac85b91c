package page_test

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

// world is a site of which every screen has something to show. Wherever others may write, its
// text stands.
type world struct {
	*site
	text string
	// paths are an address of each screen, or more, by the name of its template.
	paths map[string][]string
}

// teller is an agent that runs, and says a text wherever it can.
type teller struct {
	risky
	text string
}

func (teller) Ready() bool          { return true }
func (t teller) Channels() []string { return []string{t.text} }
func (t teller) table() sentinel.Table {
	return sentinel.Table{Warehouse: "w" + t.text, Schema: t.text, Name: t.text}
}

func (t teller) RiskReasons(of sentinel.Table) (
	risk sentinel.Risk, parts []predict.Contribution, quality predict.Report, ok bool,
) {
	if of != t.table() {
		return risk, nil, quality, false
	}
	parts = []predict.Contribution{{Words: t.text, LogOdds: 2}, {Words: t.text, LogOdds: -1}}
	return t.risks[0], parts, predict.Report{Outcomes: 30, Misses: 2, Brier: .06}, true
}

func (t teller) Silences(context.Context) ([]notify.SilenceStatus, error) {
	return []notify.SilenceStatus{{Silence: notify.Silence{
		ID: t.text, Dataset: t.table().String(), Check: t.text, Finding: t.text, Tier: t.text, Owner: t.text, From: noon.Add(-time.Hour),
		Until: noon.Add(time.Hour), Who: t.text, Why: t.text,
	}, Active: true, Matches: 2, Warning: t.text}}, nil
}

func (t teller) Statements(context.Context, sentinel.Table) ([]agent.Statement, error) {
	return []agent.Statement{{Checks: []string{t.table().String() + "/freshness", t.text}, SQL: "SELECT " + t.text, Args: []string{t.text}}}, nil
}

func (t teller) ServiceLevels() []slo.Report {
	return []slo.Report{{Table: t.table(), Indicator: slo.Checks, Level: slo.Level{
		Objective: slo.Objective{Target: .99, Window: 30 * 24 * time.Hour}, Actual: .98, Left: -.4, Judged: 1, Exhausted: noon,
	}}}
}

func (t teller) ServiceLevelsOver(_, _, _ time.Time) []slo.Report { return t.ServiceLevels() }

func (t teller) Budgets() []budget.Report {
	return []budget.Report{{
		Warehouse: t.table().Warehouse, Budget: 600, Used: 720, Expected: 590, Configured: 4000,
		Moved: []budget.Moved{{Table: t.table().String(), Checks: []string{t.text}, Schedule: t.text, Every: 3600}},
	}}
}

// newWorld serves a world. Its address is open to readers.
func newWorld(t *testing.T, text string, change ...func(*web.Server)) *world {
	t.Helper()
	w := &world{text: text}
	of := teller{text: text}.table()
	risk := sentinel.Risk{Table: of, Deadline: noon.Add(20 * time.Minute), Left: 20 * time.Minute, Probability: .8, Reasons: []string{text}, Model: text}
	w.site = serve(t, append([]func(*web.Server){func(s *web.Server) {
		s.Agent = teller{risky{agent.New(agent.Config{Clock: s.Clock}), []sentinel.Risk{risk}}, text}
		s.Configuration, s.Condition, s.StateName, s.Version = entry(text), condition{text}, text, text
		s.Unwatched = unwatchedOf(of, text)
	}}, change...)...)
	w.paths = map[string][]string{
		"overview.html": {"/"}, "datasets.html": {"/datasets", "/datasets?sort=oldest", "/datasets?q=" + url.QueryEscape(text)},
		"unwatched.html": {"/datasets/unwatched", "/datasets/unwatched?sort=rows&q=" + url.QueryEscape(text)},
		"proposal.html":  {"/datasets/unwatched/proposal?of=" + url.QueryEscape(unwatchedOf(of, text).all[0].Tables[0].Table.String())},
		"dataset.html":   {"/datasets/" + url.PathEscape(of.Warehouse) + "/" + url.PathEscape(text) + "/" + url.PathEscape(text)},
		"lineage.html":   {"/lineage", "/lineage?of=" + url.QueryEscape(of.String())},
		"incidents.html": {"/incidents"}, "incident.html": {"/incidents/i1", "/incidents/i0", "/incidents/i2"},
		"statements.html": {"/incidents/i1/statements"},
		"repairs.html":    {"/repairs"}, "repair.html": {"/repairs/r1", "/repairs/r2"},
		"history.html":         {"/history", "/history?q=" + url.QueryEscape(text) + "&owner=" + url.QueryEscape(text)},
		"history_repairs.html": {"/history/repairs"}, "history_report.html": {"/history/report"},
		"history_audit.html": {"/history/audit", "/history/audit?who=" + url.QueryEscape(text)}, "silences.html": {"/silences"},
		"docs.html": {"/docs"}, "doc.html": {"/docs/page.md"},
		"login.html":   {"/login?next=" + url.QueryEscape("/x?"+text)},
		"message.html": {"/datasets/a/b/" + url.PathEscape(text), "/incidents/" + url.PathEscape(text), "/docs/" + url.PathEscape(text)},
	}
	w.fill(of)
	return w
}

// unwatchedOf are tables beside one that is watched, of which nobody watches any.
func unwatchedOf(of sentinel.Table, text string) *looking {
	of.Name += "?"
	one := page.UnwatchedTable{Table: of, Kind: text, Rows: 7, Proposal: text, RowsRead: noon, Failed: text}
	return &looking{all: []page.UnwatchedWarehouse{{
		Name: of.Warehouse, Read: noon, Failed: text, Relations: 7, Count: 1, Excluded: 1, Tables: []page.UnwatchedTable{one},
	}}}
}

// fill records datasets in every state, incidents and repairs.
func (w *world) fill(of sentinel.Table) {
	w.Helper()
	var datasets []agent.Dataset
	var b store.Batch
	before := sentinel.Table{Warehouse: "w", Name: w.text}
	for i, status := range []sentinel.Status{sentinel.Fail, sentinel.Warn, sentinel.Error, sentinel.Unknown, sentinel.Pass} {
		t := of
		t.Name += strings.Repeat("+", i)
		d := configured(t, w.text, before)
		d.Checks[0].Meta.Tier, d.Checks[0].Meta.Runbook = w.text, w.text
		d.Checks[1].Common().Name = w.text
		for n := range d.Checks {
			d.Checks[n].Meta.Tags = []string{w.text, "finance"}
		}
		schema := &checks.Schema{Options: checks.Options{ID: t.String() + "/schema"}}
		d.Checks = append(d.Checks, agent.Check{Check: schema, Meta: d.Checks[0].Meta})
		datasets = append(datasets, d)
		b.Ticks = append(b.Ticks, store.TickRecord{Schedule: "s", Table: t, Tick: noon})
		r := results(t, status, 5, w.text)
		for _, s := range []string{w.text, "country=DE"} {
			r[1].Observations = append(r[1].Observations, sentinel.Observation{Metric: "row_count", Segment: s, Value: sentinel.Int(1)})
		}
		r[1].Evidence = sentinel.Evidence{Source: w.text, Note: w.text, Server: w.text}
		r = append(r, sentinel.Result{Check: schema.ID, Kind: "schema", Table: t, Tick: noon, Status: status, Message: w.text,
			Drifts: []sentinel.Drift{
				{Kind: sentinel.DriftKind(w.text), Object: w.text, Before: w.text, After: w.text, Status: sentinel.Fail},
				{Kind: sentinel.ColumnAdded, Object: "note", After: w.text, Status: sentinel.Warn},
			}})
		b.Results = append(b.Results, r...)
		before = t
	}
	columns := &warehouse.Table{TableName: warehouse.TableName{Schema: w.text, Name: w.text}, Kind: "table",
		Columns: []warehouse.Column{{Name: w.text, Position: 1, Type: warehouse.Type{Native: w.text}}}}
	b.Baselines = map[string]store.Snapshot{of.String() + "/schema": {
		Data: checks.EncodeSnapshot(columns), TakenAt: noon.AddDate(0, 0, -3), AcceptedBy: w.text, Why: w.text,
	}}
	w.board.Configured(datasets)
	w.past(of)
	b.Incidents = w.incidents(of)
	cell := w.text
	b.States = []store.State{{Kind: store.SampleState, Key: "i1/x", Data: encoded(w, sentinel.Sample{
		Incident: "i1", Check: w.text, Table: of, Columns: []sentinel.SampleColumn{{Name: w.text, Mask: w.text}}, Rows: [][]*string{{&cell}},
	})}}
	w.record(b)
	w.addRepair("r1", of, sentinel.AwaitingApproval)
	w.addRepair("r2", of, sentinel.RepairSucceeded)
	for _, what := range []string{"incident.note", "silence.set", "incident." + w.text} {
		if err := w.store.AppendAudit(w.Context(), store.AuditEntry{At: noon, Actor: w.text, What: what, Subject: "i1", Detail: w.text}); err != nil {
			w.Fatal(err)
		}
	}
}

// incidents are one that explains another, and one that is over.
func (w *world) incidents(of sentinel.Table) []sentinel.Incident {
	i := sentinel.Incident{
		ID: "i1", Check: of.String() + "/row_count:day", Kind: "row_count", Key: w.text, Table: of, Tier: w.text, Owner: w.text,
		Runbook: "javascript:planted()", State: sentinel.Open, Severity: sentinel.Fail, Opened: noon.Add(-time.Hour), Updated: noon,
		Message: w.text, Expected: w.text, Statement: w.text, Cause: w.text, Note: w.text, Upstream: "i0",
	}
	for _, check := range []string{i.Check, of.String() + "/schema", w.text} {
		i.Findings = append(i.Findings, sentinel.IncidentFinding{
			Check: check, Kind: "schema", Key: "country=" + w.text, Severity: sentinel.Fail, Message: w.text, Cause: w.text,
			Statement: w.text, Explanation: w.text, Opened: i.Opened, Updated: noon, Tier: w.text, Owner: w.text, Runbook: w.text,
		})
	}
	up, over := i, i
	up.ID, up.Upstream, up.Table = "i0", "", sentinel.Table{Warehouse: "w", Name: w.text}
	over.ID, over.State, over.Resolved, over.Upstream = "i2", sentinel.Resolved, noon.Add(-time.Minute), ""
	over.Opened = noon.Add(-48 * time.Hour)
	return []sentinel.Incident{up, over, i}
}

func (w *world) addRepair(id string, of sentinel.Table, state sentinel.RepairState) {
	w.Helper()
	text := w.text
	r := sentinel.Repair{
		ID: id, Key: id, Policy: text, Incident: "i1", Check: text, Table: of, Mode: text, State: state, Version: 1,
		Message: text, Source: text, Created: noon, Updated: noon, Holder: text,
		Approval: &sentinel.Approval{By: text, At: noon, Hash: text},
		Plan: sentinel.Plan{
			Action: "reload_partition", Table: of, Scope: text, Summary: text, Hazards: []string{text}, Why: text, LostKeys: []string{text},
			OverwrittenKeys: []string{text}, Guarantee: sentinel.Guarantee(text), Class: sentinel.RepairClass(text), Lost: 1, Overwritten: 1,
			Steps: []sentinel.Step{{Name: text, Do: []string{text, "DELETE " + text}, Undo: []string{text}, NoUndo: text}},
		},
		Proof: &sentinel.Proof{At: noon, Source: text, Judged: []string{text}, LeftOut: []sentinel.LeftOut{{Check: text, Why: text}},
			Against: []sentinel.Objection{{Check: text, Finding: sentinel.Finding{Key: text, Message: text, Expected: text}}}},
		Unhelpful: []sentinel.UnhelpfulSource{{Source: text, Why: text, Repair: text}},
	}
	if state.Final() {
		r.Applied, r.Finished = noon, noon
	}
	entry := store.AuditEntry{At: noon, Actor: text, What: "repair." + text, Subject: id, Detail: text}
	if _, err := w.store.AddRepair(w.Context(), r, entry); err != nil {
		w.Fatal(err)
	}
	w.board.Repaired(r)
}

// signIn signs somebody in who may decide.
func (w *world) signIn() *tab {
	w.Helper()
	p := w.open("/login")
	p.do(chromedp.SetValue("#name", "ann"), chromedp.SetValue("#token", "token-of-oncall"), chromedp.Click("main button"))
	p.until(`!!document.querySelector(".user")`)
	return p
}

// A world has a path of every template.
func (w *world) check() {
	w.Helper()
	files, err := os.ReadDir("templates")
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range files {
		if name := f.Name(); name != "layout.html" && !strings.HasPrefix(name, "part_") && w.paths[name] == nil {
			w.Errorf("the world has no path of %s", name)
		}
	}
}

// encoded is a value as the state has it.
func encoded(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
