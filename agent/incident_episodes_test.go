package agent

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// kinds returns the transitions since the last call.
func kinds(in *incidents) (out []notify.Kind) {
	for _, c := range in.takeChanges() {
		out = append(out, c.Kind)
	}
	return out
}

// All checks of a tick are one transition, in whatever order they come. A finding that is
// no worse joins in silence. The incident ends with its last finding.
func TestOneTransitionATick(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	critical := Meta{Tier: "critical"}
	pass := func(check string, minute int) sentinel.Result {
		r := found("t", check, "row_count", "", minute)
		r.Status, r.Findings = sentinel.Pass, nil
		return r
	}
	warn := found("t", "a", "row_count", "", 0)
	warn.Findings[0].Status, warn.Status = sentinel.Warn, sentinel.Warn
	in.update(warn, critical)
	in.update(found("t", "b", "freshness", "", 0), critical)
	first := in.settle(table("t"))[0]
	if got := kinds(in); len(got) != 1 || got[0] != notify.Opened || first.Severity != sentinel.Fail || first.Check != "b" {
		t.Errorf("%v %+v", got, first)
	}
	in.apply(found("t", "c", "sql", "", 1), critical)
	if got := kinds(in); len(got) != 0 {
		t.Errorf("a third finding of the same severity: %v", got)
	}
	// The tick in which one finding ends and another begins is no end.
	for _, check := range []string{"a", "b"} {
		in.update(pass(check, 2), critical)
	}
	in.update(pass("c", 2), critical)
	in.update(found("t", "d", "sql", "", 2), critical)
	i := in.settle(table("t"))[0]
	if got := kinds(in); len(got) != 0 || i.ID != first.ID || i.Message != "d " {
		t.Errorf("%v %+v", got, i)
	}
	i = in.apply(pass("d", 3), critical)[0]
	if got := kinds(in); len(got) != 1 || got[0] != notify.Recovered || len(i.Findings) != 4 || !i.Resolved.Equal(pass("d", 3).Tick) {
		t.Errorf("%v %+v", got, i)
	}
}

// What people must hear of again: a failure after a warning, a higher tier, and bad data
// after a check that could not run.
func TestWhatWorsensAnIncident(t *testing.T) {
	t.Parallel()
	blind := sentinel.Result{Check: "blind", Kind: "sql", Table: table("t"), Status: sentinel.Error}
	warning := func(check string, minute int) sentinel.Result {
		r := found("t", check, "sql", "", minute)
		r.Findings[0].Status, r.Status = sentinel.Warn, sentinel.Warn
		return r
	}
	for name, c := range map[string]struct {
		first, then sentinel.Result
		tier        string // of the second
		want        bool
	}{
		"a failure joins a warning":       {warning("a", 1), found("t", "b", "sql", "", 2), "info", true},
		"a warning joins a failure":       {found("t", "b", "sql", "", 1), warning("a", 2), "info", false},
		"a higher tier joins":             {found("t", "a", "sql", "", 1), found("t", "b", "sql", "", 2), "critical", true},
		"bad data where nothing was seen": {blind, warning("a", 9), "info", true},
		"nothing can be seen either":      {found("t", "a", "sql", "", 1), blind, "info", false},
	} {
		in := newIncidents(nil, &fixedPolicy{})
		play := func(r sentinel.Result, tier string) {
			for n := range monitorAfter {
				if r.Status == sentinel.Error {
					r.Tick = result(sentinel.Error, n+2).Tick
				}
				in.apply(r, Meta{Tier: tier})
			}
		}
		play(c.first, "info")
		if got := kinds(in); len(got) != 1 || got[0] != notify.Opened {
			t.Errorf("%s: first %v", name, got)
		}
		play(c.then, c.tier)
		if got := kinds(in); (len(got) == 1 && got[0] == notify.Worsened) != c.want || len(got) > 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// An incident that is opened again is a flap of the same, and has its own start, last good
// and duration.
func TestAnEpisodeHasItsOwnTimes(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	at := func(minute int) time.Time { return result(sentinel.Pass, minute).Tick }
	in.apply(found("t", "a", "sql", "", 0), Meta{})
	good := found("t", "a", "sql", "", 1)
	good.Status, good.Findings = sentinel.Pass, nil
	in.apply(good, Meta{})
	good.Tick = at(9)
	in.apply(good, Meta{})
	i := in.apply(found("t", "a", "sql", "", 10), Meta{})[0]
	if i.Flaps != 1 || !i.Opened.Equal(at(10)) || !i.LastGood.Equal(at(9)) || i.Ticks != 1 || len(i.Findings) != 1 {
		t.Errorf("%+v", i)
	}
	good.Tick = at(12)
	if i = in.apply(good, Meta{})[0]; i.Resolved.Sub(i.Opened) != 2*time.Minute {
		t.Errorf("it lasted %s", i.Resolved.Sub(i.Opened))
	}
}

// A segment that goes bad was last good when its check last judged it, also if another
// segment was bad then.
func TestTheLastGoodOfASegment(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	judged := func(minute int, keys ...string) sentinel.Result {
		r := result(sentinel.Fail, minute, keys...)
		r.Table = table("t")
		for _, s := range []string{"c=DE", "c=FR"} {
			r.Observations = append(r.Observations, sentinel.Observation{Metric: "row_count", Segment: s})
		}
		return r
	}
	for minute := range 3 {
		in.apply(judged(minute, "c=DE"), Meta{})
	}
	i := in.apply(judged(3, "c=DE", "c=FR"), Meta{})[0]
	if !i.Findings[0].LastGood.IsZero() || !i.Findings[1].LastGood.Equal(judged(2).Tick) {
		t.Errorf("%+v", i.Findings)
	}
}

// A tick of the past that an agent runs when it starts sees the data as it is then.
func TestNothingWasSeenBeforeTheStart(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	in.started = result(sentinel.Pass, 100).Tick
	i := in.apply(found("t", "a", "sql", "", 0), Meta{})[0]
	if !i.Opened.Equal(in.started) || !i.Findings[0].Opened.Equal(in.started) || !i.Updated.Equal(in.started) {
		t.Errorf("%+v", i)
	}
}

// A finding of a segment that its check does not judge any more ends, and says so.
func TestASegmentThatIsNotConfiguredAnyMore(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	r := result(sentinel.Fail, 0, "country=DE")
	r.Observations = []sentinel.Observation{{Metric: "row_count", Segment: "country=DE"}}
	in.apply(r, Meta{})
	whole := result(sentinel.Pass, 1)
	whole.Observations = []sentinel.Observation{{Metric: "row_count"}}
	i := in.apply(whole, Meta{})[0]
	if i.State != sentinel.Resolved || i.Note != "the check no longer judges this segment" || i.Findings[0].Note != i.Note {
		t.Errorf("%+v", i)
	}
}

// What is configured no more ends with that reason. What could not be resolved stays.
func TestWhatIsConfiguredNoMoreEnds(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	a := w.agent
	other := sentinel.Table{Warehouse: "gone", Schema: "main", Name: "t"}
	for _, f := range [][2]string{{"orders", "kept"}, {"orders", "removed"}, {"dropped", "x"}} {
		a.incidents.apply(found(f[0], f[1], "sql", "", 0), Meta{})
	}
	inOther := found("", "y", "sql", "", 0)
	inOther.Table = other
	a.incidents.apply(inOther, Meta{})
	now := configured{
		plan:     Plan{Warehouses: map[string]*warehouse.DB{"w": {}}},
		tables:   map[sentinel.Table]bool{table("orders"): true},
		checks:   map[string]bool{"kept": true},
		problems: []error{&ResolveError{Warehouse: "w", Err: errors.New("down")}},
	}
	a.endUnconfigured(t.Context(), now)
	notes := func() (got [4]string) {
		orders := a.incidents.open[table("orders")]
		for n, f := range append(orders.Findings, a.incidents.open[table("dropped")].Findings[0], a.incidents.open[other].Findings[0]) {
			if got[n] = f.Note; f.Open() {
				got[n] = "open"
			}
		}
		return got
	}
	if got, want := notes(), [4]string{"open", "open", "open", "the warehouse is no longer configured"}; got != want {
		t.Errorf("with a problem: %v", got)
	}
	now.problems = nil
	a.endUnconfigured(t.Context(), now)
	want := [4]string{"open", "the check is no longer configured", "the dataset is no longer configured",
		"the warehouse is no longer configured"}
	if got := notes(); got != want {
		t.Errorf("%v", got)
	}
	if i := a.incidents.open[table("dropped")]; i.State != sentinel.Resolved || i.Note != want[2] {
		t.Errorf("%+v", i)
	}
}

// A silence keeps quiet what it matches: the other findings are reported, and set how severe
// the incident is.
func TestASilenceOfOneFinding(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, silencedCheck("a"))
	i := in.apply(found("t", "a", "sql", "", 0), Meta{Tier: "critical"})[0]
	if i.State != sentinel.Suppressed {
		t.Errorf("silenced alone: %s", i.State)
	}
	warn := found("t", "b", "sql", "", 1)
	warn.Findings[0].Status = sentinel.Warn
	i = in.apply(warn, Meta{Tier: "info"})[0]
	if i.State != sentinel.Open || i.Severity != sentinel.Warn || i.Message != "b " || !i.Findings[0].Silenced {
		t.Errorf("%+v", i)
	}
}

type silencedCheck string

func (silencedCheck) flaps() notify.Flaps { return notify.Flaps{}.OrDefault() }

func (s silencedCheck) suppressed(i sentinel.Incident, now time.Time) (string, bool) {
	return notify.Quiet{Silences: []notify.Silence{{Check: string(s), From: now, Until: now.Add(1), Who: "ann"}}}.Suppressed(i, now)
}

func (silencedCheck) repairedFirst(sentinel.Incident) bool { return false }

// While a dataset is repaired, all its findings wait. When the repair has succeeded, what
// is left is reported.
func TestAllFindingsWaitForTheRepair(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	a := w.agent
	policy := &repair.Policy{ID: "p", Table: w.table, On: []string{"row_count"}, Mode: repair.Auto, Action: panickingAction{}}
	if err := policy.Validate(); err != nil {
		t.Fatal(err)
	}
	a.engine.SetPolicies([]*repair.Policy{policy})
	rows := found("orders", "rows", "row_count", "", 0)
	rows.Tick = w.now
	fresh := found("orders", "fresh", "freshness", "", 0)
	fresh.Tick = w.now
	a.mu.Lock()
	a.resolved = true
	a.incidents.update(fresh, Meta{Tier: "critical"})
	a.incidents.update(rows, Meta{Tier: "critical"})
	i := a.incidents.settle(w.table)[0]
	why, waits := a.withheld(i, w.now)
	_, late := a.withheld(i, w.now.Add(repairGrace))
	a.mu.Unlock()
	if i.State != sentinel.Repairing || !waits || late {
		t.Errorf("%s, waits %t (%s), after half an hour %t", i.State, waits, why, late)
	}
	rows.Status, rows.Findings = sentinel.Pass, nil
	a.mu.Lock()
	i = a.incidents.apply(rows, Meta{Tier: "critical"})[0]
	_, waits = a.withheld(i, w.now)
	a.mu.Unlock()
	if waits || i.State == sentinel.Resolved {
		t.Errorf("what the repair did not help still waits: %+v", i)
	}
	a.repairMoved(t.Context(), sentinel.Repair{ID: "r", Incident: i.ID, Table: w.table, State: sentinel.RepairSucceeded,
		Plan: sentinel.Plan{Action: "sql"}})
	if i, _ = a.incidents.find(i.ID); i.State != sentinel.Open || i.Note != "repair r (sql): succeeded" {
		t.Errorf("%s: %s", i.State, i.Note)
	}
}
