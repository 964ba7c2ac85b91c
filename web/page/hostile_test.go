package page_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
)

// hostile are texts that would run as scripts wherever one is not escaped. Each calls planted.
var hostile = []string{
	`<script>planted()</script>`,
	`"><img src=x onerror=planted()>`,
	`'><svg onload=planted()>`,
	`javascript:planted()`,
	`</title><script>planted()</script>`,
	`</textarea></pre></svg><script>planted()</script>`,
	`{{planted()}}${planted()}`,
	`" onfocus=planted() autofocus x="`,
	"\u202e<b onmouseover=planted()>\u2028",
	`--><script>planted()</script><!--`,
	`"<iframe srcdoc='<script>parent.planted()</script>'>`,
}

// entry is a configuration with a hostile file.
type entry string

func (e entry) Excerpt(sentinel.Table) (config.Excerpt, bool, error) {
	return config.Excerpt{File: string(e), Line: 1, Text: string(e)}, true, nil
}

// Names and texts that others have written are text on every screen, whatever they hold.
func TestHostileTextsAreText(t *testing.T) {
	t.Parallel()
	bad := strings.Join(hostile, " ")
	s := serve(t, func(w *web.Server) {
		w.Configuration = entry(bad)
		w.Condition = condition{bad}
		w.StateName, w.Version = bad, bad
	})
	var paths []string
	var datasets []agent.Dataset
	var b store.Batch
	var before sentinel.Table
	for i, text := range hostile {
		of := sentinel.Table{Warehouse: "w" + text, Schema: text, Name: text}
		d := configured(of, text, before)
		if i == 0 {
			d.DependsOn = nil
		}
		d.Checks[0].Meta.Runbook, d.Checks[0].Meta.Tier = text, text
		d.Checks[1].Common().Name = text
		datasets = append(datasets, d)
		b.Ticks = append(b.Ticks, store.TickRecord{Schedule: "s", Table: of, Tick: noon})
		r := results(of, sentinel.Fail, 5, text)
		r[1].Observations = append(
			r[1].Observations,
			sentinel.Observation{Metric: "row_count", Segment: text, Value: sentinel.Int(1)},
		)
		r[1].Drifts = []sentinel.Drift{
			{Kind: sentinel.DriftKind(text), Object: text, Before: text, After: text, Status: sentinel.Fail},
		}
		b.Results = append(b.Results, r...)
		o := incident(of, text)
		o.Cause, o.Owner, o.Runbook, o.Note, o.Expected, o.Statement = text, text, text, text, text, text
		b.Incidents = append(b.Incidents, o)
		before = of
		paths = append(paths, "/datasets/"+url.PathEscape(of.Warehouse)+"/"+url.PathEscape(text)+"/"+url.PathEscape(text),
			"/lineage?of="+url.QueryEscape(of.String()))
	}
	s.board.Configured(datasets)
	s.record(b)
	query := url.QueryEscape(bad)
	paths = append(paths, "/", "/datasets", "/datasets?q="+query+"&owner="+query+"&schema="+query, "/lineage?of="+query,
		"/login?next="+query, "/datasets/a/b/"+url.PathEscape(bad), "/datasets?after="+query+"&sort="+query+"&state="+query)
	p := s.open("/login")
	p.do(chromedp.SetValue("#name", "ann"), chromedp.SetValue("#token", "token-of-oncall"), chromedp.Click("main button"))
	p.until(`!!document.querySelector(".user")`)
	for _, path := range paths {
		p.visit(s.url + path)
		if found := value[int](p, `document.querySelectorAll(
			"main script, main img, main iframe, main [onerror], main [onload], main [onfocus], main [onmouseover]").length`); found > 0 {
			t.Errorf("%s has %d elements of hostile texts", path, found)
		}
		if links := value[int](p, `[...document.links].filter(a => !/^https?:/.test(a.protocol)).length`); links > 0 {
			t.Errorf("%s has %d links that are no addresses", path, links)
		}
		if ran := value[bool](p, `window.wasPlanted === true`); ran {
			t.Errorf("%s ran a hostile text", path)
		}
	}
}
