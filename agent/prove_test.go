package agent

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// proving is an agent that repairs the orders of a fixture, on a clock of its own. Its
// second day has five rows, and its source has eight.
type proving struct {
	*repairtest.Fixture
	agent  *Agent
	policy *repair.Policy
	plan   Plan
	sets   []Dataset
	clock  time.Time
}

func newProving(t *testing.T, engine string, from ...string) *proving {
	t.Helper()
	p := &proving{Fixture: repairtest.New(t, engine), clock: repairtest.Day0.AddDate(0, 0, 2).Add(3 * time.Hour)}
	p.CreateOrders()
	a := &reload.Partition{}
	for _, source := range from {
		a.From = append(a.From, p.Table(source))
	}
	none, noFlap := time.Duration(0), time.Duration(0)
	p.policy = &repair.Policy{ID: "reload", Table: p.Table("orders"), On: []string{"row_count", "sql"}, Mode: repair.Auto,
		Action: a, Kind: "reload_partition", Cooldown: &none, FlapWindow: &noFlap, Attempts: 9}
	p.Must(p.policy.Validate())
	p.sets = []Dataset{{Table: p.Table("orders"), TimeColumn: "at", Location: time.UTC, Repairs: []*repair.Policy{p.policy}}}
	return p
}

// add adds a check to the orders; id is also its name.
func (p *proving) add(id string, c checks.Check) { p.addTo(&p.sets[0], id, c) }

func (p *proving) addTo(d *Dataset, id string, c checks.Check) {
	p.T.Helper()
	c.Common().ID = id
	p.Must(c.Validate())
	d.Checks = append(d.Checks, Check{Check: c, Meta: Meta{Tier: "critical"}})
}

// begin starts an agent on the state, as after a restart.
func (p *proving) begin() {
	p.T.Helper()
	clock := sentinel.ClockFunc(func() time.Time { return p.clock })
	p.agent = New(Config{
		Store: p.Store, Metrics: exporters.NewPrometheus("test"), Clock: clock, Log: slog.New(slog.DiscardHandler),
		Repair: &repair.Config{Store: p.Store, Holder: "agent", Clock: clock},
	})
	begin(p.T, p.agent)
	p.plan = Plan{Warehouses: map[string]*warehouse.DB{"w": p.Read}, Writers: map[string]*repair.Writer{"w": p.Write}}
	p.agent.setPlan(p.plan)
	p.agent.setDatasets(p.sets)
}

// statuses runs all checks of the orders once, and returns their statuses in order.
func (p *proving) statuses() string {
	p.T.Helper()
	var out []string
	for _, c := range p.sets[0].Checks {
		id := c.Common().ID
		results, err := p.agent.checkAgain(p.T.Context(), p.plan, sentinel.Repair{Check: id, Table: p.Table("orders")}, false)
		p.Must(err)
		out = append(out, id+" "+results[id].Status.String())
	}
	return strings.Join(out, ", ")
}

// incident returns the incident of an open finding of a check; ok is false if it has none.
func (p *proving) incident(check string) (i sentinel.Incident, ok bool) {
	p.T.Helper()
	open, err := p.Store.OpenIncidents(p.T.Context())
	p.Must(err)
	for _, i := range open {
		for _, part := range i.Parts() {
			if part.Check == check {
				return part, true
			}
		}
	}
	return i, false
}

// repair plans a repair of a check's incident and carries it out. It returns nil if none
// was planned.
func (p *proving) repair(check string) *sentinel.Repair {
	p.T.Helper()
	p.clock = p.clock.Add(time.Second)
	_, err := p.agent.checkAgain(p.T.Context(), p.plan, sentinel.Repair{Check: check, Table: p.Table("orders")}, false)
	p.Must(err) // what it found before a repair says nothing of the data after it
	i, ok := p.incident(check)
	if !ok {
		p.T.Fatalf("%s has no open incident", check)
	}
	results, err := p.Store.LastResults(p.T.Context(), store.Filter{Check: check})
	p.Must(err)
	r, err := p.agent.engine.PlanRepair(p.T.Context(), p.policy, p.agent.trigger(i, results[0]))
	p.Must(err)
	if r == nil {
		return nil
	}
	p.Must(p.agent.engine.Advance(p.T.Context()))
	done := p.Get(r.ID)
	return &done
}

func (p *proving) want(r *sentinel.Repair, state sentinel.RepairState, says ...string) {
	p.T.Helper()
	if r == nil {
		p.T.Fatalf("no repair was planned, want one that is %s", state)
	}
	for _, text := range says {
		if !strings.Contains(r.Message, text) {
			p.T.Errorf("%q does not say %q", r.Message, text)
		}
	}
	if r.State != state {
		p.T.Fatalf("%s: %s; want %s; %+v", r.State, r.Message, state, r.Proof)
	}
}

// perDay fails unless the second day has at least so many rows.
func perDay(t *testing.T, fewest int) *checks.RowCount {
	t.Helper()
	return &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: atMost(t, fewest-1)}
}

// atMost is the condition that a count is at most n.
func atMost(t *testing.T, n int) checks.Bound {
	t.Helper()
	b, err := checks.ParseBound(fmt.Sprintf("<= %d", n))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func onEngines(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range repairtest.Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, engine)
		})
	}
}

// A source whose rows cannot satisfy the check is not applied. That survives a restart,
// and ends when the source has other rows.
func TestSourceThatWouldNotHelp(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging")
		p.add("day", perDay(t, 9))
		p.begin()
		if got := p.statuses(); got != "day fail" {
			t.Fatal(got)
		}
		before := p.Rows("orders")
		r := p.repair("day")
		p.want(r, sentinel.WouldNotHelp, "nothing was applied", p.Table("staging").String(),
			"day would still fail: 8 rows for 2026-03-11, expected > 8")
		if p.Rows("orders") != before || !r.Applied.IsZero() {
			t.Errorf("the table holds\n%s", p.Rows("orders"))
		}
		i, _ := p.incident("day")
		if i.State != sentinel.Escalated || !strings.Contains(i.Note, "would not help: nothing was applied") {
			t.Errorf("the incident is %s: %s", i.State, i.Note)
		}
		if again := p.repair("day"); again != nil {
			t.Errorf("planned again at once: %s %s", again.State, again.Message)
		}
		notified := i.Transitions
		p.begin()
		p.clock = p.clock.Add(time.Hour)
		p.want(p.repair("day"), sentinel.WouldNotHelp, "its rows have not changed since repair "+r.ID)
		if i, _ := p.incident("day"); i.Transitions != notified || p.Rows("orders") != before {
			t.Errorf("the incident has %d transitions, and had %d", i.Transitions, notified)
		}
		p.Exec("INSERT INTO staging VALUES (190, 1, 'new', '2026-03-11 09:00:00')")
		p.want(p.repair("day"), sentinel.RepairSucceeded, "verified: 9 rows")
		if i, open := p.incident("day"); open {
			t.Errorf("still open: %+v", i)
		}
	})
}

// The next source is tried where the first would not help.
func TestNextSourceIsTried(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging", "spare")
		p.Exec("CREATE TABLE spare AS SELECT * FROM staging",
			"INSERT INTO spare VALUES (190, 1, 'new', '2026-03-11 09:00:00')")
		p.add("day", perDay(t, 9))
		p.begin()
		p.statuses()
		r := p.repair("day")
		p.want(r, sentinel.RepairSucceeded)
		if r.Source != p.Table("spare").String() || len(r.Unhelpful) != 1 || r.Proof.Source != r.Source {
			t.Errorf("from %q, unhelpful %+v", r.Source, r.Unhelpful)
		}
	})
}

// A repair is not applied where another check passes and would fail. What fails already
// and gets no worse does not keep it from being applied.
func TestOtherChecksCountToo(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		where := func(condition string, fail checks.Bound) checks.Check {
			return &checks.RowCount{Fail: fail, Options: checks.Options{Where: condition}}
		}
		p := newProving(t, engine, "staging")
		p.add("day", perDay(t, 8))
		p.add("corrections", where("amount < 0", atMost(t, 0))) // fails before and after: no row is one
		p.add("marked", where("note = 'old'", atMost(t, 12)))   // 15 rows, and 10 after
		p.begin()
		if got := p.statuses(); got != "day fail, corrections fail, marked pass" {
			t.Fatal(got)
		}
		before := p.Rows("orders")
		r := p.repair("day")
		p.want(r, sentinel.WouldNotHelp, "marked would fail: 10 rows, expected > 12")
		if strings.Contains(r.Message, "corrections") || p.Rows("orders") != before {
			t.Errorf("%s\n%s", r.Message, p.Rows("orders"))
		}
		p.sets[0].Checks = p.sets[0].Checks[:2]
		p.begin()
		p.clock = p.clock.Add(time.Hour)
		p.want(p.repair("day"), sentinel.RepairSucceeded)
	})
}

// A dependent that compares itself with the table has a say.
func TestDependentsCountToo(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging")
		p.Exec("CREATE TABLE report AS SELECT * FROM orders")
		p.add("day", perDay(t, 8))
		report := Dataset{Table: p.Table("report"), Location: time.UTC, DependsOn: []sentinel.Table{p.Table("orders")}}
		orders := p.Table("orders")
		p.addTo(&report, "follows", &checks.Reconcile{With: &orders})
		p.addTo(&report, "alone", &checks.RowCount{Fail: atMost(t, 100)})
		p.sets = append(p.sets, report)
		p.begin()
		p.statuses()
		p.want(p.repair("day"), sentinel.WouldNotHelp, "follows would fail: rows: 15, 18 in "+orders.String())
		p.Exec("DELETE FROM report WHERE id = 0") // it does not agree before either
		p.sets[1].Checks = p.sets[1].Checks[:1]
		p.begin()
		p.clock = p.clock.Add(time.Hour)
		p.want(p.repair("day"), sentinel.WouldNotHelp, "follows would fail: rows: 14, 18 in") // and would less then
		p.Exec("DELETE FROM report")
		p.Exec("INSERT INTO report SELECT * FROM orders WHERE id < 100 OR id > 150", // 18 rows, and 10 + 8 after
			"INSERT INTO report SELECT * FROM staging")
		p.clock = p.clock.Add(3 * time.Hour)
		p.want(p.repair("day"), sentinel.RepairSucceeded)
	})
}

// What cannot be judged on staged rows is judged after the exchange. A repair that is
// taken back is not applied again while its source has the same rows.
func TestTakenBackIsNotAppliedAgain(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging")
		p.add("day", perDay(t, 8))
		p.add("total", &checks.SQL{Query: "SELECT -count(*) FROM orders", Fail: atMost(t, -16)})
		p.begin()
		if got := p.statuses(); got != "day fail, total pass" {
			t.Fatal(got)
		}
		before := p.Rows("orders")
		first := p.repair("day")
		p.want(first, sentinel.RolledBack, "the check passes, and others fail since: total would fail: the query answers -18")
		if len(first.Proof.LeftOut) != 1 || first.Proof.LeftOut[0].Check != "total" || !slices.Contains(first.Proof.Judged, "day") {
			t.Errorf("proof %+v", first.Proof)
		}
		p.begin()
		r := p.repair("day")
		p.want(r, sentinel.WouldNotHelp, "its rows are those that repair "+first.ID+" put into the table and took back")
		if p.Rows("orders") != before {
			t.Errorf("the table holds\n%s", p.Rows("orders"))
		}
		p.Exec("UPDATE staging SET note = 'newer'")
		p.clock = p.clock.Add(time.Hour)
		p.want(p.repair("day"), sentinel.RolledBack)
		p.Exec("UPDATE staging SET note = 'newest'")
		p.sets[0].Checks = p.sets[0].Checks[:1]
		p.begin()
		p.clock = p.clock.Add(time.Hour)
		p.want(p.repair("day"), sentinel.RepairSucceeded)
	})
}

// Rows that others take away after a repair speak of them, and not of the source: where
// every check passed on the staged rows, the same rows are applied again.
func TestRowsThatOthersTakeSayNothingOfTheSource(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging")
		p.policy.Settle = time.Minute
		p.add("day", perDay(t, 8))
		p.begin()
		p.statuses()
		ends := func(r *sentinel.Repair, state sentinel.RepairState, says ...string) {
			t.Helper()
			p.want(r, sentinel.RepairApplied)
			p.clock = p.clock.Add(time.Hour)
			p.Must(p.agent.engine.Advance(t.Context()))
			done := p.Get(r.ID)
			p.want(&done, state, says...)
		}
		first := p.repair("day")
		p.Exec("DELETE FROM orders WHERE id IN (101, 102)")
		ends(first, sentinel.DeadLetter, "stays: somebody has written to the window since")
		ends(p.repair("day"), sentinel.RepairSucceeded)
	})
}

// A verified repair runs all open checks of the dataset again, not only its own.
func TestVerifiedRepairRunsAllOpenChecks(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging")
		p.add("day", perDay(t, 8))
		p.add("total", &checks.RowCount{Fail: atMost(t, 17)})
		p.add("total by query", &checks.SQL{Query: "SELECT count(*) FROM orders", Fail: atMost(t, 17)})
		p.begin()
		if got := p.statuses(); got != "day fail, total fail, total by query fail" {
			t.Fatal(got)
		}
		p.want(p.repair("day"), sentinel.RepairSucceeded)
		if open, err := p.Store.OpenIncidents(t.Context()); err != nil || len(open) > 0 {
			t.Errorf("still open: %+v, %v", open, err)
		}
	})
}

// A trigger that waited while a repair of its incident ran plans nothing: what the data is
// like since, the next tick says.
func TestTriggersThatWaitedPlanNothing(t *testing.T) {
	t.Parallel()
	p := newProving(t, "sqlite", "staging")
	p.add("day", perDay(t, 9))
	p.begin()
	p.statuses()
	trigger := func() repair.Trigger {
		i, _ := p.incident("day")
		results, err := p.Store.LastResults(t.Context(), store.Filter{Check: "day"})
		p.Must(err)
		return p.agent.trigger(i, results[0])
	}
	planned := func() int {
		all, err := p.Store.Repairs(t.Context(), store.RepairFilter{})
		p.Must(err)
		return len(all)
	}
	waited := trigger()
	p.want(p.repair("day"), sentinel.WouldNotHelp)
	p.clock = p.clock.Add(time.Hour)
	if p.agent.consider(t.Context(), []repair.Trigger{waited}); planned() != 1 {
		t.Errorf("%d repairs: the trigger is older than the end of the first", planned())
	}
	p.statuses()
	if p.agent.consider(t.Context(), []repair.Trigger{trigger()}); planned() != 2 {
		t.Errorf("%d repairs: the check has failed since", planned())
	}
	p.Exec("INSERT INTO staging VALUES (190, 1, 'new', '2026-03-11 09:00:00')")
	waited = trigger()
	p.Must(p.agent.engine.Advance(t.Context()))
	if _, open := p.incident("day"); open {
		t.Fatal("the second repair did not help")
	}
	waited.Result.Tick = p.clock.Add(time.Hour)
	if p.agent.consider(t.Context(), []repair.Trigger{waited}); planned() != 2 {
		t.Errorf("%d repairs: the incident has ended", planned())
	}
}

// The counters of repairs begin at 0, so that the first is an increase.
func TestCountersOfRepairsBeginAtZero(t *testing.T) {
	t.Parallel()
	p := newProving(t, "sqlite", "staging")
	p.add("day", perDay(t, 8))
	p.begin()
	p.agent.describe(p.sets)
	for _, outcome := range []string{"succeeded", "would_not_help", "rolled_back", "failed", "dead_letter"} {
		if v := p.counted(outcome); v != "0" {
			t.Errorf("%s begins at %q", outcome, v)
		}
	}
	p.statuses()
	p.want(p.repair("day"), sentinel.RepairSucceeded)
	p.agent.setDatasets(p.sets) // as a reload does
	p.agent.describe(p.sets)
	if v := p.counted("succeeded"); v != "1" {
		t.Errorf("after a repair and a reload: %q", v)
	}
}

// counted returns what the metrics say of an outcome; "" if they do not have it.
func (p *proving) counted(outcome string) string {
	p.T.Helper()
	w := httptest.NewRecorder()
	p.agent.metrics.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "sentinel_repairs_total{") && strings.Contains(line, `outcome="`+outcome+`"`) {
			return strings.TrimSpace(line[strings.LastIndex(line, "} ")+2:])
		}
	}
	return ""
}
