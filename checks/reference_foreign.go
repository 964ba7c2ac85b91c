package checks

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// foreign returns the question for a table in another warehouse, or why it cannot be asked.
func (c *Reference) foreign(t Target) (*ForeignKeys, error) {
	columns, of, err := c.columns(t)
	if err != nil {
		return nil, err
	}
	if t.Known.LikeDialect == nil {
		return nil, fmt.Errorf("to: the warehouse of %s could not be opened", c.To)
	}
	if c.Compare == "engine" {
		return nil, errors.New("compare: engine is for tables of one warehouse: " +
			"no engine compares texts of another, so they are compared by their characters (exact)")
	}
	utc := t.zone() == time.UTC
	comparison, err := rowdiff.New(rowdiff.Config{
		Dialects: [2]warehouse.Dialect{t.Known.Dialect, t.Known.LikeDialect},
		Columns:  [2][]warehouse.Column{columns, of},
		Key:      len(columns),
		UTC:      utc,
	})
	if err != nil || !comparison.ExactKey() {
		return nil, c.incomparable(columns, of)
	}
	return &ForeignKeys{Comparison: comparison, Where: c.Where, ToWhere: c.ToWhere,
		Window: c.closes().window(t.alone(), t.Known.Relation), Most: c.MaxKeys}, nil
}

// incomparable says which columns are no keys between warehouses, and why.
func (c *Reference) incomparable(columns, of []warehouse.Column) error {
	var types []string
	why, cast := "no rule says which values of such types are equal", "a type that both have"
	for i := range columns {
		types = append(types, fmt.Sprintf("%s is %s here and %s is %s in %s", columns[i].Name, columns[i].Type.Native,
			of[i].Name, of[i].Type.Native, c.To))
		for _, family := range []warehouse.Family{columns[i].Type.Family, of[i].Type.Family} {
			switch family {
			case warehouse.FloatType:
				why, cast = "floats are rounded, so that equal ones are written in several ways", "decimal or integer"
			case warehouse.JSON:
				why, cast = "equal JSON values are written in several ways", "text, or the field that is the key"
			}
		}
	}
	return fmt.Errorf("%s: not compared between warehouses, because %s: name columns of views that cast them to %s",
		strings.Join(types, ", "), why, cast)
}

// askForeign asks for the keys without a partner in another warehouse.
func (c *Reference) askForeign(t Target) []Ask {
	f, err := c.foreign(t)
	if err != nil {
		return nil // judgeForeign says it
	}
	asks := []Ask{{Key: askOrphans, Foreign: f}}
	asks = append(asks, gapAsks(askRows, f.Window, c.Where, nil)...)
	asks = append(asks, partialAsks(askRows, f.Window, c.Where, nil)...)
	return append(asks, unreadableAsks(askRows, f.Window.Time, c.Where, nil)...)
}

// judgeForeign judges keys of another warehouse. A standby there may not have the newest keys
// yet: rows without a partner say nothing then.
func (c *Reference) judgeForeign(t Target, a Answers) sentinel.Result {
	const kind = "reference"
	_, err := c.foreign(t)
	if err == nil {
		err = c.answerError(t.alone(), a, []string{askOrphans})
	}
	if err != nil {
		return errorResult(kind, err)
	}
	n, values := tally{}, a.of(askOrphans).Values
	n.rows, _ = values[0].Int64() // counts are integers
	n.bad, _ = values[1].Int64()
	n.of = n.rows
	r := c.judgeWhole(t.alone(), c, c.rowRule(), a, n)
	if s := t.Known.LikeServer; s != nil && s.Standby && !s.Lag.Small() && n.bad > 0 && r.Status.Bad() {
		return incomplete(r, c.To.String(), "")
	}
	return r
}
