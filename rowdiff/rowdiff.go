// Package rowdiff finds the rows in which two tables differ, without reading all of them. The
// tables may be on different engines.
//
// Each statement divides the rows of one table by their key into segments, and returns the
// number of rows and the sum of their hashes for each. Segments that differ are divided
// again, until they are small enough to be read. Then the rows themselves are compared by
// the canonical values of package rowvalues. So hashes decide only what is read.
//
// The method is that of hash trees: R. C. Merkle, A digital signature based on a conventional
// encryption function (CRYPTO 1987). Begin with [New], [Comparison.Next] and
// [Comparison.Statement].
package rowdiff

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Side is one of the two tables.
type Side int

// The two sides.
const (
	Here  Side = 0 // the table that is judged
	There Side = 1 // the one that says what it should hold
)

// Config says what is compared.
type Config struct {
	Dialects [2]warehouse.Dialect
	// Columns are the columns of each side, in the same order. The first Key of them are the
	// key.
	Columns [2][]warehouse.Column
	Key     int
	UTC     bool // times without a zone are in UTC
	// Most is how many differing segments are followed. If there are more, the result says so.
	Most int
	// Name is how many differing rows the result has. Those that only one side has are counted
	// without being read where that suffices.
	Name int
	// Few is how many rows are read without being divided further, and Parts into how many
	// segments a level divides at least. 0: 2000 and 1024.
	Few, Parts int
}

// Comparison compares two tables. It is pure and safe for concurrent use.
type Comparison struct {
	Config
	columns []column
	ranges  bool // the key is one integer, so that segments are ranges of it
}

// column is a pair of columns.
type column struct {
	pair  rowvalues.Pair
	from  Side // whose values are carried to the type of the other side
	same  bool // values are compared as they are stored
	kind  warehouse.HashKind
	exact bool // equal values have equal texts
}

// New prepares a comparison. It returns an error if the values of a column cannot be
// compared.
func New(c Config) (*Comparison, error) {
	c.Few, c.Parts = cmp.Or(c.Few, 2000), cmp.Or(c.Parts, 1024)
	out := &Comparison{Config: c}
	for s, d := range c.Dialects {
		if _, ok := d.(warehouse.RowHasher); !ok {
			return nil, fmt.Errorf("the dialect %s hashes no rows", d.Name())
		}
		if len(c.Columns[s]) != len(c.Columns[Here]) || c.Key < 1 || c.Key > len(c.Columns[s]) {
			return nil, errors.New("want the same columns of both tables, and a key")
		}
	}
	for i := range c.Columns[Here] {
		column, err := out.pair(i)
		if err != nil {
			return nil, err
		}
		out.columns = append(out.columns, column)
	}
	out.ranges = c.Key == 1 && out.divides(Here) && out.divides(There)
	return out, nil
}

// divides reports whether the key of a side is an integer that is divided into ranges.
func (c *Comparison) divides(s Side) bool {
	_, can := c.Dialects[s].(warehouse.KeyDivider)
	t := c.Columns[s][0].Type
	return can && t.Family == warehouse.Integer && !t.Unenforced && !(t.Unsigned && (t.Bits == 0 || t.Bits == 64))
}

// side returns a column as package rowvalues wants it.
func (c *Comparison) side(s Side, i int) rowvalues.Side {
	return rowvalues.Side{Engine: c.Dialects[s].Name(), UTC: c.UTC, Type: c.Columns[s][i].Type}
}

// pair decides how the values of a column are compared. Those of a column without an enforced
// type are carried to the type of the other.
func (c *Comparison) pair(i int) (column, error) {
	here, there := c.side(Here, i), c.side(There, i)
	name := c.Columns[Here][i].Name
	if here.Unenforced && there.Unenforced {
		return column{same: true, kind: warehouse.HashStored, exact: true}, nil
	}
	order := []Side{There, Here}
	if here.Unenforced {
		order = []Side{Here, There}
	}
	var first error
	for _, from := range order {
		a, b := there, here
		if from == Here {
			a, b = here, there
		}
		p, err := rowvalues.NewPair(name, a, b)
		if err == nil {
			kind, exact := hashKind(a.Type, b.Type)
			return column{pair: p, from: from, kind: kind, exact: exact}, nil
		}
		if first == nil {
			first = fmt.Errorf("column %s is %s (%s) here and %s (%s) in the other table, whose values are not comparable: "+
				"leave it out by `columns:`, or compare with a view that casts it", name, here.Native, here.Engine, there.Native,
				there.Engine)
		}
		if b.Unenforced { // its types say nothing
			break
		}
	}
	return column{}, first
}

// hashKind returns the form in which values of one type, carried to another, are hashed, and
// whether equal values have equal texts then.
func hashKind(from, to warehouse.Type) (kind warehouse.HashKind, exact bool) {
	switch to.Family {
	case warehouse.Boolean, warehouse.Integer, warehouse.Decimal:
		return warehouse.HashNumber, true
	case warehouse.FloatType:
		return warehouse.HashFloat, false // 0 and -0 are equal
	case warehouse.Binary:
		return warehouse.HashBytes, true
	case warehouse.Date, warehouse.Time, warehouse.Timestamp:
		return warehouse.HashTime, true
	case warehouse.JSON:
		return warehouse.HashText, false
	case warehouse.Text, warehouse.FixedText, warehouse.Enum, warehouse.UUID:
		return warehouse.HashText, from.Family != warehouse.JSON
	}
	return warehouse.HashText, false
}

// exact reports whether segments of the same rows always have the same sum.
func (c *Comparison) exact() bool {
	for _, column := range c.columns {
		if !column.exact {
			return false
		}
	}
	return true
}

// KeyTexts writes the texts of the key's columns on a side, as statements hash them. If ExactKey,
// equal keys have equal texts on both sides, and different keys different ones.
func (c *Comparison) KeyTexts(s Side) ([]string, error) { return c.texts(s, c.Key) }

// ExactKey reports whether keys are equal where their texts are.
func (c *Comparison) ExactKey() bool {
	for _, column := range c.columns[:c.Key] {
		if !column.exact {
			return false
		}
	}
	return true
}

// KeyNames writes the names of the key's columns.
func (c *Comparison) KeyNames() string {
	names := make([]string, c.Key)
	for i := range names {
		names[i] = c.Columns[Here][i].Name
	}
	return strings.Join(names, ", ")
}

// KeyOf returns the key of a row that differs as a side's types store it. ok is false if the
// side has no such row, and its types cannot hold the key.
func (c *Comparison) KeyOf(r Row, s Side) (key []warehouse.Value, ok bool) {
	if r.Values[s] != nil {
		return r.Values[s][:c.Key], true
	}
	for i, v := range r.Values[1-s][:c.Key] {
		if !c.columns[i].same {
			p, err := rowvalues.NewPair(c.Columns[s][i].Name, c.side(1-s, i), c.side(s, i))
			if err == nil {
				v, err = p.Carry(v)
			}
			if err != nil {
				return nil, false
			}
		}
		key = append(key, v)
	}
	return key, true
}
