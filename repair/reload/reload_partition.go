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
	MinRatio    float64          `yaml:"min_ratio" default:"0.9" doc:"Smallest share of the old rows that a source must have."`
	AllowEmpty  bool             `yaml:"allow_empty" doc:"Allow a source without rows to empty the window."`
	LateBy      time.Duration    `yaml:"late_by" default:"2h" doc:"A window closes this long after its end."`
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
	case a.MinRatio < 0 || a.MinRatio > 1:
		return settings.Wrong("min_ratio", "want 0 to 1")
	case a.KeepFor < 0:
		return settings.Wrong("keep_preimage", "must be positive")
	case a.LateBy < 0:
		return settings.Wrong("late_by", "must be positive")
	case a.BatchRows < 1:
		return settings.Wrong("batch_rows", "must be positive")
	case a.MaxRows < 1:
		return settings.Wrong("max_rows", "must be positive")
	}
	return nil
}

// reload is what a plan's Details hold.
type reload struct {
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
func (a *Partition) Plan(ctx context.Context, t *repair.Target, why repair.Trigger) (plan sentinel.Plan, err error) {
	here, err := repair.Relation(ctx, t.Read, why.Incident.Table)
	if err != nil {
		return plan, err
	}
	dialect, err := repair.WriteDialect(t.Read)
	if err != nil {
		return plan, err
	}
	w := reload{Column: cmp.Or(a.Partition, why.TimeColumn), Columns: a.Columns, Key: a.Key, Sources: a.From}
	if err := a.complete(here, &w); err != nil {
		return plan, err
	}
	from, to, err := why.Window(a.Bucket)
	if err != nil {
		return plan, err
	}
	column := here.Column(w.Column)
	w.From, w.To = bounds(column, from, to, why.Location)
	if w.Date = column.Type.Family == warehouse.Date; w.Date && a.Bucket == "hour" {
		return plan, &repair.RefusedError{Why: w.Column + " holds dates, which tell no hours"}
	}
	for _, f := range a.File {
		w.Files = append(w.Files, strings.ReplaceAll(f, "{date}", from.Format(time.DateOnly)))
	}
	plan = sentinel.Plan{
		Action: "reload_partition", Table: why.Incident.Table, Finding: why.Incident.Key,
		Scope: fmt.Sprintf("%s in [%s, %s)", w.Column, from.Format(time.RFC3339), to.Format(time.RFC3339)),
		Class: sentinel.ClassAuto, Guarantee: sentinel.ExactlyOnce, Fingerprint: repair.Fingerprint(here,
			repair.Surroundings{}),
	}
	s := scope{dialect, here.TableName, w}
	if w.Rows, err = s.count(ctx, t.Read); err != nil {
		return plan, err
	}
	if now := t.Now(); !realKey(here, w.Key) && !a.SingleWrite && now.Before(to.Add(a.LateBy)) {
		plan.Class, plan.Why = sentinel.ClassApprove, fmt.Sprintf("others may still be writing to the window "+
			"(it closes %s after its end), and no unique key of the table keeps their rows from standing there "+
			"twice: add one, set single_writer, or wait", a.LateBy)
	}
	if err := a.suits(here, dialect, &w, &plan); err != nil {
		return plan, err
	}
	if err := dependents(ctx, t.Read, here, a.NoTriggers, &plan); err != nil {
		return plan, err
	}
	s.reload = w // with its leaf
	if err := a.describe(ctx, t, &plan, w, s); err != nil {
		return plan, err
	}
	plan.Details, err = json.Marshal(w)
	return plan, err
}

// complete fills in columns and key from the table, and refuses what it lacks.
func (a *Partition) complete(here *warehouse.Table, w *reload) error {
	switch {
	case w.Column == "":
		return &repair.RefusedError{Why: "it has no time column: set `partition:`, or `time_column:` on the dataset"}
	case len(here.Columns) == 0:
		return errors.New("its columns could not be read")
	case here.Column(w.Column) == nil:
		return &repair.RefusedError{Why: "there is no column " + w.Column}
	case here.Kind != warehouse.BaseTable && here.Kind != warehouse.PartitionedTable:
		return &repair.RefusedError{Why: "it is a " + strings.ReplaceAll(string(here.Kind), "_", " ")}
	}
	if len(w.Columns) == 0 {
		for _, c := range here.Columns {
			if c.Generated == "" || strings.HasPrefix(c.Generated, "identity by default") {
				w.Columns = append(w.Columns, c.Name)
			}
		}
	}
	if len(w.Key) == 0 && here.PrimaryKey != nil {
		w.Key = here.PrimaryKey.Columns
	}
	for _, c := range slices.Concat(w.Columns, w.Key) {
		if here.Column(c) == nil {
			return &repair.RefusedError{Why: "there is no column " + c}
		}
	}
	if !slices.Contains(w.Columns, w.Column) {
		return &repair.RefusedError{Why: "columns: " + w.Column + " has to be among them"}
	}
	return nil
}

// bounds are the window as the column's values are written.
func bounds(c *warehouse.Column, from, to time.Time, loc *time.Location) (time.Time, time.Time) {
	if c.Type.Family == warehouse.Timestamp && c.Type.Zoned {
		return from.UTC(), to.UTC()
	}
	wall := func(t time.Time) time.Time {
		if loc != nil {
			t = t.In(loc)
		}
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	}
	return wall(from), wall(to)
}

// scope is the window of one table, in one engine's words.
type scope struct {
	dialect warehouse.Dialect
	table   warehouse.TableName
	reload
}

// where is the window as a condition, its bounds from parameter n on.
func (s scope) where(n int) (string, []any, error) {
	column, err := s.dialect.Quote(s.Column)
	condition := fmt.Sprintf("%s >= %s AND %s < %s", column, s.dialect.Param(n), column, s.dialect.Param(n+1))
	if s.Date {
		return condition, []any{warehouse.BindDate(s.dialect, s.From), warehouse.BindDate(s.dialect, s.To)}, err
	}
	return condition, warehouse.Bind(s.dialect, []any{s.From, s.To}), err
}

func (s scope) columns() (string, error) { return list(s.dialect, s.reload.Columns) }

func list(d warehouse.Dialect, names []string) (string, error) {
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
func (s scope) count(ctx context.Context, db *warehouse.DB) (int64, error) {
	table, err := warehouse.QuoteTable(s.dialect, s.table)
	if err != nil {
		return 0, &repair.RefusedError{Why: err.Error()}
	}
	where, args, err := s.where(1)
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
func (a *Partition) describe(ctx context.Context, t *repair.Target, plan *sentinel.Plan, w reload, s scope) error {
	var problems []error
	for _, source := range w.sources() {
		n, err := a.ready(ctx, t, source, w)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", source, err))
			continue
		}
		if n == w.Rows && len(problems) == 0 && n > 0 && plan.Finding == "" {
			plan.Hazards = append(plan.Hazards, "source and table have the same number of rows")
		}
		plan.Rows = n + w.Rows
		plan.Summary = fmt.Sprintf("reload %s of %s from %s: %d rows in place of %d", plan.Scope, plan.Table,
			source, n, w.Rows)
		table, err := warehouse.QuoteTable(s.dialect, s.table)
		if err != nil {
			return err
		}
		where, _, err := s.where(1)
		if err != nil {
			return err
		}
		columns, err := s.columns()
		if err != nil {
			return err
		}
		do, undo := a.steps(s, table, where, columns)
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

// available checks a source before it is used: it is there, has the columns,
// and has rows for the window.
func (a *Partition) available(ctx context.Context, t *repair.Target, source sentinel.Table, w reload) (int64, error) {
	db, err := t.Sources.Open(source.Warehouse)
	if err != nil {
		return 0, err
	}
	rel, err := repair.Relation(ctx, db, source)
	if err != nil {
		return 0, err
	}
	for _, c := range w.Columns {
		if rel.Column(c) == nil {
			return 0, &repair.RefusedError{Why: "it has no column " + c}
		}
	}
	n, err := scope{db.Dialect, rel.TableName, w}.count(ctx, db)
	if err != nil {
		return 0, err
	}
	return n, a.enough(n, w)
}

// enough refuses a source that has too few rows for the window, or too many.
func (a *Partition) enough(n int64, w reload) error {
	switch {
	case n == 0 && !a.AllowEmpty:
		return &repair.RefusedError{Why: "it has no rows for the window (allow_empty would let it empty the target)"}
	case n > a.MaxRows:
		return repair.Refuse("%d rows are more than max_rows %d", n, a.MaxRows)
	case float64(n) < a.MinRatio*float64(w.Rows):
		return repair.Refuse("its %d rows are fewer than %g%% of the %d that are there", n, 100*a.MinRatio, w.Rows)
	}
	return nil
}

// ready checks a source of either kind, and counts its rows.
func (a *Partition) ready(ctx context.Context, t *repair.Target, s source, w reload) (int64, error) {
	if s.path != "" {
		return a.fileAvailable(s.path, w)
	}
	return a.available(ctx, t, s.table, w)
}

func (a *Partition) details(r *repair.Run) (w reload, err error) {
	if r.Target.Write == nil {
		return w, &repair.RefusedError{Why: "no repair_dsn is configured for warehouse " + r.Repair.Table.Warehouse}
	}
	err = json.Unmarshal(r.Repair.Plan.Details, &w)
	return w, err
}

// Apply implements Action: the old rows are kept, deleted, and the staged ones
// put in their place, in one transaction with fence and ledger.
func (a *Partition) Apply(ctx context.Context, r *repair.Run) error {
	w, err := a.details(r)
	if err != nil {
		return err
	}
	r.Reached("before_apply")
	return a.place(ctx, r, w, "apply")
}

// Rollback implements Action: the rows that were there come back, unless
// somebody has written to the window since.
func (a *Partition) Rollback(ctx context.Context, r *repair.Run) error {
	w, err := a.details(r)
	if err != nil {
		return err
	}
	if done, err := r.Target.Write.Done(ctx, r.Repair, "apply"); err != nil || !done {
		return err // nothing was applied
	}
	r.Reached("before_rollback")
	return a.place(ctx, r, w, "rollback")
}
