package reload

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { repair.Register("reload_partition", func() repair.Action { return &Partition{} }) }

// WritesToWarehouse implements repair.WarehouseWriter.
func (*Partition) WritesToWarehouse() {}

// Partition loads one time window of a table again from a source: into a
// staging table first, verified there, and then in one transaction in place of
// what the window holds. The old rows are kept for a while, to go back to.
type Partition struct {
	From        []sentinel.Table `yaml:"from" doc:"Source tables, tried in order, with the table's columns."`
	File        []string         `yaml:"file" doc:"CSV, JSONL or Parquet files, tried after them; {date} is replaced."`
	Partition   string           `yaml:"partition" doc:"Time column, also as column::date. Default: time_column."`
	Method      string           `yaml:"method" default:"delete_insert" enum:"delete_insert,merge,swap" doc:"How rows are replaced."`
	Bucket      string           `yaml:"bucket" default:"day" enum:"hour,day,week,month" doc:"Length of a window."`
	Key         []string         `yaml:"key" doc:"Columns that are unique. Default: the primary key."`
	Columns     []string         `yaml:"columns" doc:"Columns to load. Default: all that are not generated."`
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

// planDetails is what a plan's Details hold.
type planDetails struct {
	Column   string
	From, To time.Time // as bound: wall clock for a column without a zone
	Date     bool      // the column holds dates, without a time of day
	Columns  []string
	Key      []string
	Sources  []sentinel.Table
	Files    []string // with the date in their names
	Rows     int64    // in the window when it was planned
	Leaf     *leaf    // method swap: the partition
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
	column := target.Column(details.Column)
	zoned := column.Type.Family == warehouse.Timestamp && column.Type.Zoned
	bad, err := trigger.Window(a.Bucket, !zoned)
	if err != nil {
		return plan, err
	}
	from, to := bad.From, bad.To
	if details.From, details.To = from.UTC(), to.UTC(); !zoned {
		details.From, details.To = bad.Walls()
	}
	if details.Date = column.Type.Family == warehouse.Date; details.Date && a.Bucket == "hour" {
		return plan, &repair.RefusedError{Why: details.Column + " holds dates, which have no hours"}
	}
	for _, f := range a.File {
		details.Files = append(details.Files, strings.ReplaceAll(f, "{date}", from.Format(time.DateOnly)))
	}
	plan = sentinel.Plan{
		Action: "reload_partition", Table: trigger.Incident.Table, Finding: trigger.Incident.Key,
		Scope: fmt.Sprintf("%s in [%s, %s)", details.Column, from.Format(time.RFC3339), to.Format(time.RFC3339)),
		Class: sentinel.ClassAuto, Guarantee: sentinel.ExactlyOnce, Fingerprint: repair.Fingerprint(target,
			repair.Dependencies{}),
	}
	window := windowQuery{dialect, target.TableName, details}
	if details.Rows, err = window.count(ctx, t.Read); err != nil {
		return plan, err
	}
	if now := t.Now(); !hasUniqueKey(target, details.Key) && !a.SingleWrite && now.Before(to.Add(*a.LateBy)) {
		plan.Class, plan.Why = sentinel.ClassApprove, fmt.Sprintf("others may still be writing to the window "+
			"(it closes %s after its end), and no unique key of the table keeps their rows from standing there "+
			"twice: add one, set single_writer, or wait", *a.LateBy)
	}
	if err := a.checkMethod(target, dialect, &details, &plan); err != nil {
		return plan, err
	}
	if err := checkDependents(ctx, t.Read, target, a.NoTriggers, &plan); err != nil {
		return plan, err
	}
	window.planDetails = details // with its leaf
	if err := a.describe(ctx, t, &plan, details, window); err != nil {
		return plan, err
	}
	plan.Details, err = json.Marshal(details)
	return plan, err
}

// complete fills in columns and key from the table, and refuses what it lacks.
func (a *Partition) complete(target *warehouse.Table, details *planDetails) error {
	switch {
	case details.Column == "":
		return &repair.RefusedError{Why: "it has no time column: set `partition:`, or `time_column:` on the dataset"}
	case len(target.Columns) == 0:
		return errors.New("its columns could not be read")
	case target.Column(details.Column) == nil:
		return &repair.RefusedError{Why: "there is no column " + details.Column}
	case target.Kind != warehouse.BaseTable && target.Kind != warehouse.PartitionedTable:
		return &repair.RefusedError{Why: "it is a " + strings.ReplaceAll(string(target.Kind), "_", " ")}
	}
	if len(details.Columns) == 0 {
		for _, c := range target.Columns {
			if c.Generated == "" || strings.HasPrefix(c.Generated, "identity by default") {
				details.Columns = append(details.Columns, c.Name)
			}
		}
	}
	if len(details.Key) == 0 && target.PrimaryKey != nil {
		details.Key = target.PrimaryKey.Columns
	}
	for _, c := range slices.Concat(details.Columns, details.Key) {
		if target.Column(c) == nil {
			return &repair.RefusedError{Why: "there is no column " + c}
		}
	}
	if !slices.Contains(details.Columns, details.Column) {
		return &repair.RefusedError{Why: "columns: " + details.Column + " has to be among them"}
	}
	return nil
}

// windowQuery is the window of one table, in one engine's words.
type windowQuery struct {
	dialect warehouse.Dialect
	table   warehouse.TableName
	planDetails
}

// where is the window as a condition, its bounds from parameter n on.
func (window windowQuery) where(n int) (string, []any, error) {
	column, err := window.dialect.Quote(window.Column)
	condition := fmt.Sprintf("%s >= %s AND %s < %s", column, window.dialect.Param(n), column, window.dialect.Param(n+1))
	if window.Date {
		return condition, []any{warehouse.BindDate(window.dialect, window.From), warehouse.BindDate(window.dialect, window.To)}, err
	}
	return condition, warehouse.Bind(window.dialect, []any{window.From, window.To}), err
}

func (window windowQuery) columns() (string, error) {
	return quoteList(window.dialect, window.planDetails.Columns)
}

func quoteList(d warehouse.Dialect, names []string) (string, error) {
	out := make([]string, len(names))
	for i, n := range names {
		q, err := d.Quote(n)
		if err != nil {
			return "", err
		}
		out[i] = q
	}
	return strings.Join(out, ", "), nil
}

// count counts the window's rows.
func (window windowQuery) count(ctx context.Context, db *warehouse.DB) (int64, error) {
	table, err := warehouse.QuoteTable(window.dialect, window.table)
	if err != nil {
		return 0, &repair.RefusedError{Why: err.Error()}
	}
	where, args, err := window.where(1)
	if err != nil {
		return 0, &repair.RefusedError{Why: err.Error()}
	}
	rows, err := repair.Query(ctx, db, warehouse.Statement{SQL: "SELECT count(*) FROM " + table + " WHERE " + where,
		Args: args})
	if err != nil {
		return 0, repair.Transient(fmt.Errorf("counting %s: %w", table, err))
	}
	n, err := rows[0][0].Number()
	if err != nil {
		return 0, err
	}
	v, _ := n.Int64()
	return v, nil
}

// describe writes the plan for people: what the first usable source holds now,
// and the statements.
func (a *Partition) describe(ctx context.Context, t *repair.Target, plan *sentinel.Plan, details planDetails, window windowQuery) error {
	var problems []error
	for _, source := range details.sources() {
		n, err := a.countSource(ctx, t, source, details)
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

// countTable checks a source before it is used: it is there, has the columns,
// and has rows for the window.
func (a *Partition) countTable(ctx context.Context, t *repair.Target, source sentinel.Table, details planDetails) (int64, error) {
	db, err := t.Sources.Open(source.Warehouse)
	if err != nil {
		return 0, err
	}
	rel, err := repair.ReadTable(ctx, db, source)
	if err != nil {
		return 0, err
	}
	for _, c := range details.Columns {
		if rel.Column(c) == nil {
			return 0, &repair.RefusedError{Why: "it has no column " + c}
		}
	}
	n, err := windowQuery{db.Dialect, rel.TableName, details}.count(ctx, db)
	if err != nil {
		return 0, err
	}
	return n, a.checkRowCount(n, details)
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

// countSource checks a source of either kind, and counts its rows.
func (a *Partition) countSource(ctx context.Context, t *repair.Target, s sourceRef, details planDetails) (int64, error) {
	if s.path != "" {
		return a.countFile(s.path, details)
	}
	return a.countTable(ctx, t, s.table, details)
}

func (a *Partition) decodeDetails(run *repair.Run) (details planDetails, err error) {
	if run.Target.Write == nil {
		return details, &repair.RefusedError{Why: "no repair_dsn is configured for warehouse " + run.Repair.Table.Warehouse}
	}
	err = json.Unmarshal(run.Repair.Plan.Details, &details)
	return details, err
}

// Apply implements Action: the old rows are kept, deleted, and the staged ones
// put in their place, in one transaction with fence and ledger.
func (a *Partition) Apply(ctx context.Context, run *repair.Run) error {
	details, err := a.decodeDetails(run)
	if err != nil {
		return err
	}
	run.Failpoint("before_apply")
	return a.putInPlace(ctx, run, details, "apply")
}

// Rollback implements Action: the rows that were there come back, unless
// somebody has written to the window since.
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
