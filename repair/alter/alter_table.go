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
	// PutOffAfter puts the ALTER off while a transaction has held the table for longer;
	// default 30s.
	PutOffAfter time.Duration `yaml:"put_off_after" default:"30s" doc:"A repair waits while a transaction holds the table this long."`
}

// Validate implements Action.
func (a *Table) Validate() error {
	if err := settings.Complete(a); err != nil {
		return err
	}
	if a.MaxPartitions < 1 {
		return settings.Wrong("max_partitions", "must be positive")
	}
	if a.PutOffAfter < 0 {
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
func (a *Table) Plan(ctx context.Context, t *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	kind, column, _ := strings.Cut(trigger.Incident.Key, ":")
	plan = sentinel.Plan{
		Action: "alter_table", Table: trigger.Incident.Table, Finding: trigger.Incident.Key, Scope: "column " + column,
		Rows: 0, Class: sentinel.ClassAuto,
		Guarantee: sentinel.ExactlyOnce,
	}
	alter := map[sentinel.DriftKind]planChange{
		sentinel.ColumnAdded: addColumn, sentinel.TypeWidened: widenType, sentinel.NullabilityLoosened: dropNotNull,
	}[sentinel.DriftKind(kind)]
	if alter == nil {
		return plan, repair.Refuse("%s is never altered by itself: it may lose data or break readers", kind)
	}
	target, err := repair.ReadTable(ctx, t.Read, plan.Table)
	if err != nil {
		return plan, err
	}
	if err := a.checkAlterable(target); err != nil {
		return plan, err
	}
	want, err := targetColumn(ctx, t, trigger, column)
	if err != nil {
		return plan, err
	}
	dialect, err := repair.WriteDialect(t.Read)
	if err != nil {
		return plan, err
	}
	change, err := alter(dialect, target, want, &plan)
	if err != nil {
		return plan, err
	}
	change.Kind, change.Column, change.Role = sentinel.DriftKind(kind), want.Name, a.OwnerRole
	around, err := a.dependencies(ctx, t, target)
	if err != nil {
		return plan, err
	}
	if err := checkDependencies(around, change, &plan); err != nil {
		return plan, err
	}
	if checker, ok := dialect.(warehouse.AddColumnChecker); ok && change.Kind == sentinel.ColumnAdded {
		ask := func(st warehouse.Statement) (warehouse.Rows, error) { return repair.Query(ctx, t.Read, st) }
		refused, err := checker.CheckAddColumn(ctx, ask, target.TableName)
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
	plan.Steps, plan.Fingerprint = []sentinel.Step{step}, repair.Fingerprint(target, around)
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
func (a *Table) Apply(ctx context.Context, run *repair.Run) error {
	return a.alter(ctx, run, "apply", run.Repair.Plan.Fingerprint, func(change alteration) string { return change.Forward })
}

// Rollback implements Action. A column is taken away only while nothing was
// ever put into it.
func (a *Table) Rollback(ctx context.Context, run *repair.Run) error {
	change, err := decodeDetails(run)
	if err != nil {
		return err
	}
	if change.Reverse == "" {
		return &repair.RefusedError{Why: run.Repair.Plan.Steps[0].NoUndo}
	}
	if done, err := run.Target.Write.Done(ctx, run.Repair, "rollback"); done || err != nil {
		return err
	}
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return err
	}
	if change.Kind == sentinel.ColumnAdded && target.Column(change.Column) == nil {
		return nil
	}
	around, err := a.dependencies(ctx, run.Target, target)
	if err != nil {
		return err
	}
	return a.alter(ctx, run, "rollback", repair.Fingerprint(target, around), func(change alteration) string { return change.Reverse })
}

func decodeDetails(run *repair.Run) (change alteration, err error) {
	if run.Target.Write == nil {
		return change, &repair.RefusedError{Why: "no repair_dsn is configured for warehouse " + run.Repair.Table.Warehouse}
	}
	err = json.Unmarshal(run.Repair.Plan.Details, &change)
	return change, err
}

// alter runs one ALTER inside the envelope: the lock that keeps everybody else
// from changing the table, the same fingerprint as planned, the statement, and
// another look.
func (a *Table) alter(ctx context.Context, run *repair.Run, step, print string, statement func(alteration) string) error {
	change, err := decodeDetails(run)
	if err != nil {
		return err
	}
	run.Failpoint("before_" + step)
	if run.Target.Write.AutoCommits() {
		return a.alterAutoCommit(ctx, run, step, print, change, statement(change))
	}
	before, err := a.checkBefore(ctx, run, print)
	if err != nil {
		return err
	}
	_, err = run.Target.Write.ApplyOnce(ctx, run, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if err := a.lock(ctx, tx, run, change, before); err != nil {
			return 0, err
		}
		if step == "rollback" {
			if err := checkColumnUnused(ctx, tx, run, change); err != nil {
				return 0, err
			}
		}
		_, err := tx.ExecContext(ctx, statement(change))
		return 0, err
	})
	return err
}

// checkBefore holds the table against the plan, while nobody is kept waiting, and
// returns its digest: the same one under the lock says that nothing changed since.
func (a *Table) checkBefore(ctx context.Context, run *repair.Run, print string) (digest string, err error) {
	writer := run.Target.Write
	if err := a.checkNotInUse(ctx, run); err != nil {
		return "", err
	}
	if digest, err = repair.TableDigest(ctx, writer, writer.DB, run.Repair.Table); err != nil {
		return "", writer.WrapError("reading the catalog", err)
	}
	return digest, a.checkUnchanged(ctx, run, print)
}

// lock takes the lock that the ALTER needs, and refuses a table that changed
// before it was there. The transactions of an engine without such locks exclude
// each other from the start.
func (a *Table) lock(ctx context.Context, tx *sql.Tx, run *repair.Run, change alteration, before string) error {
	writer := run.Target.Write
	locker, ok := writer.Dialect.(warehouse.TableLocker)
	if !ok {
		return nil
	}
	table, err := writer.Name(warehouse.TableName{Schema: run.Repair.Table.Schema, Name: run.Repair.Table.Name})
	if err != nil {
		return err
	}
	role := change.Role
	if role != "" {
		if role, err = writer.Dialect.Quote(role); err != nil {
			return err
		}
	}
	for _, s := range locker.LockTable(table, role) {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	now, err := repair.TableDigest(ctx, writer, tx, run.Repair.Table)
	if err == nil && now != before {
		err = &repair.ChangedError{What: "it was altered a moment ago"}
	}
	return err
}

// checkUnchanged refuses a table that is not what was planned against.
func (a *Table) checkUnchanged(ctx context.Context, run *repair.Run, print string) error {
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return err
	}
	around, err := a.dependencies(ctx, run.Target, target)
	if err != nil {
		return err
	}
	if repair.Fingerprint(target, around) != print {
		return &repair.ChangedError{What: "its columns, keys, partitions, privileges or dependents are others now"}
	}
	return nil
}

// checkColumnUnused refuses to take a column away that somebody has written to.
func checkColumnUnused(ctx context.Context, tx *sql.Tx, run *repair.Run, change alteration) error {
	if change.Kind != sentinel.ColumnAdded {
		return nil
	}
	table, column, err := quoted(run.Target.Write.Dialect,
		&warehouse.Table{TableName: warehouse.TableName{Schema: run.Repair.Table.Schema, Name: run.Repair.Table.Name}},
		change.Column)
	if err != nil {
		return err
	}
	as := column + " IS NOT NULL"
	if change.Default != "" {
		as = column + " IS NULL OR " + column + " <> " + change.Default
	}
	var used bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+" WHERE "+as+")").Scan(&used); err != nil {
		return err
	}
	if used {
		return &repair.RefusedError{Why: "the column " + change.Column + " holds values by now"}
	}
	return nil
}
