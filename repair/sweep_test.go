package repair_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// example is a configured action and the finding it is for. Those that act on
// the target, or on a receiver that is there, are applied and taken back; the
// others are planned here and carried out against their own servers elsewhere.
type example struct {
	action repair.Action
	key    string
	apply  bool
}

func examples(b *bench, receiver string) map[string][]example {
	staging := []sentinel.Table{b.table("staging")}
	return map[string][]example{
		"reload_partition": {{&repair.ReloadPartition{From: staging}, tuesday, true}, {&repair.ReloadPartition{From: staging, Method: "merge"}, tuesday, true}},
		"alter_table":      {{&repair.AlterTable{}, "column_added:coupon", b.engine != "sqlite"}}, // SQLite drops no column beside an open reader
		"sql":              {{&repair.SQL{Do: []string{"UPDATE orders SET note = 'fixed' WHERE id = 1"}, Undo: []string{"UPDATE orders SET note = 'old' WHERE id = 1"}}, tuesday, true}},
		"exec":             {{&repair.Exec{Command: []string{"/bin/true"}, Undo: []string{"/bin/true"}}, tuesday, true}},
		"webhook":          {{&repair.Webhook{URL: sentinel.Secret(receiver + "/do"), UndoURL: sentinel.Secret(receiver + "/undo")}, tuesday, true}},
		"airflow":          {{&repair.Airflow{URL: receiver, DAG: "reload", Token: "t"}, tuesday, false}},
		"dbt":              {{&repair.DBT{Program: "/bin/true", Project: b.t.TempDir(), Select: []string{"orders"}}, tuesday, false}},
		"kubernetes":       {{&repair.Kubernetes{CronJob: "reload", Namespace: "etl"}, tuesday, false}},
	}
}

// Every action there is, on every engine: a plan changes nothing, says for each
// step how it is taken back or why it is not, and what is applied and taken back
// leaves the table as it was.
func TestEveryActionPlansWithoutATraceAndIsTakenBack(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		b.exec("ALTER TABLE staging ADD COLUMN coupon varchar(12)")
		before, target := b.content("orders"), b.target()
		all := examples(b, receiver.URL)
		for _, kind := range repair.Actions() {
			if len(all[kind]) == 0 {
				t.Errorf("%s: no example of this action is swept", kind)
			}
			for n, e := range all[kind] {
				b.must(e.action.Validate())
				plan, err := e.action.Plan(t.Context(), target, b.incident(e.key))
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				if b.content("orders") != before {
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
				r := &repair.Run{Target: target, Repair: sentinel.Repair{ID: id, Key: id, Table: b.table("orders"), Plan: plan, Fence: 1, Attempts: 1}}
				b.must(e.action.Stage(t.Context(), r), e.action.Apply(t.Context(), r), e.action.Rollback(t.Context(), r))
				if got := b.content("orders"); got != before {
					t.Fatalf("%s: applied and taken back, the table holds\n%s", kind, got)
				}
			}
		}
	})
}
