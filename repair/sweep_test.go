package repair_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/alter"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// example is a configured action and the finding it is for. Those that act on
// the target, or on a receiver that is there, are applied and taken back; the
// others are planned here and carried out against their own servers elsewhere.
type example struct {
	action repair.Action
	key    string
	apply  bool
}

func examples(b *repairtest.Fixture, receiver string) map[string][]example {
	staging := []sentinel.Table{b.Table("staging")}
	return map[string][]example{
		"reload_partition": {
			{&reload.Partition{From: staging}, repairtest.MissingDay, true},
			{&reload.Partition{From: staging, Method: "merge"}, repairtest.MissingDay, true},
		},
		"reload_keys": {{&reload.Keys{}, "rows", true}},
		"alter_table": {
			{&alter.Table{}, "column_added:coupon", b.Engine != "sqlite"},
		}, // SQLite drops no column beside an open reader
		"sql": {
			{
				&hooks.SQL{
					Do:   []string{"UPDATE orders SET note = 'fixed' WHERE id = 1"},
					Undo: []string{"UPDATE orders SET note = 'old' WHERE id = 1"},
				},
				repairtest.MissingDay,
				true,
			},
		},
		"exec": {
			{&hooks.Exec{Command: []string{"/bin/true"}, Undo: []string{"/bin/true"}}, repairtest.MissingDay, true},
		},
		"webhook": {
			{
				&hooks.Webhook{URL: sentinel.NewSecret(receiver + "/do"), UndoURL: sentinel.NewSecret(receiver + "/undo")},
				repairtest.MissingDay,
				true,
			},
		},
		"airflow": {
			{&hooks.Airflow{URL: receiver, DAG: "reload", Token: sentinel.NewSecret("t")}, repairtest.MissingDay, false},
		},
		"dbt": {
			{&hooks.DBT{Program: "/bin/true", Project: b.T.TempDir(), Select: []string{"orders"}}, repairtest.MissingDay, false},
		},
		"kubernetes": {{&hooks.Kubernetes{CronJob: "reload", Namespace: "etl"}, repairtest.MissingDay, false}},
	}
}

// secondDay compares the rows of the second day with those of staging.
type secondDay struct{ b *repairtest.Fixture }

func (c secondDay) With() sentinel.Table { return c.b.Table("staging") }

func (c secondDay) CompareRows(ctx context.Context, most int) (*rowdiff.Comparison, *rowdiff.Result, error) {
	with := c.With()
	check := &checks.Reconcile{
		With:   &with,
		ByRows: checks.ByRows{Key: []string{"id"}, Columns: []string{"amount", "note", "at"}},
	}
	check.Common().Where = "at >= '2026-03-11' AND at < '2026-03-12'"
	if err := check.Validate(); err != nil {
		return nil, nil, err
	}
	env := checks.Env{Clock: repairtest.Clock, Warehouse: func(string) (*warehouse.DB, error) { return c.b.Read, nil }}
	return checks.CompareRows(ctx, env, checks.Job{Table: c.b.Table("orders"), Location: time.UTC,
		Tick: repairtest.Clock(), Checks: []checks.Check{check}}, most)
}

// shipped are the actions that are no test's own.
func shipped() []string {
	return slices.DeleteFunc(repair.Actions(), func(kind string) bool { return strings.HasPrefix(kind, "test_") })
}

// Every action there is, on every engine: a plan changes nothing, says for each
// step how it is taken back or why it is not, and what is applied and taken back
// leaves the table as it was.
func TestEveryActionPlansReadOnlyAndRollsBack(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		before, target := b.Rows("orders"), b.Target()
		all := examples(b, receiver.URL)
		for _, kind := range shipped() {
			if len(all[kind]) == 0 {
				t.Errorf("%s: no example of this action is swept", kind)
			}
			for n, e := range all[kind] {
				b.Must(e.action.Validate())
				why := b.OpenIncident(e.key)
				why.Rows = secondDay{b}
				plan, err := e.action.Plan(t.Context(), target, why)
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				if b.Rows("orders") != before {
					t.Fatalf("%s: the plan changed the table", kind)
				}
				for _, s := range plan.Steps {
					if (len(s.Undo) == 0) == (s.NoUndo == "") {
						t.Errorf("%s, step %s: undo %q, and why not %q", kind, s.Name, s.Undo, s.NoUndo)
					}
				}
				if !e.apply {
					continue
				}
				plan.Action = kind
				id := kind[:3] + string(rune('a'+n))
				r := &repair.Run{
					Target: target,
					Repair: sentinel.Repair{ID: id, Key: id, Table: b.Table("orders"), Plan: plan, Fence: 1, Attempts: 1},
				}
				b.Must(e.action.Stage(t.Context(), r), e.action.Apply(t.Context(), r), e.action.Rollback(t.Context(), r))
				if got := b.Rows("orders"); got != before {
					t.Fatalf("%s: applied and taken back, the table holds\n%s", kind, got)
				}
			}
		}
	})
}

func TestZeroValuesFailCleanly(t *testing.T) {
	t.Parallel()
	for _, kind := range shipped() {
		a, err := repair.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Validate(); err != nil && err.Error() == "" {
			t.Errorf("%s: an empty error", kind)
		}
		if _, err := os.Stat("../docs/repair/" + kind + ".md"); err != nil {
			t.Error(err)
		}
	}
}
