package agent

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func table(name string) sentinel.Table {
	return sentinel.Table{Warehouse: "w", Schema: "main", Name: name}
}

func bad(name string, minute int) sentinel.Result {
	r := result(sentinel.Fail, minute, "")
	r.Check, r.Table = name, table(name)
	return r
}

func TestADownstreamIncidentNamesItsCause(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	in.upstreams = map[sentinel.Table][]sentinel.Table{table("report"): {table("orders")},
		table("orders"): {table("raw")}}
	raw := in.apply(bad("raw", 0), Meta{})[0]
	report := in.apply(bad("report", 1), Meta{})[0]
	if report.Upstream != raw.ID {
		t.Errorf("caused by %q, want %q, two steps up", report.Upstream, raw.ID)
	}
	if alone := in.apply(bad("other", 1), Meta{})[0]; alone.Upstream != "" {
		t.Errorf("another dataset is caused by %q", alone.Upstream)
	}
	blind := result(sentinel.Error, 2)
	blind.Check, blind.Table = "lookup", table("lookup")
	in.upstreams[table("late")] = []sentinel.Table{table("lookup")}
	for range monitorAfter {
		in.apply(blind, Meta{})
	}
	if late := in.apply(bad("late", 3), Meta{})[0]; late.Upstream != "" {
		t.Errorf("a check that cannot run says nothing about the data: %q", late.Upstream)
	}
}

func TestASuppressedIncidentReopens(t *testing.T) {
	t.Parallel()
	policy := &fixedPolicy{maintenance: true}
	in := newIncidents(nil, policy)
	if i := in.apply(bad("t", 0), Meta{})[0]; i.State != sentinel.Suppressed {
		t.Errorf("in the window: %s", i.State)
	}
	policy.maintenance = false
	if i := in.apply(bad("t", 1), Meta{})[0]; i.State != sentinel.Open {
		t.Errorf("after the window: %s", i.State)
	}
	if changes := in.takeChanges(); len(changes) != 1 || changes[0].Kind != notify.Opened {
		t.Errorf("changes %+v", changes)
	}
}

func TestHysteresis(t *testing.T) {
	t.Parallel()
	clears, err := checks.ParseBound("> 1200")
	if err != nil {
		t.Fatal(err)
	}
	in := newIncidents(nil, &fixedPolicy{})
	for minute, c := range []struct {
		rows int64
		fail bool
		want string
	}{{900, true, "fail"}, {1100, false, "warn"}, {1250, false, "pass"}, {1100, false, "pass"}} {
		r := result(sentinel.Pass, minute)
		if c.fail {
			r = result(sentinel.Fail, minute, "")
		}
		r.Message, r.Observations = "seen", []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(c.rows)}}
		in.keepUntilClear(clears, &r)
		if in.apply(r, Meta{}); r.Status.String() != c.want {
			t.Errorf("%d rows: %s, want %s (%s)", c.rows, r.Status, c.want, r.Message)
		}
		if c.want == "warn" && !strings.Contains(r.Message, "better, but not yet > 1,200") {
			t.Error(r.Message)
		}
	}
}

// A finding of another rule does not end the one that `clear:` holds open.
func TestHysteresisBesideAnotherFinding(t *testing.T) {
	t.Parallel()
	clears, err := checks.ParseBound("> 1200")
	if err != nil {
		t.Fatal(err)
	}
	in := newIncidents(nil, &fixedPolicy{})
	for minute, c := range []struct {
		rows int64
		bad  []string
		want string
	}{
		{900, []string{""}, ""},
		{1100, []string{"anomaly"}, "anomaly,"},
		{1100, nil, ""},
		{1250, []string{"anomaly"}, "anomaly"},
		{1100, []string{"anomaly"}, "anomaly"},
	} {
		r := result(sentinel.Pass, minute)
		if c.bad != nil {
			r = result(sentinel.Fail, minute, c.bad...)
		}
		r.Message, r.Observations = "other", []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(c.rows)}}
		r.Scores = []sentinel.Score{{State: sentinel.Normal}}
		in.keepUntilClear(clears, &r)
		in.apply(r, Meta{})
		var open []string
		for _, f := range in.open[r.Table].OpenFindings() {
			open = append(open, f.Key)
			if f.Key == "" && minute == 1 && f.Message != "row_count 1100: better, but not yet > 1,200" {
				t.Error(f.Message)
			}
		}
		slices.Sort(open)
		want := strings.Split(c.want, ",")
		slices.Sort(want)
		if !slices.Equal(open, want) {
			t.Errorf("minute %d, %d rows: open %q, want %q", minute, c.rows, open, want)
		}
	}
}

func TestDecisionsOnIncidents(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	a := w.agent
	a.mu.Lock()
	i := a.incidents.apply(bad("orders", 0), Meta{Tier: "critical"})[0]
	a.mu.Unlock()
	if _, err := a.Decide(t.Context(), "ack", i.ID, "", "no name"); err == nil {
		t.Error("a decision without a name")
	}
	if _, err := a.Decide(t.Context(), "explode", i.ID, "ann", ""); err == nil || !strings.Contains(err.Error(),
		"want ack, resolve, note or forget") {
		t.Errorf("%v", err)
	}
	if got, err := a.Decide(t.Context(), "ack", i.ID, "ann", "on it"); err != nil ||
		got.State != sentinel.Acknowledged || got.Note != "acknowledged by ann: on it" {
		t.Fatalf("%+v, %v", got, err)
	}
	a.mu.Lock()
	if _, moved := a.incidents.set(i.ID, sentinel.Escalated, "a repair failed"); moved {
		t.Error("what a person has acknowledged stays so")
	}
	a.mu.Unlock()
	if got, err := a.Decide(t.Context(), "resolve", i.ID, "ann", "done"); err != nil || got.State != sentinel.Resolved {
		t.Fatalf("%+v, %v", got, err)
	}
	log, err := a.store.Audit(t.Context(), i.ID, 10)
	if err != nil || len(log) != 2 || log[0].What != "incident.resolve" || log[0].Actor != "ann" {
		t.Errorf("audit %+v, %v", log, err)
	}

	// A silence outlives the agent, and ends by itself.
	s := notify.Silence{ID: "s1", Dataset: "w.main.*", From: w.now, Until: w.now.Add(time.Hour), Who: "ann",
		Why: "migration"}
	if err := a.Silence(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if why, quiet := a.suppressed(i, w.now); !quiet || why != "silenced by ann: migration" {
		t.Errorf("%q %t", why, quiet)
	}
	if _, quiet := a.suppressed(i, w.now.Add(time.Hour)); quiet {
		t.Error("silent for ever")
	}
	if err := a.Label(t.Context(), store.Label{Check: "orders", From: w.now, To: w.now, Exclude: true,
		Who: "ann"}); err == nil {
		t.Error("a label without a reason")
	}
}

// What a window keeps quiet stands afterwards where it stood, and what happens
// to it meanwhile is not lost.
func TestSuppressionKeepsTheState(t *testing.T) {
	t.Parallel()
	policy := &fixedPolicy{}
	in := newIncidents(nil, policy)
	i := in.apply(bad("orders", 0), Meta{})[0]
	if _, err := in.decide(i.ID, sentinel.Acknowledged, "on it", i.Opened); err != nil {
		t.Fatal(err)
	}
	policy.maintenance = true
	if i = in.apply(bad("orders", 1), Meta{})[0]; i.State != sentinel.Suppressed ||
		i.Standing() != sentinel.Acknowledged {
		t.Errorf("inside the window: %s, otherwise %s", i.State, i.Standing())
	}
	policy.maintenance = false
	if i = in.apply(bad("orders", 2), Meta{})[0]; i.State != sentinel.Acknowledged || i.Prior != "" {
		t.Errorf("after the window: %s (%s)", i.State, i.Prior)
	}
	other := in.apply(bad("events", 3), Meta{})[0]
	policy.maintenance = true
	in.apply(bad("events", 4), Meta{})
	if other, _ = in.set(other.ID, sentinel.Escalated, "a repair failed"); other.State != sentinel.Suppressed ||
		other.Standing() != sentinel.Escalated {
		t.Errorf("escalated inside the window: %s, otherwise %s", other.State, other.Standing())
	}
	policy.maintenance = false
	if other = in.apply(bad("events", 5), Meta{})[0]; other.State != sentinel.Escalated ||
		other.Note != "a repair failed" {
		t.Errorf("after the window: %s: %s", other.State, other.Note)
	}
}

// fixedPolicy suppresses all incidents or none.
type fixedPolicy struct {
	maintenance bool
	flapping    notify.Flaps
}

func (p *fixedPolicy) suppressed(sentinel.Incident, time.Time) (why string, ok bool) {
	return "maintenance", p.maintenance
}

func (p *fixedPolicy) repairedFirst(sentinel.Incident) bool { return false }

func (p *fixedPolicy) flaps() notify.Flaps { return p.flapping.OrDefault() }
