package rowdiff

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Step is what is asked of both tables at one time.
type Step struct {
	Level int // from 1
	// Rows reads the rows of the segments. Otherwise they are divided and hashed.
	Rows bool
	// Shift is the size of a part: of a range of integers the binary logarithm of its width,
	// else the number of bits of the key's hash that are equal. With Whole each table chooses
	// its ranges.
	Shift    int
	Whole    bool
	Segments []Segment // nil: the whole table
}

// Segment is a part of the rows.
type Segment struct {
	Shift int   // as Step has it
	At    int64 // the key divided by the width, rounded down; else the bits of the key's hash
	count [2]int64
	span  uint64 // between its smallest and its largest key, of a range
}

// Source is a table in a statement.
type Source interface {
	// From writes the table as an item of FROM. It appends the values of its parameters.
	From(d warehouse.Dialect, args *[]any) (string, error)
	// Where writes conditions on its rows. It appends the values of their parameters.
	Where(d warehouse.Dialect, args *[]any) ([]string, error)
}

const (
	firstBits  = 10               // the first level divides into 2^10 segments, or half as many
	hashBits   = 60               // of a key's hash
	mostRows   = 200_000          // that one statement reads
	shiftAlias = "sentinel_shift" // names no column of a table
)

// Statement writes a step for one side.
func (c *Comparison) Statement(s Side, step Step, of Source) (warehouse.Statement, error) {
	st := warehouse.Statement{}
	var err error
	if step.Rows {
		st.SQL, err = c.readRows(s, step, of, &st.Args)
	} else {
		st.SQL, err = c.hashSegments(s, step, of, &st.Args)
	}
	return st, err
}

// hashSegments writes the statement that returns for each segment its number, the number of
// its rows and the sum of their hashes, the shift, and of ranges the smallest and the largest
// key. A row with NULL in the key is in the segment NULL.
//
//	SELECT r.seg, count(*), sum(r.h), max(r.s), min(r.k), max(r.k)
//	FROM (SELECT k >> 4 AS seg, hash AS h, 4 AS s, k AS k FROM t) r GROUP BY r.seg
func (c *Comparison) hashSegments(s Side, step Step, of Source, args *[]any) (string, error) {
	h, _ := c.Dialects[s].(warehouse.RowHasher) // New has seen to it
	texts, err := c.texts(s, len(c.columns))
	if err != nil {
		return "", err
	}
	table, err := of.From(c.Dialects[s], args)
	if err != nil {
		return "", err
	}
	shift, bounds := fmt.Sprint(step.Shift), ""
	if step.Whole && c.ranges {
		shift = shiftAlias + "." + shiftAlias
		if bounds, err = c.bounds(s, of, args); err != nil {
			return "", err
		}
	}
	segment, err := c.segment(s, shift, step.Shift)
	if err != nil {
		return "", err
	}
	where, err := c.where(s, step, of, args)
	if err != nil {
		return "", err
	}
	inner, outer := "", ""
	if c.ranges {
		key, err := c.Dialects[s].Quote(c.Columns[s][0].Name)
		if err != nil {
			return "", err
		}
		inner, outer = ", "+key+" AS k", ", min(r.k), max(r.k)"
	}
	rows := fmt.Sprintf("SELECT %s AS seg, %s AS h, %s AS s%s FROM %s%s%s", segment, h.Hash(texts), shift, inner, table,
		bounds, where)
	return fmt.Sprintf("SELECT r.seg, count(*), %s, max(r.s)%s FROM (%s) r GROUP BY r.seg", h.SumHashes("r.h"), outer,
		rows), nil
}

// bounds writes the derived table with the shift that divides the keys of a table into at
// most Config.Parts ranges. An index answers it.
func (c *Comparison) bounds(s Side, of Source, args *[]any) (string, error) {
	d := c.Dialects[s]
	divider, _ := d.(warehouse.KeyDivider) // divides has seen to it
	key, err := d.Quote(c.Columns[s][0].Name)
	if err != nil {
		return "", err
	}
	table, err := of.From(d, args)
	if err != nil {
		return "", err
	}
	bitsOfSpan := divider.BitsBetween("b.low", "b.high")
	return fmt.Sprintf(", (SELECT CASE WHEN %s > %d THEN %s - %d ELSE 0 END AS %s"+
		" FROM (SELECT min(%s) AS low, max(%s) AS high FROM %s) b) %s", bitsOfSpan, log2(c.Parts), bitsOfSpan, log2(c.Parts), shiftAlias, key, key, table, shiftAlias), nil
}

// segment writes the number of the segment that a row is in.
func (c *Comparison) segment(s Side, shift string, bitCount int) (string, error) {
	d := c.Dialects[s]
	if divider, ok := d.(warehouse.KeyDivider); ok && c.ranges {
		key, err := d.Quote(c.Columns[s][0].Name)
		if err != nil {
			return "", err
		}
		return divider.DivideKey(key, shift), nil
	}
	hash, err := c.keyBits(s, bitCount)
	if err != nil {
		return "", err
	}
	var filled []string
	for i := range c.Key {
		key, err := d.Quote(c.Columns[s][i].Name)
		if err != nil {
			return "", err
		}
		filled = append(filled, key+" IS NOT NULL")
	}
	return "CASE WHEN " + strings.Join(filled, " AND ") + " THEN " + hash + " END", nil
}

// keyBits writes the last bits of the hash of a row's key.
func (c *Comparison) keyBits(s Side, n int) (string, error) {
	h, _ := c.Dialects[s].(warehouse.RowHasher) // New has seen to it
	texts, err := c.texts(s, c.Key)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(%s & %d)", h.Hash(texts), int64(1)<<n-1), nil
}

// texts writes the texts of the first n columns.
func (c *Comparison) texts(s Side, n int) ([]string, error) {
	d := c.Dialects[s]
	h, _ := d.(warehouse.RowHasher) // New has seen to it
	out := make([]string, n)
	for i := range n {
		quoted, err := d.Quote(c.Columns[s][i].Name)
		if err != nil {
			return nil, err
		}
		other := c.side(1-s, i)
		form := warehouse.HashForm{Kind: c.columns[i].kind, As: other.Type, Engine: other.Engine, UTC: c.UTC}
		if out[i], err = h.HashText(quoted, c.Columns[s][i].Type, form); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readRows writes the statement that reads the compared columns.
func (c *Comparison) readRows(s Side, step Step, of Source, args *[]any) (string, error) {
	d := c.Dialects[s]
	var outputs []string
	for _, column := range c.Columns[s] {
		quoted, err := d.Quote(column.Name)
		if err != nil {
			return "", err
		}
		outputs = append(outputs, warehouse.ReadValue(d, quoted, column.Type)...)
	}
	table, err := of.From(d, args)
	if err != nil {
		return "", err
	}
	where, err := c.where(s, step, of, args)
	if err != nil {
		return "", err
	}
	sql := "SELECT " + strings.Join(outputs, ", ") + " FROM " + table + where
	if _, ordered := d.(warehouse.Limiter); ordered {
		sql += " ORDER BY 1"
	}
	return warehouse.Limit(d, sql, mostRows+1), nil
}

// where writes the WHERE clause of a step.
func (c *Comparison) where(s Side, step Step, of Source, args *[]any) (string, error) {
	conditions, err := of.Where(c.Dialects[s], args)
	if err != nil {
		return "", err
	}
	if len(step.Segments) > 0 {
		within, err := c.within(s, step.Segments)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, within)
	}
	if len(conditions) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(conditions, " AND "), nil
}

// within writes the condition that a row is in one of the segments.
func (c *Comparison) within(s Side, segments []Segment) (string, error) {
	var any []string
	if c.ranges {
		key, err := c.Dialects[s].Quote(c.Columns[s][0].Name)
		if err != nil {
			return "", err
		}
		for _, r := range joinRanges(segments) {
			any = append(any, fmt.Sprintf("%s BETWEEN %s AND %s", key, integer(r[0]), integer(r[1])))
		}
		return "(" + strings.Join(any, " OR ") + ")", nil
	}
	byBits := map[int][]string{}
	var order []int
	for _, segment := range segments {
		if byBits[segment.Shift] == nil {
			order = append(order, segment.Shift)
		}
		byBits[segment.Shift] = append(byBits[segment.Shift], fmt.Sprint(segment.At))
	}
	for _, n := range order {
		hash, err := c.keyBits(s, n)
		if err != nil {
			return "", err
		}
		any = append(any, hash+" IN ("+strings.Join(byBits[n], ", ")+")")
	}
	return "(" + strings.Join(any, " OR ") + ")", nil
}

// integer writes a number as SQL. The smallest has no literal of its own.
func integer(n int64) string {
	if n == math.MinInt64 {
		return "(-9223372036854775807 - 1)"
	}
	return fmt.Sprint(n)
}

// joinRanges returns the first and last keys of segments, in order. Those that touch are one.
func joinRanges(segments []Segment) (out [][2]int64) {
	var all [][2]int64
	for _, s := range segments {
		low := s.At << s.Shift
		all = append(all, [2]int64{low, low + (int64(1)<<s.Shift - 1)})
	}
	slices.SortFunc(all, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	for _, r := range all {
		if n := len(out); n > 0 && out[n-1][1] != math.MaxInt64 && out[n-1][1]+1 >= r[0] {
			out[n-1][1] = max(out[n-1][1], r[1])
			continue
		}
		out = append(out, r)
	}
	return out
}

// log2 is the binary logarithm, rounded down.
func log2(n int) int { return bits.Len(uint(max(n, 1))) - 1 }
