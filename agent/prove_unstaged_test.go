package agent

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/alter"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// What adds the rows that the failed check misses, with a note of their own, and removes
// them.
const (
	lateRows = "INSERT INTO orders SELECT id, amount, 'late', at FROM staging WHERE id NOT IN (SELECT id FROM orders)"
	noLate   = "DELETE FROM orders WHERE note = 'late'"
)

// by makes another action repair the orders.
func (p *proving) by(kind string, action repair.Action) {
	p.T.Helper()
	p.policy.Action, p.policy.Kind = action, kind
	p.Must(action.Validate())
}

// receiver asks for SQL in the orders, as a hook's receiver would do.
func (p *proving) receiver() *hooks.Webhook {
	p.T.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/undo" {
			p.Exec(noLate)
			return
		}
		p.Exec(lateRows)
	}))
	p.T.Cleanup(server.Close)
	return &hooks.Webhook{URL: sentinel.NewSecret(server.URL + "/do"), UndoURL: sentinel.NewSecret(server.URL + "/undo")}
}

// What nothing is staged of is judged afterwards by all checks of the dataset: one that
// passed before and fails since takes it back. What failed before, and gets no worse, does
// not.
func TestUnstagedRepairsAreJudgedByAllChecks(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		for _, kind := range []string{"sql", "webhook"} {
			p := newProving(t, engine, "staging")
			var action repair.Action = &hooks.SQL{Do: []string{lateRows}, Undo: []string{noLate}}
			if kind == "webhook" {
				action = p.receiver()
			}
			p.by(kind, action)
			few := &checks.RowCount{Fail: above(t, 0), Options: checks.Options{Where: "note = 'late'"}}
			p.add("day", perDay(t, 8))
			p.add("corrections", &checks.RowCount{Fail: atMost(t, 0), Options: checks.Options{Where: "amount < 0"}})
			p.add("late", few)
			p.begin()
			if kind == "webhook" { // a hook needs no account that writes
				p.plan.Writers = map[string]*repair.Writer{}
				p.plan.Warehouses = map[string]*warehouse.DB{"w": p.Read}
				p.agent.setPlan(p.plan)
			}
			if got := p.statuses(); got != "day fail, corrections fail, late pass" {
				t.Fatal(got)
			}
			before := p.Rows("orders")
			r := p.repair("day")
			p.want(r, sentinel.RolledBack, "the check passes, and others fail since: late would fail")
			if p.Rows("orders") != before {
				t.Errorf("the table holds\n%s", p.Rows("orders"))
			}
			p.sets[0].Checks = p.sets[0].Checks[:2]
			p.begin()
			p.want(p.repair("day"), sentinel.RepairSucceeded)
			if _, open := p.incident("corrections"); !open {
				t.Errorf("%s: what failed before has ended", kind)
			}
		}
	})
}

// A column that an alter_table adds is new to a check that compares with what it has
// learned. That does not speak against it: what was learned follows.
func TestAlterIsNotTakenBackForWhatWasLearned(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging")
		staging := p.Table("staging")
		p.by("alter_table", &alter.Table{})
		p.policy.On = []string{"schema.column_added"}
		p.add("follows", &checks.Schema{Like: &staging})
		p.add("shape", &checks.Schema{})
		p.begin()
		p.statuses()
		p.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(20)")
		if got := p.statuses(); !strings.HasSuffix(got, ", shape pass") || strings.HasPrefix(got, "follows pass") {
			t.Fatal(got)
		}
		p.want(p.repair("follows"), sentinel.RepairSucceeded)
		if open, err := p.Store.OpenIncidents(t.Context()); err != nil || len(open) > 0 {
			t.Errorf("still open: %+v, %v", open, err)
		}
	})
}

// above is the condition that a count is more than n.
func above(t *testing.T, n int) checks.Bound {
	t.Helper()
	b, err := checks.ParseBound(fmt.Sprintf("> %d", n))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestViewsShowNoStagedRows: a view over the table reads the table itself, not the rows that
// stand in for it. Its checks cannot be judged before the exchange, and the proof says so.
func TestViewsShowNoStagedRows(t *testing.T) {
	t.Parallel()
	onEngines(t, func(t *testing.T, engine string) {
		p := newProving(t, engine, "staging")
		p.Exec("CREATE VIEW seen AS SELECT * FROM orders")
		p.add("day", perDay(t, 8))
		seen := Dataset{Table: p.Table("seen"), Location: time.UTC, DependsOn: []sentinel.Table{p.Table("orders")}}
		p.addTo(&seen, "of the view", &checks.RowCount{Fail: atMost(t, 17)}) // 15 rows now, 18 after the reload
		p.sets = append(p.sets, seen)
		p.begin()
		p.statuses()
		r := p.repair("day")
		p.want(r, sentinel.RepairSucceeded)
		if out := r.Proof.LeftOut; len(out) != 1 || out[0].Check != "of the view" ||
			!strings.Contains(out[0].Why, "shows none of the staged rows") {
			t.Errorf("left out: %+v", out)
		}
	})
}
