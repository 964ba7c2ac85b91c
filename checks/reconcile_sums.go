package checks

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Tolerance is the allowed difference of two numbers: a number, or a percentage of the
// larger one.
type Tolerance struct {
	By      sentinel.Number // absent: 0
	Percent bool
}

// UnmarshalText reads "1%" or "100".
func (t *Tolerance) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(strings.TrimSpace(string(b)), "%")
	v, err := sentinel.ParseNumber(strings.ReplaceAll(strings.TrimSpace(text), "_", ""))
	if err != nil || !v.Finite() || v.Float64() < 0 || percent && v.Float64() > 100 {
		return fmt.Errorf("tolerance %q: want a number such as 100, or a percentage such as 1%%", b)
	}
	*t = Tolerance{v, percent}
	return nil
}

// String writes the tolerance for people.
func (t Tolerance) String() string {
	switch {
	case t.By.Absent() || t.By.Cmp(sentinel.Int(0)) == 0:
		return "equal"
	case t.Percent:
		return fmt.Sprintf("at most %s%% apart", t.By)
	}
	return fmt.Sprintf("at most %s apart", t.By)
}

// holds reports whether two finite numbers are close enough, apart from what rounding may
// explain (nil: nothing). It computes exactly, because a float does not hold every digit of
// a large sum.
func (t Tolerance) holds(a, b sentinel.Number, rounding *big.Rat) bool {
	x, y := a.Rat(), b.Rat()
	limit := new(big.Rat)
	if !t.By.Absent() {
		limit = t.By.Rat()
	}
	if t.Percent {
		larger := new(big.Rat).Abs(x)
		if other := new(big.Rat).Abs(y); larger.Cmp(other) < 0 {
			larger = other
		}
		limit.Mul(limit, larger).Quo(limit, big.NewRat(100, 1))
	}
	if rounding != nil {
		limit.Add(limit, rounding)
	}
	apart := new(big.Rat).Sub(x, y)
	return apart.Abs(apart).Cmp(limit) <= 0
}

// agrees compares two values. A sum over no rows (NULL) agrees only with another NULL.
func (c *Reconcile) agrees(a, b sentinel.Number, rounding *big.Rat) bool {
	if a.Absent() || b.Absent() {
		return a.Absent() == b.Absent()
	}
	return c.Tolerance.holds(a, b, rounding)
}

func difference(a, b sentinel.Number) sentinel.Number {
	x, okX := a.Int64()
	y, okY := b.Int64()
	if d := x - y; okX && okY && (d < x) == (y > 0) {
		return sentinel.Int(d)
	}
	if !a.Finite() || !b.Finite() {
		return sentinel.Number{}
	}
	apart, _ := new(big.Rat).Sub(a.Rat(), b.Rat()).Float64() // the nearest
	return sentinel.Float(apart)
}

const (
	askNoNumber = " no number" // values of a column that are no numbers
	askSizes    = " sizes"     // sum of the values without their signs
)

// dialectOf returns the dialect of a table of the check.
func (t Target) dialectOf(rel *warehouse.Table) warehouse.Dialect {
	if rel == t.Known.Like && rel != t.Known.Relation {
		return t.Known.LikeDialect
	}
	return t.Known.Dialect
}

// sumType returns the type of a column that is summed up, and whether it is known. Engines
// without regard to case in names find it in any spelling.
func sumType(rel *warehouse.Table, column string) (warehouse.Type, bool) {
	if c := rel.Column(column); c != nil {
		return c.Type, true
	}
	for _, c := range rel.Columns {
		if strings.EqualFold(c.Name, column) {
			return c.Type, true
		}
	}
	return warehouse.Type{}, false
}

// sumTypeError refuses columns that hold no numbers. Some engines read the digits that a
// text begins with. Where columns hold values of any type, sumError looks at the values.
func (c *Reconcile) sumTypeError(t Target) error {
	for _, rel := range []*warehouse.Table{t.Known.Relation, t.Known.Like} {
		if _, byValue := t.dialectOf(rel).(warehouse.ValueTimes); byValue {
			continue
		}
		for _, column := range c.Sum {
			of, _ := sumType(rel, column)
			switch of.Family {
			case warehouse.Text, warehouse.FixedText, warehouse.Enum, warehouse.Binary, warehouse.JSON, warehouse.UUID,
				warehouse.Date, warehouse.Timestamp, warehouse.Time:
				return fmt.Errorf("column %s of %s is %s, which has no sum: leave it out of `sum:`, or read a view that casts it",
					column, rel.Name, of.Native)
			}
		}
	}
	return nil
}

// floats reports whether sums of a column may be rounded, and by how many bits of a value
// are kept.
func (t Target) floats(rel *warehouse.Table, column string) (bits int, rounded bool) {
	of, _ := sumType(rel, column)
	_, byValue := t.dialectOf(rel).(warehouse.ValueTimes)
	switch {
	case of.Family == warehouse.FloatType && of.Bits == 32:
		return 24, true
	case of.Family == warehouse.FloatType || byValue:
		return 53, true
	}
	return 0, false
}

// sumAsks asks for the sum of a column, and what is needed to judge it.
func (c *Reconcile) sumAsks(t Target, rel *warehouse.Table, column, prefix string) []Ask {
	var of *sentinel.Table
	if prefix == "there " {
		of = c.With
	}
	window := c.window(t, rel)
	ask := func(key, function, expression string) Ask {
		a := &Aggregate{Func: function, Expr: expression, Where: c.Where, Window: window}
		if expression == "" {
			a.Column = column
		}
		return Ask{Key: prefix + column + key, Of: of, Aggregate: a}
	}
	asks := []Ask{ask("", "sum", "")}
	d := t.dialectOf(rel)
	if _, known := sumType(rel, column); !known || d == nil {
		return asks // the statement fails
	}
	quoted, err := d.Quote(column)
	if err != nil {
		return asks // the sum has the error
	}
	if v, byValue := d.(warehouse.ValueTimes); byValue {
		numbers := "CASE WHEN " + quoted + " IS NOT NULL AND NOT " + v.IsNumber(quoted) + " THEN 1 END"
		asks = append(asks, ask(askNoNumber, "count", numbers))
	}
	if _, rounded := t.floats(rel, column); rounded {
		asks = append(asks, ask(askSizes, "sum", "abs("+quoted+")"))
	}
	return asks
}

// sumError returns why the sums of a column cannot be compared.
func (c *Reconcile) sumError(t Target, column string, a Answers) error {
	for _, side := range []struct{ prefix, of string }{{"here ", t.Table.String()}, {"there ", c.With.String()}} {
		if n := a.of(side.prefix + column).Number; !n.Absent() && !n.Finite() {
			return fmt.Errorf("the sum of %s in %s is %s, which cannot be compared: leave such rows out by `where:`",
				column, side.of, n)
		}
		got := a.of(side.prefix + column + askNoNumber)
		if got.Err != nil {
			return got.Err
		}
		if n, _ := got.Number.Int64(); n > 0 {
			return fmt.Errorf("column %s of %s has values that are no numbers (%s): leave such rows out by `where:`",
				column, side.of, groupDigits(got.Number))
		}
	}
	return nil
}

// rounding returns how far apart sums of floats may be because each engine adds in an order
// of its own; nil if no float takes part. Adding n values loses at most n units in the last
// place of the sum of their sizes.
func (c *Reconcile) rounding(t Target, column string, a Answers) *big.Rat {
	if column == "rows" {
		return nil
	}
	var total *big.Rat
	for _, side := range []struct {
		prefix string
		rel    *warehouse.Table
	}{{"here ", t.Known.Relation}, {"there ", t.Known.Like}} {
		bits, rounded := t.floats(side.rel, column)
		size := a.of(side.prefix + column + askSizes).Number
		if _, whole := size.Int64(); !rounded || !size.Finite() || whole {
			continue // an engine without types has added integers
		}
		// The values themselves may be rounded, and the sum of their sizes is.
		rows, _ := a.of(side.prefix + "rows").Number.Int64()
		unit := new(big.Int).Lsh(big.NewInt(1), uint(bits))
		lost := new(big.Rat).Mul(size.Rat(), new(big.Rat).SetFrac(big.NewInt(rows+2), unit))
		if total == nil {
			total = new(big.Rat)
		}
		total.Add(total, lost)
	}
	return total
}

// roundingText says what of a difference rounding may explain.
func roundingText(rounding *big.Rat) string {
	if rounding == nil {
		return ""
	}
	by, _ := rounding.Float64() // the nearest
	return fmt.Sprintf(" but for the rounding of floats (%.2g)", by)
}
