package repair_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// reading is a target that is read with a DSN of its own.
func (b *bench) reading(dsn string) *repair.Target {
	b.t.Helper()
	read, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: b.engine, DSN: sentinel.Secret(dsn), Now: clock})
	b.must(err)
	b.t.Cleanup(func() { b.must(read.Close()) })
	return &repair.Target{Read: read, Write: b.write, Now: clock, Warehouse: func(string) (*warehouse.DB, error) { return read, nil }}
}

// readAs reads MySQL as a new account, with these privileges alone.
func (b *bench) readAs(user string, grants ...string) *repair.Target {
	b.t.Helper()
	b.exec("CREATE USER '" + user + "'@'%' IDENTIFIED BY 'x'")
	b.t.Cleanup(func() { b.exec("DROP USER '" + user + "'@'%'") })
	for _, g := range grants {
		b.exec("GRANT " + g + " TO '" + user + "'@'%'")
	}
	_, server, _ := strings.Cut(b.dsn, "@")
	return b.reading(user + ":x@" + server)
}

// TestC55 plans as accounts to which MySQL shows less than there is.
func TestC55WhatAnAccountMayNotSeeIsNotTakenForNothing(t *testing.T) {
	t.Parallel()
	b := newBenchAlone(t, "mysql")
	b.orders()
	schema, trigger := "SELECT ON "+b.schema+".*", "TRIGGER ON "+b.schema+".orders"
	tables := []string{"SELECT ON " + b.schema + ".orders", "SELECT ON " + b.schema + ".staging"}
	const noTriggers, noReferrers = "may not see whether the table has triggers", "may not see which tables refer to this one"
	for i, c := range []struct {
		name   string
		grants []string
		action repair.ReloadPartition
		class  sentinel.RepairClass
		why    string
	}{
		{"reads the schema", []string{schema}, repair.ReloadPartition{}, sentinel.ClassApprove, noTriggers},
		{"reads the schema, and is told of no triggers", []string{schema}, repair.ReloadPartition{NoTriggers: true}, sentinel.ClassAuto, ""},
		{"reads the schema, and sees triggers", []string{schema, trigger}, repair.ReloadPartition{}, sentinel.ClassAuto, ""},
		{"reads two tables", append(tables, trigger), repair.ReloadPartition{}, sentinel.ClassApprove, noReferrers},
	} {
		c.action.From = []sentinel.Table{b.table("staging")}
		plan := b.planned(&c.action, b.readAs(fmt.Sprint(b.schema, "_", i), c.grants...)).Repair.Plan
		if plan.Class != c.class || !strings.Contains(plan.Why, c.why) {
			t.Errorf("%s: %s: %s", c.name, plan.Class, plan.Why)
		}
	}
	b.exec("CREATE TABLE kids (id integer PRIMARY KEY, o integer, FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE)")
	target := b.readAs(b.schema+"_kids", schema)
	if _, err := b.fromStaging().Plan(t.Context(), target, b.incident(tuesday)); err == nil || !strings.Contains(err.Error(), "those of kids") {
		t.Errorf("rows of kids would go too: %v", err)
	}
}

// TestC55 takes PostgreSQL's catalog of dependencies away.
func TestC55WithoutTheCatalogOfDependenciesNothingIsPlanned(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.orders()
	user := "reader_" + strings.Trim(queryAll(t, b.driver, b.dsn, "SELECT current_database()"), "|\n")
	b.exec("ALTER TABLE staging ALTER COLUMN note TYPE varchar(40)", "CREATE ROLE "+user+" LOGIN",
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+user, "REVOKE SELECT ON pg_catalog.pg_depend FROM PUBLIC")
	t.Cleanup(func() { b.exec("DROP OWNED BY "+user, "DROP ROLE "+user) })
	target := b.reading(strings.Replace(b.dsn, "postgres://postgres@", "postgres://"+user+"@", 1))
	a := &repair.AlterTable{}
	b.must(a.Validate())
	plan, err := a.Plan(t.Context(), target, b.incident("type_widened:note"))
	if err == nil || !strings.Contains(err.Error(), "pg_depend") {
		t.Errorf("planned %+v, %v", plan, err)
	}
	b.exec("GRANT SELECT ON pg_catalog.pg_depend TO " + user)
	if plan, err = a.Plan(t.Context(), target, b.incident("type_widened:note")); err != nil || plan.Class != sentinel.ClassAuto {
		t.Errorf("with it: %+v, %v", plan, err)
	}
}
