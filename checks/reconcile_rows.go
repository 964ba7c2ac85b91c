package checks

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ByRows is embedded by the check that compares rows by their key.
type ByRows struct {
	Key            []string `yaml:"key" doc:"Columns that identify a row. Then the rows are compared, by their values."`
	Columns        []string `yaml:"columns" doc:"With key: the other columns that are compared. Default: all columns."`
	Warn           Bound    `yaml:"warn" doc:"With key: condition on the differing rows, or their share, that warns."`
	Fail           Bound    `yaml:"fail" doc:"With key: condition that fails. Default without warn: more than tolerance."`
	MaxDifferences int      `yaml:"max_differences" default:"1000" doc:"With key: differing parts that are followed, 1 to 10000."`
}

// validateRows checks the keys of a comparison of rows.
func (c *Reconcile) validateRows() error {
	if len(c.Key) == 0 {
		for name, set := range map[string]bool{"columns": len(c.Columns) > 0, "warn": c.Warn.Set(), "fail": c.Fail.Set()} {
			if set {
				return settings.Wrong(name, "needs key, the columns that identify a row")
			}
		}
		return nil
	}
	switch {
	case slices.Contains(c.Key, ""):
		return settings.Wrong("key", "want names of columns, such as [id]")
	case slices.ContainsFunc(c.Columns, func(name string) bool { return name == "" || slices.Contains(c.Key, name) }):
		return settings.Wrong("columns", "want names of columns beside the key")
	case len(c.Sum) > 0:
		return settings.Wrong("sum", "with key all values are compared: remove it")
	case !c.Tolerance.By.Absent() && (c.Warn.Set() || c.Fail.Set()):
		return settings.Wrong("tolerance", "warn and fail replace it: keep one of them")
	case c.MaxDifferences < 1 || c.MaxDifferences > 10_000:
		return settings.Wrong("max_differences", "want 1 to 10000")
	}
	err := settings.In("key", distinctColumns(c.Key))
	if err = cmp.Or(err, settings.In("columns", distinctColumns(c.Columns))); err != nil {
		return err
	}
	c.Aspect += ":" + strings.Join(c.Key, ",")
	return nil
}

// thresholds returns the conditions under which differences warn and fail.
func (c *Reconcile) thresholds() (warn, fail Bound) {
	if c.Warn.Set() || c.Fail.Set() {
		return c.Warn, c.Fail
	}
	over := Bound{Op: ">", Low: sentinel.Int(0)}
	if !c.Tolerance.By.Absent() {
		over.Low, over.Percent = c.Tolerance.By, c.Tolerance.Percent
	}
	if c.Severity == "warn" {
		return over, Bound{}
	}
	return Bound{}, over
}

// comparison prepares the comparison of the tables' rows, of which up to name are to be
// named.
func (c *Reconcile) comparison(t Target, name int) (*rowdiff.Comparison, error) {
	here, there := t.Known.Relation, t.Known.Like
	if t.Known.Dialect == nil || t.Known.LikeDialect == nil {
		return nil, errors.New("the warehouse could not be opened")
	}
	config := rowdiff.Config{
		Dialects: [2]warehouse.Dialect{t.Known.Dialect, t.Known.LikeDialect}, Key: len(c.Key), UTC: t.zone() == time.UTC,
		Most: max(c.MaxDifferences, name), Name: name,
	}
	names, err := c.comparedColumns(here, there)
	if err != nil {
		return nil, err
	}
	for _, column := range names {
		a, err := t.columnOf(here, column)
		if err != nil {
			return nil, err
		}
		b := sameName(there, a.Name)
		if b == nil {
			return nil, fmt.Errorf("%s: %w", c.With, missingColumn(there, a.Name))
		}
		config.Columns[rowdiff.Here] = append(config.Columns[rowdiff.Here], *a)
		config.Columns[rowdiff.There] = append(config.Columns[rowdiff.There], *b)
	}
	return rowdiff.New(config)
}

// comparedColumns returns the names of the columns, the key's first. Without `columns` both
// tables must have the same ones, so that none is left out silently.
func (c *Reconcile) comparedColumns(here, there *warehouse.Table) ([]string, error) {
	if err := cmp.Or(here.Unread(warehouse.Columns), there.Unread(warehouse.Columns)); err != nil {
		return nil, err
	}
	if len(c.Columns) > 0 {
		return slices.Concat(c.Key, c.Columns), nil
	}
	names := slices.Clone(c.Key)
	var alone []string
	for _, column := range here.Columns {
		switch {
		case containsColumn(here, c.Key, column.Name):
		case sameName(there, column.Name) == nil:
			alone = append(alone, column.Name)
		default:
			names = append(names, column.Name)
		}
	}
	for _, column := range there.Columns {
		if sameName(here, column.Name) == nil {
			alone = append(alone, c.With.String()+" has "+column.Name)
		}
	}
	if len(alone) > 0 {
		return nil, fmt.Errorf("only one of the tables has some columns (%s): list those to compare in `columns:`",
			strings.Join(alone, ", "))
	}
	return names, nil
}

// sameName returns the column of a name; where there is none, the one that is written so
// without regard to case. It is nil if there is none, or if several are.
func sameName(rel *warehouse.Table, name string) (found *warehouse.Column) {
	if c := rel.Column(name); c != nil {
		return c
	}
	for i := range rel.Columns {
		if strings.EqualFold(rel.Columns[i].Name, name) {
			if found != nil {
				return nil
			}
			found = &rel.Columns[i]
		}
	}
	return found
}

// sideNames are the beginnings of the keys of questions, by side.
var sideNames = [2]string{"here ", "there "}

// descend returns what the answers so far say: the next step, or the result.
func (c *Reconcile) descend(of *rowdiff.Comparison, a Answers) (*rowdiff.Step, *rowdiff.Result, error) {
	var answers []rowdiff.Answer
	for level := 1; ; level++ {
		var answer rowdiff.Answer
		for s, prefix := range sideNames {
			got, asked := a.Get(levelKey(prefix, level))
			if !asked {
				return of.Next(answers)
			}
			if got.Err != nil {
				return nil, nil, c.ofSide(rowdiff.Side(s), got.Err)
			}
			answer[s] = got.Rows
		}
		answers = append(answers, answer)
	}
}

func levelKey(prefix string, level int) string {
	return fmt.Sprintf("%srows of level %d", prefix, level)
}

// ofSide says which table an error is about.
func (c *Reconcile) ofSide(s rowdiff.Side, err error) error {
	if s == rowdiff.There {
		return fmt.Errorf("%s: %w", c.With, err)
	}
	return err
}

// askRows returns the next questions of a comparison of rows.
func (c *Reconcile) askRows(t Target, a Answers, name int) []Ask {
	of, err := c.comparison(t, name)
	if err != nil {
		return nil // Judge says it
	}
	step, _, err := c.descend(of, a)
	if err != nil || step == nil {
		return nil
	}
	var asks []Ask
	for s, prefix := range sideNames {
		ask := Ask{Key: levelKey(prefix, step.Level), Compare: &RowComparison{Comparison: of, Step: *step,
			Side: rowdiff.Side(s), Where: c.Where, Window: c.window(t, t.Known.Relation)}}
		if s == int(rowdiff.There) {
			ask.Of, ask.Compare.Window = c.With, c.window(t, t.Known.Like)
		}
		asks = append(asks, ask)
	}
	return asks
}

// judgeRows returns the result of a comparison of rows.
func (c *Reconcile) judgeRows(t Target, a Answers) sentinel.Result {
	const kind = "reconcile"
	of, err := c.comparison(t, 0)
	if err != nil {
		return errorResult(kind, err)
	}
	step, found, err := c.descend(of, a)
	var doubled *rowdiff.DoubledKeyError
	switch {
	case errors.As(err, &doubled):
		err = c.ofSide(doubled.Side, err)
	case err == nil && step != nil:
		err = errors.New("the comparison of the rows has not ended")
	case err == nil:
		err = c.nullKeys(found)
	}
	if err != nil {
		return errorResult(kind, c.window(t, t.Known.Relation).Time.explain(err))
	}
	return c.judgeDifferences(of, found)
}

// nullKeys returns an error if rows have no key.
func (c *Reconcile) nullKeys(found *rowdiff.Result) error {
	for s, n := range found.NullKeys {
		if n > 0 {
			return c.ofSide(rowdiff.Side(s), fmt.Errorf("the key (%s) is NULL in %s rows, which cannot be told apart: "+
				"leave them out by `where:`", strings.Join(c.Key, ", "), groupDigits(sentinel.Int(n))))
		}
	}
	return nil
}
