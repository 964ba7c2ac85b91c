package agent

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	_ "github.com/sentinel-dq/sentinel/repair/alter"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A verified ALTER moves the learned baseline for the column that it added. What somebody
// else added stays a drift. The check is run again at once, and the audit log has why. A
// check that has learned nothing yet does not hinder it.
func TestTheBaselineFollowsAVerifiedAlter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "w.db")
	testenv.Exec(t, "sqlite", file, "CREATE TABLE t (id integer)")
	db, err := warehouse.Open(warehouse.Config{
		Name: "w", DSN: sentinel.NewSecret("sqlite:" + file), Clock: sentinel.ClockFunc(time.Now),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	a := newAgent(memory, time.Now)
	begin(t, a)
	of := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}
	d := Dataset{Table: of, Location: time.UTC, Checks: []Check{everySecond(t, "shape", &checks.Schema{})}}
	plan := Plan{Warehouses: map[string]*warehouse.DB{"w": db}, CatchUp: "one"}
	a.setPlan(plan)
	a.setDatasets([]Dataset{d})
	l := newLoop(a, "w", plan)
	at := time.Now().UTC().Truncate(time.Second)
	a.runTick(t.Context(), l, at, splitBySchedule(l.plan, &d))
	testenv.Exec(t, "sqlite", file, "ALTER TABLE t ADD COLUMN note text", "ALTER TABLE t ADD COLUMN other text")
	a.runTick(t.Context(), l, at.Add(time.Second), splitBySchedule(l.plan, &d))
	keys := func() string {
		var all []string
		for _, f := range a.incidents.open[of].OpenFindings() {
			all = append(all, f.Key)
		}
		return strings.Join(all, " ")
	}
	if got := keys(); got != "column_added:note column_added:other" {
		t.Fatalf("before: %s", got)
	}
	details, err := json.Marshal(map[string]string{"Kind": string(sentinel.ColumnAdded), "Column": "note"})
	if err != nil {
		t.Fatal(err)
	}
	d.Checks = append(d.Checks, everySecond(t, "new", &checks.Schema{}), everySecond(t, "young", &checks.Schema{}))
	a.setDatasets([]Dataset{d})
	a.repairMoved(t.Context(), sentinel.Repair{
		ID: "r1", Table: of, State: sentinel.RepairSucceeded, Plan: sentinel.Plan{Action: "alter_table", Details: details},
	})
	if got := keys(); got != "column_added:other" {
		t.Errorf("after: %s", got)
	}
	log, err := memory.Audit(t.Context(), "shape", 1)
	if err != nil || len(log) != 1 || log[0].What != "baseline.accept" || log[0].Detail != "repair r1: column_added of note" {
		t.Errorf("%+v, %v", log, err)
	}
}

// An alter_table is not tried for a check that compares with what it learned: it does not
// say what the table should be.
func TestAlterTableNeedsAReference(t *testing.T) {
	t.Parallel()
	action, err := repair.New("alter_table")
	if err != nil {
		t.Fatal(err)
	}
	p := &repair.Policy{Action: action}
	like := table("source")
	for name, c := range map[string]struct {
		why  repair.Trigger
		want bool
	}{
		"learned":  {repair.Trigger{}, false},
		"like":     {repair.Trigger{Like: &like}, true},
		"declared": {repair.Trigger{Declared: []warehouse.Column{{Name: "id"}}}, true},
	} {
		if got := p.Applies(c.why); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
