package rowdiff

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Kind says in what a row differs.
type Kind string

// The kinds of differences.
const (
	Missing Kind = "missing" // the row is there and not here
	Extra   Kind = "extra"   // the row is here and not there
	Changed Kind = "changed" // both have a row of that key, with other values
)

// Row is a row that differs.
type Row struct {
	Kind   Kind
	Values [2][]warehouse.Value // of each side, as it stores them; nil: it has no such row
	// Columns are the positions of the columns that differ in a changed row.
	Columns []int
}

// Result is what a comparison found.
type Result struct {
	Rows                    [2]int64 // of each side
	NullKeys                [2]int64 // rows with NULL in the key, of which nothing else is known
	Missing, Extra, Changed int64
	// Unread is the number of segments that differ and were not followed, UnreadRows that of
	// their rows on both sides.
	Unread, UnreadRows int64
	// Exact means that each unread segment has at least one row that differs.
	Exact bool
	Named []Row // up to Config.Name
	// ChangedIn is the number of changed rows by the position of the column.
	ChangedIn []int64
}

// Differences returns the number of rows that differ.
func (r *Result) Differences() int64 { return r.Missing + r.Extra + r.Changed }

// Bounds returns the least and the largest number of rows that may differ.
func (r *Result) Bounds() (least, most int64) {
	least, most = r.Differences(), r.Differences()+r.UnreadRows
	if r.Exact {
		least += r.Unread
	}
	return least, most
}

// DoubledKeyError says that a key stands in several rows of a table, so that it is no key.
type DoubledKeyError struct {
	Side Side
	Keys string // names of the columns
}

// Error implements error. It has no value of a row.
func (e *DoubledKeyError) Error() string {
	return fmt.Sprintf("the key (%s) is no key: rows of the table have it in common", e.Keys)
}

// keyed is a row with its values in the common form.
type keyed struct {
	row    []warehouse.Value
	common []warehouse.Value
}

// compareRows compares the rows of the last step.
func (d *descent) compareRows(answer Answer) error {
	var sides [2]map[rowvalues.RowHash]keyed
	var order []rowvalues.RowHash
	for s, rows := range answer {
		if len(rows) > mostRows {
			return fmt.Errorf("more than %d rows differ or share a key: name fewer rows by `where` or `bucket`", mostRows)
		}
		sides[s] = make(map[rowvalues.RowHash]keyed, len(rows))
		for _, cells := range rows {
			row, err := d.decode(Side(s), cells)
			if err != nil {
				return err
			}
			key := rowvalues.HashRow(row.common[:d.Key], nil)
			if _, twice := sides[s][key]; twice {
				return &DoubledKeyError{Side(s), d.KeyNames()}
			}
			if _, both := sides[Here][key]; s == int(Here) || !both {
				order = append(order, key)
			}
			sides[s][key] = row
		}
	}
	slices.SortFunc(order, func(a, b rowvalues.RowHash) int {
		return slices.CompareFunc(keyIn(sides, a), keyIn(sides, b), compareValues)
	})
	for _, key := range order {
		here, isHere := sides[Here][key]
		there, isThere := sides[There][key]
		switch {
		case !isThere:
			d.result.Extra++
			d.name(Row{Kind: Extra, Values: [2][]warehouse.Value{here.row, nil}})
		case !isHere:
			d.result.Missing++
			d.name(Row{Kind: Missing, Values: [2][]warehouse.Value{nil, there.row}})
		default:
			columns := differing(here.common, there.common)
			if len(columns) > 0 {
				d.result.Changed++
				for _, i := range columns {
					d.result.ChangedIn[i]++
				}
				d.name(Row{Kind: Changed, Values: [2][]warehouse.Value{here.row, there.row}, Columns: columns})
			}
		}
	}
	return nil
}

// keyIn returns the key of a row that one of the sides has.
func keyIn(sides [2]map[rowvalues.RowHash]keyed, key rowvalues.RowHash) []warehouse.Value {
	row, ok := sides[Here][key]
	if !ok {
		row = sides[There][key]
	}
	return row.row
}

// compareValues orders values for people. The order of rows is then the same each time.
func compareValues(a, b warehouse.Value) int {
	x, errX := strconv.ParseInt(a.Text, 10, 64)
	y, errY := strconv.ParseInt(b.Text, 10, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a.Text, b.Text)
}

// name keeps a row that differs.
func (d *descent) name(r Row) {
	if len(d.result.Named) < d.Name {
		d.result.Named = append(d.result.Named, r)
	}
}

// differing returns the positions of values that are not equal.
func differing(a, b []warehouse.Value) (columns []int) {
	for i := range a {
		if string(rowvalues.AppendCanonical(nil, a[i])) != string(rowvalues.AppendCanonical(nil, b[i])) {
			columns = append(columns, i)
		}
	}
	return columns
}

// decode reads a row. A value that the other side's type cannot hold is left as it is: it
// equals none of that type, because its kind is another or it has no such value.
func (d *descent) decode(s Side, cells []warehouse.Cell) (keyed, error) {
	out := keyed{}
	dialect := d.Dialects[s]
	for i, column := range d.Columns[s] {
		width := len(warehouse.ReadValue(dialect, "x", column.Type))
		if len(cells) < width {
			return out, fmt.Errorf("the database answered with other columns than were asked for")
		}
		v, err := warehouse.DecodeValue(dialect, cells[:width], column.Type)
		if err != nil {
			return out, fmt.Errorf("column %s holds a value that is not read as its type says", column.Name)
		}
		cells = cells[width:]
		out.row = append(out.row, v)
		if p := d.columns[i]; !p.same && p.from == s {
			if carried, err := p.pair.Carry(v); err == nil {
				v = carried
			}
		}
		if i >= d.Key && d.columns[i].kind == warehouse.HashFloat && v.Kind == warehouse.FloatValue && v.Text == "-0" {
			v.Text = "0" // SQLite keeps no other
		}
		out.common = append(out.common, v)
	}
	return out, nil
}

// decimalSum adds up groups.
type decimalSum struct {
	count     int64
	sum       big.Int
	low, high int64
}

func (s *decimalSum) add(g group) error {
	n, ok := new(big.Int).SetString(g.sum, 10)
	if !ok {
		return fmt.Errorf("%q is no sum of hashes", g.sum)
	}
	s.count += g.count
	s.low, s.high = min(s.low, g.low), max(s.high, g.high)
	s.sum.Add(&s.sum, n)
	return nil
}

func (s *decimalSum) group() group { return group{s.count, s.sum.String(), s.low, s.high} }
