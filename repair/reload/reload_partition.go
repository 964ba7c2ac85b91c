package reload

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { repair.Register("reload_partition", func() repair.Action { return &Partition{} }) }

// WritesToWarehouse implements repair.WarehouseWriter.
func (*Partition) WritesToWarehouse() {}

// Partition loads one time window of a table again from a source. It stages the rows in
// a table of their own, and verifies them there. Then it replaces the rows of the
// window in one transaction. The old rows are kept for a while for a rollback.
type Partition struct {
	From        []sentinel.Table `yaml:"from" doc:"Source tables, tried in order, with the table's columns."`
	File        []string         `yaml:"file" doc:"CSV, JSONL or Parquet files, tried after them; {date} is replaced."`
	Partition   string           `yaml:"partition" doc:"Time column, also as column::date. Default: time_column."`
	Method      string           `yaml:"method" default:"delete_insert" enum:"delete_insert,merge,swap" doc:"How rows are replaced."`
	Bucket      string           `yaml:"bucket" default:"day" enum:"hour,day,week,month" doc:"Length of a window."`
	Key         []string         `yaml:"key" doc:"Columns that are unique. Default: the primary key."`
	Columns     []string         `yaml:"columns" doc:"Columns to load. Default: all that are not computed. Fewer only with method merge."`
	NewerBy     string           `yaml:"newer_by" doc:"Column that grows when a row changes; see max_lost. Default: dates, timestamps."`
	KeepFor     time.Duration    `yaml:"keep_preimage" default:"24h" doc:"How long the old rows are kept."`
	MinRatio    *float64         `yaml:"min_ratio" default:"0.9" doc:"Smallest share of the old rows that a source must have."`
	AllowEmpty  bool             `yaml:"allow_empty" doc:"Allow a source without rows to empty the window."`
	LateBy      *time.Duration   `yaml:"late_by" default:"2h" doc:"A window closes this long after its end."`
	SingleWrite bool             `yaml:"single_writer" doc:"Nobody else writes to a window that is open."`
	NoTriggers  bool             `yaml:"no_triggers" doc:"The table has no triggers, where the account cannot see them."`
	BatchRows   int              `yaml:"batch_rows" default:"20000" doc:"Rows read at a time from another warehouse."`
	MaxRows     int64            `yaml:"max_rows" default:"5000000" doc:"A window with more rows is refused."`
}

// Validate implements Action.
func (a *Partition) Validate() error {
	if column, cast := strings.CutSuffix(a.Partition, "::date"); cast {
		if a.Partition = column; cmp.Or(a.Bucket, "day") != "day" {
			return settings.Wrong("partition", "::date is a day, and bucket says %s: leave one of them out", a.Bucket)
		}
	}
	if err := settings.Complete(a); err != nil {
		return err
	}
	switch {
	case len(a.From)+len(a.File) == 0:
		return settings.Wrong("from", "want a source, such as shop.staging.orders, or file: orders-{date}.csv")
	case *a.MinRatio < 0 || *a.MinRatio > 1:
		return settings.Wrong("min_ratio", "want 0 to 1")
	case a.KeepFor < 0:
		return settings.Wrong("keep_preimage", "must be positive")
	case *a.LateBy < 0:
		return settings.Wrong("late_by", "must be positive")
	case a.BatchRows < 1:
		return settings.Wrong("batch_rows", "must be positive")
	case a.MaxRows < 1:
		return settings.Wrong("max_rows", "must be positive")
	}
	return nil
}

// planDetails is the content of a plan's Details.
type planDetails struct {
	Column     string
	From, To   time.Time        // as bound to statements: wall clock for a column without a zone
	Unit       string           // the column holds numbers of these since 1970: s, ms, us or ns
	Format     string           // the column holds texts or numbers in this form
	UTC        bool             // the dataset's time zone is UTC
	Engine     string           // name of the table's dialect
	Columns    []string         // that are loaded
	Types      []warehouse.Type // of Columns, in the table
	Whole      []string         // all that can be written; the old rows are kept with them
	WholeTypes []warehouse.Type // of Whole
	Fixed      []string         // of Columns, those that an UPDATE cannot set
	WholeFixed []string         // of Whole
	Key        []string
	Sources    []sentinel.Table
	Files      []string // names of the files, with the date inserted
	Rows       int64    // rows in the window when it was planned
	Leaf       *leaf    // the partition, for the method swap
	// Keys are the keys of the rows that are loaded, in place of a window of time.
	Keys           []namedKey       `json:",omitempty"`
	SourceKeyTypes []warehouse.Type `json:",omitempty"` // types of the key's columns in the source
}

// named reports whether the rows of named keys are loaded.
func (d planDetails) named() bool { return len(d.Keys) > 0 }

// windowColumns are the columns that the condition of the window reads.
func (d planDetails) windowColumns() []string {
	if d.named() {
		return d.Key
	}
	return []string{d.Column}
}

// Plan implements Action.
func (a *Partition) Plan(ctx context.Context, t *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	target, err := repair.ReadTable(ctx, t.Read, trigger.Incident.Table)
	if err != nil {
		return plan, err
	}
	dialect, err := repair.WriteDialect(t.Read)
	if err != nil {
		return plan, err
	}
	details := planDetails{Column: cmp.Or(a.Partition, trigger.TimeColumn), Columns: a.Columns, Key: a.Key, Sources: a.From}
	if err := a.complete(target, &details); err != nil {
		return plan, err
	}
	if err := a.checkColumns(target, details); err != nil {
		return plan, err
	}
	details.describeColumns(target, dialect, trigger.Location)
	from, to, err := a.setWindow(&details, dialect, target.Column(details.Column), trigger)
	if err != nil {
		return plan, err
	}
	for _, f := range a.File {
		details.Files = append(details.Files, strings.ReplaceAll(f, "{date}", from.Format(time.DateOnly)))
	}
	plan = sentinel.Plan{
		Action: "reload_partition", Table: trigger.Incident.Table, Finding: trigger.Incident.Key,
		Scope: fmt.Sprintf("%s in [%s, %s)", details.Column, from.Format(time.RFC3339), to.Format(time.RFC3339)),
		Class: sentinel.ClassAuto, Guarantee: sentinel.ExactlyOnce, Fingerprint: repair.Fingerprint(target,
			repair.Dependencies{}), KeepFor: a.KeepFor,
	}
	if details.Rows, err = (windowQuery{dialect: dialect, table: target.TableName, planDetails: details}).
		count(ctx, t.Read); err != nil {
		return plan, err
	}
	if now := t.Clock.Now(); !hasUniqueKey(target, details.Key) && !a.SingleWrite && now.Before(to.Add(*a.LateBy)) {
		plan.Class, plan.Why = sentinel.ClassApprove, fmt.Sprintf("others may still be writing to the window "+
			"(it closes %s after its end), and no unique key of the table keeps their rows from standing there "+
			"twice: add one, set single_writer, or wait", *a.LateBy)
	}
	return plan, a.finishPlan(ctx, t, &plan, details, target)
}

// finishPlan checks the method and what lies on the table, and describes the plan.
func (a *Partition) finishPlan(
	ctx context.Context, t *repair.Target, plan *sentinel.Plan, details planDetails, target *warehouse.Table,
) (err error) {
	dialect, err := repair.WriteDialect(t.Read)
	if err != nil {
		return err
	}
	if err := a.checkMethod(target, dialect, &details, plan); err != nil {
		return err
	}
	if err := a.checkDependents(ctx, t.Read, target, details, plan); err != nil {
		return err
	}
	window := windowQuery{dialect: dialect, table: target.TableName, planDetails: details}
	if err := a.describe(ctx, t, plan, details, window); err != nil {
		return err
	}
	plan.Details, err = json.Marshal(details)
	return err
}

// describeColumns notes of what types the columns are, for the pairs with those of a source.
func (d *planDetails) describeColumns(target *warehouse.Table, dialect warehouse.Dialect, zone *time.Location) {
	d.Engine, d.UTC = dialect.Name(), zone == nil || zone == time.UTC
	d.Types, d.WholeTypes = nil, nil
	for _, name := range d.Columns {
		d.Types = append(d.Types, target.Column(name).Type)
	}
	for _, name := range d.Whole {
		d.WholeTypes = append(d.WholeTypes, target.Column(name).Type)
	}
}

// describe writes the summary of the plan: the rows of the first usable source, and the
// statements.
func (a *Partition) describe(ctx context.Context, t *repair.Target, plan *sentinel.Plan, details planDetails, window windowQuery) error {
	var problems []error
	for _, source := range details.sources() {
		n, _, err := a.inspectSource(ctx, t, source, details)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", source, err))
			continue
		}
		if n == details.Rows && len(problems) == 0 && n > 0 && plan.Finding == "" {
			plan.Hazards = append(plan.Hazards, "source and table have the same number of rows")
		}
		plan.Rows = n + details.Rows
		plan.Summary = fmt.Sprintf("reload %s of %s from %s: %d rows in place of %d", plan.Scope, plan.Table,
			source, n, details.Rows)
		table, err := warehouse.QuoteTable(window.dialect, window.table)
		if err != nil {
			return err
		}
		where, _, err := window.where(1)
		if err != nil {
			return err
		}
		columns, err := window.columns()
		if err != nil {
			return err
		}
		do, undo := a.steps(window, table, where, columns)
		plan.Steps = []sentinel.Step{{Name: "reload", Do: append([]string{"copy the window of " + source.String() +
			" to a staging table and verify it"}, do...), Undo: []string{undo}}}
		return nil
	}
	err := errors.Join(problems...)
	var refused *repair.RefusedError
	if errors.As(err, &refused) || err == nil {
		return &repair.RefusedError{Why: strings.ReplaceAll(fmt.Sprint(err), "\n", "; ")}
	}
	return err
}

// inspectTable checks that a source exists, pairs its columns with those to be loaded, and
// counts its rows in the window.
func (a *Partition) inspectTable(
	ctx context.Context, t *repair.Target, source sentinel.Table, details planDetails,
) (int64, []rowvalues.Pair, error) {
	db, rel, pairs, err := openTable(ctx, t, source, details)
	if err != nil {
		return 0, nil, err
	}
	window := windowQuery{dialect: db.Dialect, table: rel.TableName, planDetails: details, source: true}
	n, err := window.count(ctx, db)
	if err != nil {
		return 0, nil, err
	}
	return n, pairs, a.checkRowCount(n, details)
}

// openTable finds a source table, and pairs its columns with those to be loaded.
func openTable(
	ctx context.Context, t *repair.Target, source sentinel.Table, details planDetails,
) (db *warehouse.DB, rel *warehouse.Table, pairs []rowvalues.Pair, err error) {
	if db, err = t.Sources.Open(source.Warehouse); err != nil {
		return nil, nil, nil, err
	}
	if rel, err = repair.ReadTable(ctx, db, source); err != nil {
		return nil, nil, nil, err
	}
	if pairs, err = pairColumns(db.Dialect.Name(), rel, details); err != nil {
		return nil, nil, nil, err
	}
	if rel.Filtered {
		err = &repair.RefusedError{Why: "row security hides rows of it from the account of dsn: use an account that " +
			"sees all of them"}
	}
	return db, rel, pairs, err
}

// checkRowCount refuses a source that has too few rows for the window, or too many.
func (a *Partition) checkRowCount(n int64, details planDetails) error {
	switch {
	case n == 0 && !a.AllowEmpty:
		return &repair.RefusedError{Why: "it has no rows for the window (allow_empty would let it empty the target)"}
	case n > a.MaxRows:
		return repair.Refuse("%d rows are more than max_rows %d", n, a.MaxRows)
	case float64(n) < *a.MinRatio*float64(details.Rows):
		return repair.Refuse("its %d rows are fewer than %g%% of the %d that are there", n, 100*(*a.MinRatio), details.Rows)
	}
	return nil
}

// inspectSource checks a source of either kind, pairs its columns, and counts its rows.
func (a *Partition) inspectSource(
	ctx context.Context, t *repair.Target, s sourceRef, details planDetails,
) (int64, []rowvalues.Pair, error) {
	if s.path != "" {
		return a.inspectFile(ctx, s.path, details)
	}
	return a.inspectTable(ctx, t, s.table, details)
}

func (a *Partition) decodeDetails(run *repair.Run) (details planDetails, err error) {
	if run.Target.Write == nil {
		return details, &repair.RefusedError{Why: "no repair_dsn is configured for warehouse " + run.Repair.Table.Warehouse}
	}
	err = json.Unmarshal(run.Repair.Plan.Details, &details)
	if err == nil && (len(details.Types) != len(details.Columns) || len(details.Whole) == 0) {
		err = &repair.ChangedError{What: "another version of Sentinel made the plan"}
	}
	return details, err
}

// Apply implements Action. One transaction with fence and ledger keeps the old rows,
// deletes them, and inserts the staged rows.
func (a *Partition) Apply(ctx context.Context, run *repair.Run) error {
	details, err := a.decodeDetails(run)
	if err != nil {
		return err
	}
	run.Failpoint("before_apply")
	return a.putInPlace(ctx, run, details, "apply")
}

// Rollback implements Action. It restores the old rows, unless the window has been
// written to since.
func (a *Partition) Rollback(ctx context.Context, run *repair.Run) error {
	details, err := a.decodeDetails(run)
	if err != nil {
		return err
	}
	if done, err := run.Target.Write.Done(ctx, run.Repair, "apply"); err != nil || !done {
		return err // nothing was applied
	}
	run.Failpoint("before_rollback")
	return a.putInPlace(ctx, run, details, "rollback")
}
