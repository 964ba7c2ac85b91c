package reload_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// readAs reads MySQL as a new account, with these privileges alone.
func readAs(b *repairtest.Fixture, user string, grants ...string) *repair.Target {
	b.T.Helper()
	b.Exec("CREATE USER '" + user + "'@'%' IDENTIFIED BY 'x'")
	b.T.Cleanup(func() { b.Exec("DROP USER '" + user + "'@'%'") })
	for _, g := range grants {
		b.Exec("GRANT " + g + " TO '" + user + "'@'%'")
	}
	_, server, _ := strings.Cut(b.Owner, "@")
	return b.TargetReadBy(user + ":x@" + server)
}

// TestC55 plans as accounts to which MySQL shows less than there is.
func TestC55HiddenDependentsNeedApproval(t *testing.T) {
	t.Parallel()
	b := repairtest.NewAlone(t, "mysql")
	b.CreateOrders()
	schema, trigger := "SELECT ON "+b.Schema+".*", "TRIGGER ON "+b.Schema+".orders"
	tables := []string{"SELECT ON " + b.Schema + ".orders", "SELECT ON " + b.Schema + ".staging"}
	const noTriggers, noReferrers = "may not see whether the table has triggers", "may not see which tables refer to this one"
	for i, c := range []struct {
		name   string
		grants []string
		action reload.Partition
		class  sentinel.RepairClass
		why    string
	}{
		{"reads the schema", []string{schema}, reload.Partition{}, sentinel.ClassApprove, noTriggers},
		{"reads the schema, and no_triggers is set", []string{schema}, reload.Partition{NoTriggers: true}, sentinel.ClassAuto, ""},
		{"reads the schema, and sees triggers", []string{schema, trigger}, reload.Partition{}, sentinel.ClassAuto, ""},
		{"reads two tables", append(tables, trigger), reload.Partition{}, sentinel.ClassApprove, noReferrers},
	} {
		c.action.From = []sentinel.Table{b.Table("staging")}
		plan := b.NewRun(&c.action, readAs(b, fmt.Sprint(b.Schema, "_", i), c.grants...)).Repair.Plan
		if plan.Class != c.class || !strings.Contains(plan.Why, c.why) {
			t.Errorf("%s: %s: %s", c.name, plan.Class, plan.Why)
		}
	}
	b.Exec("CREATE TABLE kids (id integer PRIMARY KEY, o integer, FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE)")
	target := readAs(b, b.Schema+"_kids", schema)
	if _, err := b.ReloadFromStaging().Plan(t.Context(), target, b.OpenIncident(repairtest.MissingDay)); err == nil || !strings.Contains(err.Error(), "those of kids") {
		t.Errorf("rows of kids would go too: %v", err)
	}
}
