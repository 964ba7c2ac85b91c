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

// Table makes a table follow a schema. It adds a column that the source has, or widens
// a type that has grown in the source. One repair makes one change. Only a change of
// the catalog alone may go ahead without a person. Table refuses a change that would
// rewrite the table, lose data or break readers, and says why.
type Table struct {
	// OwnerRole is set for the ALTER alone. On PostgreSQL only the owner of a table may
	// alter it.
	OwnerRole string `yaml:"owner_role" doc:"Role to SET before the statements."`
	// MaxPartitions bounds how many partitions an ALTER of their root locks. The
	// default is 1000.
	MaxPartitions int `yaml:"max_partitions" default:"1000" doc:"A table with more partitions is refused."`
	// PutOffAfter postpones the ALTER while a transaction has held the table for
	// longer. The default is 30s.
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

// alteration is the content of a plan's Details.
type alteration struct {
	Kind    sentinel.DriftKind
	Column  string
	Type    string // the type as the engine spells it
	Forward string
	Reverse string // statement that reverts the change; "" when there is none
	Default string // constant that old rows have in an added column; "" for NULL
	Role    string
	// Code has what the ALTER may run of other accounts; see inspection.code.
	Code string `json:",omitempty"`
}

// Plan implements Action.
func (a *Table) Plan(ctx context.Context, t *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	kind, column, _ := strings.Cut(trigger.Incident.Key, ":")
	plan = sentinel.Plan{
		Action: "alter_table", Table: trigger.Incident.Table, Finding: trigger.Incident.Key, Scope: "column " + column,
		Class: sentinel.ClassAuto, Guarantee: sentinel.ExactlyOnce,
	}
	target, err := a.readTarget(ctx, t, sentinel.DriftKind(kind), plan.Table)
	if err != nil {
		return plan, err
	}
	want, err := targetColumn(ctx, t, trigger, column)
	if err != nil {
		return plan, err
	}
	change, err := a.planChange(ctx, t, target, want, &plan)
	if err != nil {
		return plan, err
	}
	dependencies, err := a.dependencies(ctx, t, target)
	if err != nil {
		return plan, err
	}
	if err := checkDependencies(dependencies, change, &plan); err != nil {
		return plan, err
	}
	plan.Fingerprint = repair.Fingerprint(target, dependencies)
	return plan, describe(change, t.Read.Dialect, &plan)
}

// planners are the changes that alter_table knows.
var planners = map[sentinel.DriftKind]changePlanner{
	sentinel.ColumnAdded: addColumn, sentinel.TypeWidened: widenType, sentinel.NullabilityLoosened: dropNotNull,
}

// readTarget reads the table, and refuses one that cannot be altered.
func (a *Table) readTarget(
	ctx context.Context, t *repair.Target, kind sentinel.DriftKind, table sentinel.Table,
) (*warehouse.Table, error) {
	if planners[kind] == nil {
		return nil, repair.Refuse("%s is never altered by itself: it may lose data or break readers", kind)
	}
	target, err := repair.ReadTable(ctx, t.Read, table)
	if err != nil {
		return nil, err
	}
	return target, a.checkAlterable(target)
}

// planChange plans one change of the table.
func (a *Table) planChange(
	ctx context.Context, t *repair.Target, target *warehouse.Table, want warehouse.Column, plan *sentinel.Plan,
) (change alteration, err error) {
	kind, _, _ := strings.Cut(plan.Finding, ":")
	dialect, err := repair.WriteDialect(t.Read)
	if err != nil {
		return change, err
	}
	drift := sentinel.DriftKind(kind)
	if !needed(drift, target, want) {
		return change, repair.ErrNothing
	}
	if drift != sentinel.NullabilityLoosened {
		if err := checkType(want.Type.Native); err != nil {
			return change, err
		}
	}
	found, err := inspect(ctx, t, drift, target, &want)
	if err != nil {
		return change, err
	}
	if change, err = planners[drift](dialect, target, want, plan); err != nil {
		return change, err
	}
	found.judge(plan)
	change.Kind, change.Column, change.Role, change.Code = drift, want.Name, a.OwnerRole, found.code()
	if drift == sentinel.ColumnAdded {
		err = checkServer(ctx, t, dialect, target)
	}
	return change, err
}

// checkServer refuses to add a column where the dialect says that the server cannot do
// so safely.
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
		plan.Guarantee = sentinel.LookedUp // DDL commits by itself; the catalog shows whether it was done
	}
	plan.Summary = fmt.Sprintf("%s: %s", plan.Table, change.Forward)
	plan.Details, err = json.Marshal(change)
	return err
}

// Stage implements Action. It does nothing, because an ALTER needs no preparation.
func (a *Table) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action.
func (a *Table) Apply(ctx context.Context, run *repair.Run) error {
	change, err := decodeDetails(run)
	if err != nil {
		return err
	}
	return execution{a, run, "apply", run.Repair.Plan.Fingerprint, change, change.Forward}.execute(ctx)
}

// Rollback implements Action. It drops an added column only while every row has its
// default there.
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
	fingerprint string // fingerprint that the table must have
	change      alteration
	statement   string
}

// execute runs the ALTER. It takes the lock that keeps other agents from changing the
// table, compares the fingerprint, and then runs the statement.
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
		if err := checkCode(ctx, tx, e.run, e.change); err != nil {
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

// checkBefore compares the table with the plan before any lock is held. It returns the
// digest of the table. The same digest under the lock shows that nothing has changed
// since.
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

// lock takes the lock that the ALTER needs. It refuses a table that changed before the
// lock was held. On an engine without such locks, transactions exclude each other from
// the start.
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

// checkUnchanged refuses a table that differs from the one the plan was made for.
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

// checkColumnUnused refuses to drop a column that has been written to.
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
