package alter

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { repair.Register("alter_table", func() repair.Action { return &Table{} }) }

// Table makes a table follow a schema: a column that its source has is
// added, a type that grew there grows here. One change a repair. Only changes
// of the catalog alone may go ahead without a person; what would rewrite the
// table, lose data or break readers is refused and said.
type Table struct {
	// OwnerRole is taken on for the ALTER alone (PostgreSQL: only a table's owner
	// may alter it).
	OwnerRole string `yaml:"owner_role" doc:"Role to SET before the statements."`
	// MaxPartitions bounds how many leaves an ALTER of their root locks; default 1000.
	MaxPartitions int `yaml:"max_partitions" default:"1000" doc:"A table with more partitions is refused."`
	// Held puts the ALTER off while a transaction has held the table for longer;
	// default 30s.
	Held time.Duration `yaml:"put_off_after" default:"30s" doc:"A repair waits while a transaction holds the table this long."`
}

// Validate implements Action.
func (a *Table) Validate() error {
	if err := settings.Complete(a); err != nil {
		return err
	}
	if a.MaxPartitions < 1 {
		return settings.Wrong("max_partitions", "must be positive")
	}
	if a.Held < 0 {
		return settings.Wrong("put_off_after", "must be positive")
	}
	return nil
}

// alteration is what a plan's Details hold.
type alteration struct {
	Kind    sentinel.DriftKind
	Column  string
	Type    string // wanted, as the engine spells it
	Forward string
	Reverse string // "" when there is none
	Default string // a constant that old rows have in an added column; "" for NULL
	Role    string
}

// Plan implements Action.
func (a *Table) Plan(ctx context.Context, t *repair.Target, why repair.Trigger) (plan sentinel.Plan, err error) {
	kind, column, _ := strings.Cut(why.Incident.Key, ":")
	plan = sentinel.Plan{
		Action: "alter_table", Table: why.Incident.Table, Finding: why.Incident.Key, Scope: "column " + column,
		Rows: 0, Class: sentinel.ClassAuto,
		Guarantee: sentinel.ExactlyOnce,
	}
	alter := map[sentinel.DriftKind]changer{
		sentinel.ColumnAdded: addColumn, sentinel.TypeWidened: widen, sentinel.NullabilityLoosened: loosen,
	}[sentinel.DriftKind(kind)]
	if alter == nil {
		return plan, repair.Refuse("%s is never altered by itself: it may lose data or break readers", kind)
	}
	here, err := repair.Relation(ctx, t.Read, plan.Table)
	if err != nil {
		return plan, err
	}
	if err := a.alterable(here); err != nil {
		return plan, err
	}
	want, err := wanted(ctx, t, why, column)
	if err != nil {
		return plan, err
	}
	dialect, err := repair.WriteDialect(t.Read)
	if err != nil {
		return plan, err
	}
	change, err := alter(dialect, here, want, &plan)
	if err != nil {
		return plan, err
	}
	change.Kind, change.Column, change.Role = sentinel.DriftKind(kind), want.Name, a.OwnerRole
	around, err := a.surroundings(ctx, t, here)
	if err != nil {
		return plan, err
	}
	if err := allow(around, change, &plan); err != nil {
		return plan, err
	}
	if checker, ok := dialect.(warehouse.AddColumnChecker); ok && change.Kind == sentinel.ColumnAdded {
		ask := func(st warehouse.Statement) (warehouse.Rows, error) { return repair.Query(ctx, t.Read, st) }
		refused, err := checker.CheckAddColumn(ctx, ask, here.TableName)
		if err != nil {
			return plan, repair.Transient(err)
		}
		if refused != "" {
			return plan, &repair.RefusedError{Why: refused}
		}
	}
	step := sentinel.Step{Name: "alter", Do: []string{change.Forward}}
	if change.Reverse != "" {
		step.Undo = []string{change.Reverse}
	} else {
		step.NoUndo = "going back would rewrite the table or lose values: " + kind + " stays"
	}
	plan.Steps, plan.Fingerprint = []sentinel.Step{step}, repair.Fingerprint(here, around)
	if _, ok := dialect.(warehouse.AutoCommitter); ok {
		plan.Guarantee = sentinel.LookedUp // DDL commits by itself; the catalog tells whether it was done
	}
	plan.Summary = fmt.Sprintf("%s: %s", plan.Table, change.Forward)
	plan.Details, err = json.Marshal(change)
	return plan, err
}

// Stage implements Action: there is nothing to prepare.
func (a *Table) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action.
func (a *Table) Apply(ctx context.Context, r *repair.Run) error {
	return a.alter(ctx, r, "apply", r.Repair.Plan.Fingerprint, func(c alteration) string { return c.Forward })
}

// Rollback implements Action. A column is taken away only while nothing was
// ever put into it.
func (a *Table) Rollback(ctx context.Context, r *repair.Run) error {
	c, err := details(r)
	if err != nil {
		return err
	}
	if c.Reverse == "" {
		return &repair.RefusedError{Why: r.Repair.Plan.Steps[0].NoUndo}
	}
	if done, err := r.Target.Write.Done(ctx, r.Repair, "rollback"); done || err != nil {
		return err
	}
	here, err := repair.Relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if c.Kind == sentinel.ColumnAdded && here.Column(c.Column) == nil {
		return nil
	}
	around, err := a.surroundings(ctx, r.Target, here)
	if err != nil {
		return err
	}
	return a.alter(ctx, r, "rollback", repair.Fingerprint(here, around), func(c alteration) string { return c.Reverse })
}

func details(r *repair.Run) (c alteration, err error) {
	if r.Target.Write == nil {
		return c, &repair.RefusedError{Why: "no repair_dsn is configured for warehouse " + r.Repair.Table.Warehouse}
	}
	err = json.Unmarshal(r.Repair.Plan.Details, &c)
	return c, err
}

// alter runs one ALTER inside the envelope: the lock that keeps everybody else
// from changing the table, the same fingerprint as planned, the statement, and
// another look.
func (a *Table) alter(ctx context.Context, r *repair.Run, step, print string, statement func(alteration) string) error {
	c, err := details(r)
	if err != nil {
		return err
	}
	r.Reached("before_" + step)
	if r.Target.Write.AutoCommits() {
		return a.alterByItself(ctx, r, step, print, c, statement(c))
	}
	before, err := a.compare(ctx, r, print)
	if err != nil {
		return err
	}
	_, err = r.Target.Write.Commit(ctx, r, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if err := a.lock(ctx, tx, r, c, before); err != nil {
			return 0, err
		}
		if step == "rollback" {
			if err := untouched(ctx, tx, r, c); err != nil {
				return 0, err
			}
		}
		_, err := tx.ExecContext(ctx, statement(c))
		return 0, err
	})
	return err
}

// compare holds the table against the plan, while nobody is kept waiting, and
// returns its digest: the same one under the lock says that nothing changed since.
func (a *Table) compare(ctx context.Context, r *repair.Run, print string) (digest string, err error) {
	w := r.Target.Write
	if err := a.quiet(ctx, r); err != nil {
		return "", err
	}
	if digest, err = repair.TableDigest(ctx, w, w.DB, r.Repair.Table); err != nil {
		return "", w.Classed("reading the catalog", err)
	}
	return digest, a.same(ctx, r, print)
}

// lock takes the lock that the ALTER needs, and refuses a table that changed
// before it was there. The transactions of an engine without such locks exclude
// each other from the start.
func (a *Table) lock(ctx context.Context, tx *sql.Tx, r *repair.Run, c alteration, before string) error {
	w := r.Target.Write
	locker, ok := w.Dialect.(warehouse.TableLocker)
	if !ok {
		return nil
	}
	table, err := w.Name(warehouse.TableName{Schema: r.Repair.Table.Schema, Name: r.Repair.Table.Name})
	if err != nil {
		return err
	}
	role := c.Role
	if role != "" {
		if role, err = w.Dialect.Quote(role); err != nil {
			return err
		}
	}
	for _, s := range locker.LockTable(table, role) {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	now, err := repair.TableDigest(ctx, w, tx, r.Repair.Table)
	if err == nil && now != before {
		err = &repair.ChangedError{What: "it was altered a moment ago"}
	}
	return err
}

// same refuses a table that is not what was planned against.
func (a *Table) same(ctx context.Context, r *repair.Run, print string) error {
	here, err := repair.Relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	around, err := a.surroundings(ctx, r.Target, here)
	if err != nil {
		return err
	}
	if repair.Fingerprint(here, around) != print {
		return &repair.ChangedError{What: "its columns, keys, partitions, privileges or dependents are others now"}
	}
	return nil
}

// untouched refuses to take a column away that somebody has written to.
func untouched(ctx context.Context, tx *sql.Tx, r *repair.Run, c alteration) error {
	if c.Kind != sentinel.ColumnAdded {
		return nil
	}
	table, column, err := quoted(r.Target.Write.Dialect,
		&warehouse.Table{TableName: warehouse.TableName{Schema: r.Repair.Table.Schema, Name: r.Repair.Table.Name}},
		c.Column)
	if err != nil {
		return err
	}
	as := column + " IS NOT NULL"
	if c.Default != "" {
		as = column + " IS NULL OR " + column + " <> " + c.Default
	}
	var used bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+" WHERE "+as+")").Scan(&used); err != nil {
		return err
	}
	if used {
		return &repair.RefusedError{Why: "the column " + c.Column + " holds values by now"}
	}
	return nil
}
