package reload

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { repair.Register("reload_keys", func() repair.Action { return &Keys{} }) }

// Keys loads the rows again that a check found to differ from those of another table. It
// finds their keys, and loads the rows of these keys as [Partition] loads those of a window by
// its method merge.
type Keys struct {
	Columns    []string      `yaml:"columns" doc:"Columns to load. Default: those that the check compares."`
	NewerBy    string        `yaml:"newer_by" doc:"Column that grows when a row changes; see max_lost. Default: dates, timestamps."`
	KeepFor    time.Duration `yaml:"keep_preimage" default:"24h" doc:"How long the old rows are kept."`
	NoTriggers bool          `yaml:"no_triggers" doc:"The table has no triggers, where the account cannot see them."`
	MaxRows    int           `yaml:"max_rows" default:"1000" doc:"More differing rows are refused, 1 to 5000."`
}

// mostNamedKeys bounds the length of a statement.
const mostNamedKeys = 5000

// WritesToWarehouse implements repair.WarehouseWriter.
func (*Keys) WritesToWarehouse() {}

// Applies implements repair.SelectiveAction.
func (*Keys) Applies(why repair.Trigger) bool { return why.Rows != nil }

// Validate implements Action.
func (a *Keys) Validate() error {
	if err := settings.Complete(a); err != nil {
		return err
	}
	switch {
	case a.KeepFor < 0:
		return settings.Wrong("keep_preimage", "must be positive")
	case a.MaxRows < 1 || a.MaxRows > mostNamedKeys:
		return settings.Wrong("max_rows", "want 1 to %d", mostNamedKeys)
	}
	return nil
}

// partition returns the action that loads the rows. Its window is the rows of the plan's keys.
func (a *Keys) partition() *Partition {
	none, closed := 0.0, time.Duration(0)
	return &Partition{Method: "merge", Columns: a.Columns, NewerBy: a.NewerBy, KeepFor: a.KeepFor, MinRatio: &none,
		AllowEmpty: true, LateBy: &closed, NoTriggers: a.NoTriggers, BatchRows: 20000, MaxRows: int64(a.MaxRows)}
}

// Plan implements Action.
func (a *Keys) Plan(ctx context.Context, t *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	if trigger.Rows == nil {
		return plan, &repair.RefusedError{Why: "only a reconcile check with `key` names rows"}
	}
	of, found, err := trigger.Rows.CompareRows(ctx, a.MaxRows)
	if err != nil {
		return plan, repair.Transient(fmt.Errorf("comparing the rows: %w", err))
	}
	if err := a.checkFound(of, found); err != nil {
		return plan, err
	}
	target, err := repair.ReadTable(ctx, t.Read, trigger.Incident.Table)
	if err != nil {
		return plan, err
	}
	dialect, err := repair.WriteDialect(t.Read)
	if err != nil {
		return plan, err
	}
	details := planDetails{Columns: a.columns(of, target), Sources: []sentinel.Table{trigger.Rows.With()}}
	if err := details.name(of, found.Named); err != nil {
		return plan, err
	}
	p := a.partition()
	if err := cmp.Or(p.complete(target, &details), p.checkColumns(target, details)); err != nil {
		return plan, err
	}
	if err := a.checkInserts(ctx, t, found, details); err != nil {
		return plan, err
	}
	details.describeColumns(target, dialect, trigger.Location)
	details.tellsNewer(target, dialect, trigger)
	plan = sentinel.Plan{
		Action: "reload_keys", Table: trigger.Incident.Table, Finding: trigger.Incident.Key,
		Scope: fmt.Sprintf("the rows of %d keys (%s)", len(details.Keys), of.KeyNames()),
		Class: sentinel.ClassAuto, Guarantee: sentinel.ExactlyOnce,
		Fingerprint: repair.Fingerprint(target, repair.Dependencies{}), KeepFor: a.KeepFor,
	}
	window := windowQuery{dialect: dialect, table: target.TableName, planDetails: details}
	if _, args, err := window.where(1); err != nil || len(args) > mostNamedValues {
		return plan, cmp.Or(err, repair.Refuse("%d rows with keys of texts are too many for a statement: set a smaller "+
			"max_rows", len(details.Keys)))
	}
	if details.Rows, err = window.count(ctx, t.Read); err != nil {
		return plan, err
	}
	if err := p.finishPlan(ctx, t, &plan, details, target); err != nil {
		return plan, err
	}
	plan.Steps = []sentinel.Step{{Name: "reload", Do: shownRows(of, found.Named), Undo: plan.Steps[0].Undo}}
	return plan, nil
}

// checkFound refuses what cannot be repaired row by row.
func (a *Keys) checkFound(of *rowdiff.Comparison, found *rowdiff.Result) error {
	switch n := found.Differences(); {
	case found.NullKeys != [2]int64{}:
		return repair.Refuse("the key (%s) is NULL in rows, which cannot be told apart", of.KeyNames())
	case found.Rows[rowdiff.There] == 0 && found.Rows[rowdiff.Here] > 0:
		return repair.Refuse("the source has no rows that the check compares: reload a window, or the table")
	case found.Unread > 0 || n > int64(a.MaxRows):
		least, _ := found.Bounds()
		return repair.Refuse("%d rows or more differ, and max_rows is %d: reload a window or the table", least, a.MaxRows)
	case n == 0:
		return repair.ErrNothing
	case n != int64(len(found.Named)):
		return &repair.TransientError{Err: fmt.Errorf("%d of %d differing rows could be named", len(found.Named), n)}
	}
	return nil
}

// columns returns the columns to load: the configured ones, and otherwise those that the check
// compares, without those that the table computes. The key is among them.
func (a *Keys) columns(of *rowdiff.Comparison, target *warehouse.Table) (names []string) {
	for i, c := range of.Columns[rowdiff.Here] {
		wanted := i < of.Key || len(a.Columns) == 0 || slices.Contains(a.Columns, c.Name)
		if at := target.Column(c.Name); wanted && (at == nil || at.Writable()) {
			names = append(names, c.Name)
		}
	}
	for _, name := range a.Columns {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// checkInserts refuses to insert rows without columns that the source has and nobody has left
// out: the check, which does not compare them, would pass.
func (a *Keys) checkInserts(ctx context.Context, t *repair.Target, found *rowdiff.Result, details planDetails) error {
	if found.Missing == 0 || len(a.Columns) > 0 {
		return nil
	}
	source := details.Sources[0]
	db, err := t.Sources.Open(source.Warehouse)
	if err != nil {
		return err
	}
	rel, err := repair.ReadTable(ctx, db, source)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(details.Whole), func(name string) bool {
		same := func(c warehouse.Column) bool { return strings.EqualFold(c.Name, name) }
		return slices.Contains(details.Columns, name) || !slices.ContainsFunc(rel.Columns, same)
	})
	if len(left) > 0 {
		return repair.Refuse("missing rows would be inserted without %s: list the columns to load in `columns`",
			strings.Join(left, ", "))
	}
	return nil
}

// tellsNewer notes the time column of the dataset, which tells which of two rows is newer also
// where its type does not say that it holds times.
func (d *planDetails) tellsNewer(target *warehouse.Table, dialect warehouse.Dialect, trigger repair.Trigger) {
	c := target.Column(trigger.TimeColumn)
	if c == nil {
		return
	}
	times := planDetails{Unit: trigger.TimeUnit, Format: trigger.TimeFormat}
	if times.usableTimes(dialect, c, nil) == nil {
		d.Column, d.Unit, d.Format, d.From = c.Name, times.Unit, times.Format, time.Unix(0, 0).UTC()
	}
}

// name sets the keys of rows that differ.
func (d *planDetails) name(of *rowdiff.Comparison, rows []rowdiff.Row) error {
	for i, c := range of.Columns[rowdiff.Here][:of.Key] {
		if c.Type.Family == warehouse.FloatType || c.Type.Family == warehouse.JSON {
			return repair.Refuse("%s of the key is %s, which is not compared exactly", c.Name, c.Type.Native)
		}
		d.Key = append(d.Key, c.Name)
		d.SourceKeyTypes = append(d.SourceKeyTypes, of.Columns[rowdiff.There][i].Type)
	}
	for _, row := range rows {
		key := namedKey{}
		for s, parts := range map[rowdiff.Side]*[]keyPart{rowdiff.Here: &key.Table, rowdiff.There: &key.Source} {
			values, _ := of.KeyOf(row, s)
			for _, v := range values {
				*parts = append(*parts, keyPart{v.Kind, []byte(v.Text)})
			}
		}
		if len(key.Table) == 0 {
			return repair.Refuse("the table cannot hold the key of a row of the source: %s", shownRow(of, row))
		}
		d.Keys = append(d.Keys, key)
	}
	return nil
}

// shownKeys is how many rows a plan shows.
const shownKeys = 100

// shownRows writes what is done to each row.
func shownRows(of *rowdiff.Comparison, rows []rowdiff.Row) []string {
	lines := []string{"copy these rows of the source to a staging table and verify them"}
	for i, row := range rows {
		if i == shownKeys {
			lines = append(lines, fmt.Sprintf("and %d more", len(rows)-i))
			break
		}
		lines = append(lines, shownRow(of, row))
	}
	return lines
}

// shownRow says what is done to a row, by its key.
func shownRow(of *rowdiff.Comparison, row rowdiff.Row) string {
	side := rowdiff.Here
	if row.Values[side] == nil {
		side = rowdiff.There
	}
	var names []string
	at := make([]int, of.Key)
	for i := range at {
		names, at[i] = append(names, of.Columns[rowdiff.Here][i].Name), i
	}
	key := rowvalues.ShownKey(names, at, row.Values[side])
	switch row.Kind {
	case rowdiff.Missing:
		return "insert " + key
	case rowdiff.Extra:
		return "delete " + key
	}
	var changed []string
	for _, i := range row.Columns {
		changed = append(changed, of.Columns[rowdiff.Here][i].Name)
	}
	return "update " + key + ": " + strings.Join(changed, ", ")
}

// Stage implements Action.
func (a *Keys) Stage(ctx context.Context, run *repair.Run) error {
	return a.partition().Stage(ctx, run)
}

// Staged implements repair.Prover.
func (a *Keys) Staged(ctx context.Context, run *repair.Run) (*repair.Staged, error) {
	return a.partition().Staged(ctx, run)
}

// Apply implements Action.
func (a *Keys) Apply(ctx context.Context, run *repair.Run) error {
	return a.partition().Apply(ctx, run)
}

// Rollback implements Action.
func (a *Keys) Rollback(ctx context.Context, run *repair.Run) error {
	return a.partition().Rollback(ctx, run)
}
