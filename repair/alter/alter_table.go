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

// WritesToWarehouse implements repair.WarehouseWriter.
func (*Table) WritesToWarehouse() {}

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
		Class: sentinel.ClassAuto, Guarantee: sentinel.ExactlyOnce,
	}
	planChange := map[sentinel.DriftKind]changePlanner{
		sentinel.ColumnAdded: addColumn, sentinel.TypeWidened: widenType, sentinel.NullabilityLoosened: dropNotNull,
	}[sentinel.DriftKind(kind)]
	if planChange == nil {
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
	change, err := planChange(dialect, target, want, &plan)
	if err != nil {
		return plan, err
	}
	change.Kind, change.Column, change.Role = sentinel.DriftKind(kind), want.Name, a.OwnerRole
	dependencies, err := a.dependencies(ctx, t, target)
	if err != nil {
		return plan, err
	}
	if err := checkDependencies(dependencies, change, &plan); err != nil {
		return plan, err
	}
	if change.Kind == sentinel.ColumnAdded {
		if err := checkServer(ctx, t, dialect, target); err != nil {
			return plan, err
		}
	}
	plan.Fingerprint = repair.Fingerprint(target, dependencies)
	return plan, describe(change, dialect, &plan)
}

// checkServer refuses to add a column on a server that cannot be trusted with it.
func checkServer(
	ctx context.Context, t *repair.Target, dialect warehouse.WriteDialect, target *warehouse.Table,
) error {
	checker, ok := dialect.(warehouse.AddColumnChecker)
	if !ok {
		return nil
	}
	ask := func(st warehouse.Statement) (warehouse.Rows, error) { return repair.Query(ctx, t.Read, st) }
	refused, err := checker.CheckAddColumn(ctx, ask, target.TableName)
	if err != nil {
		return repair.Transient(err)
	}
	if refused != "" {
		return &repair.RefusedError{Why: refused}
	}
	return nil
}

// describe adds the change's step, guarantee, summary and details to a plan.
func describe(change alteration, dialect warehouse.Dialect, plan *sentinel.Plan) (err error) {
	step := sentinel.Step{Name: "alter", Do: []string{change.Forward}}
	if change.Reverse != "" {
		step.Undo = []string{change.Reverse}
	} else {
		step.NoUndo = "going back would rewrite the table or lose values: " + string(change.Kind) + " stays"
	}
	plan.Steps = []sentinel.Step{step}
	if _, ok := dialect.(warehouse.AutoCommitter); ok {
		plan.Guarantee = sentinel.LookedUp // DDL commits by itself; the catalog tells whether it was done
	}
	plan.Summary = fmt.Sprintf("%s: %s", plan.Table, change.Forward)
	plan.Details, err = json.Marshal(change)
	return err
}

// Stage implements Action: there is nothing to prepare.
func (a *Table) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action.
func (a *Table) Apply(ctx context.Context, run *repair.Run) error {
	change, err := decodeDetails(run)
	if err != nil {
		return err
	}
	return execution{a, run, "apply", run.Repair.Plan.Fingerprint, change, change.Forward}.execute(ctx)
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
	return execution{a, run, "rollback", repair.Fingerprint(target, around), change, change.Reverse}.execute(ctx)
}

func decodeDetails(run *repair.Run) (change alteration, err error) {
	if run.Target.Write == nil {
		return change, &repair.RefusedError{Why: "no repair_dsn is configured for warehouse " + run.Repair.Table.Warehouse}
	}
	err = json.Unmarshal(run.Repair.Plan.Details, &change)
	return change, err
}

// execution is one ALTER of a repair.
type execution struct {
	action      *Table
	run         *repair.Run
	step        string // apply or rollback
	fingerprint string // that the table must have
	change      alteration
	statement   string
}

// execute runs the ALTER: it takes the lock that keeps all others from changing
// the table, compares the fingerprint, and then runs the statement.
func (e execution) execute(ctx context.Context) error {
	e.run.Failpoint("before_" + e.step)
	if e.run.Target.Write.AutoCommits() {
		return e.alterAutoCommit(ctx)
	}
	before, err := e.action.checkBefore(ctx, e.run, e.fingerprint)
	if err != nil {
		return err
	}
	_, err = e.run.Target.Write.ApplyOnce(ctx, e.run, e.step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if err := e.action.lock(ctx, tx, e.run, e.change, before); err != nil {
			return 0, err
		}
		if e.step == "rollback" {
			if err := checkColumnUnused(ctx, tx, e.run, e.change); err != nil {
				return 0, err
			}
		}
		_, err := tx.ExecContext(ctx, e.statement)
		return 0, err
	})
	return err
}

// checkBefore holds the table against the plan, while nobody is kept waiting, and
// returns its digest: the same one under the lock says that nothing changed since.
func (a *Table) checkBefore(ctx context.Context, run *repair.Run, fingerprint string) (digest string, err error) {
	writer := run.Target.Write
	if err := a.checkNotInUse(ctx, run); err != nil {
		return "", err
	}
	if digest, err = repair.TableDigest(ctx, writer, writer.DB, run.Repair.Table); err != nil {
		return "", writer.WrapError("reading the catalog", err)
	}
	return digest, a.checkUnchanged(ctx, run, fingerprint)
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
func (a *Table) checkUnchanged(ctx context.Context, run *repair.Run, fingerprint string) error {
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return err
	}
	around, err := a.dependencies(ctx, run.Target, target)
	if err != nil {
		return err
	}
	if repair.Fingerprint(target, around) != fingerprint {
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
