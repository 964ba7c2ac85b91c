package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// cell is a value of a table of odd values, as a text in one form for each kind of column;
// nil is NULL.
type cell = *string

// oddColumn is a column of such a table.
type oddColumn struct {
	name   string
	kind   string            // text, char, integer, decimal, float, boolean, date or timestamp
	native map[string]string // type by engine
	values []string
}

const pool = "utf8mb4 COLLATE utf8mb4_general_ci"

// same is a type that has one name on every engine.
func same(name string) map[string]string {
	return map[string]string{"postgres": name, "mysql": name, "sqlite": name}
}

var oddTexts = []string{
	"", " ", "\t", "\n", "\r", "\v", "\f", "\u00a0", "a", "A", "a ", " a", "ä", "Ä", "a\u0308", "ß", "ss", "k", "K", "\u212a",
	"I", "İ", "ı", "٣", "3", "03", "-1", "1e2", "😀", "é", "e\u0301", "'", `"`, `\`, "%", "_", "a%", "a\n", "a\nb", "ab", "aab",
	"null", "$1", "?", "a@b.co", "#", "--", "x y", "2026-11-30", "DE", "de", "\u2028", "\ufeff",
}

// oddColumns are the columns of all tables. A value that an engine cannot hold is NULL there.
var oddColumns = []oddColumn{
	{"id", "integer", same("bigint"), nil},
	{"g", "text", same("varchar(8)"), []string{"DE", "FR", "IT"}},
	{"k", "text", same("varchar(8)"), []string{"x", "y"}},
	{"s", "text", map[string]string{"postgres": "text", "mysql": "varchar(60) CHARACTER SET utf8mb4", "sqlite": "text"}, oddTexts},
	{"f", "text", map[string]string{"postgres": "text COLLATE folding", "mysql": "varchar(60) CHARACTER SET " + pool,
		"sqlite": "text COLLATE NOCASE"}, oddTexts},
	{"c", "char", map[string]string{"postgres": "char(8)", "mysql": "char(8) CHARACTER SET utf8mb4", "sqlite": "char(8)"},
		[]string{"", " ", "a", "A", "a ", "ab", "DE", "ä", "3", " a"}},
	{"n", "integer", same("bigint"), []string{"0", "1", "-1", "2", "10", "49", "9007199254740993", "9223372036854775807",
		"-9223372036854775807", "!text", "!"}},
	{"m", "integer", same("smallint"), []string{"0", "1", "2", "10", "-5", "32767"}},
	{"d", "decimal", same("decimal(12,2)"), []string{"0.00", "1.00", "1.10", "-1.10", "0.10", "0.01", "9999999999.99", "NaN"}},
	{"x", "float", map[string]string{"postgres": "double precision", "mysql": "double", "sqlite": "double"},
		[]string{"0", "-0", "0.1", "1.5", "-1.5", "1e308", "-1e308", "NaN", "Infinity", "-Infinity"}},
	{"b", "boolean", same("boolean"), []string{"1", "0"}},
	{"day", "date", same("date"), []string{"2026-11-30", "2026-11-29", "2026-12-01", "1970-01-01", "2000-02-29", "9999-12-31",
		"0000-00-00", "infinity", "-infinity"}},
	{"at", "timestamp", map[string]string{"postgres": "timestamp", "mysql": "datetime(6)", "sqlite": "timestamp"}, times},
}

// begun is when the test runs, as the clocks of the engines say. It is after the tick.
var begun = time.Now().UTC().Truncate(time.Second)

const oddTime = "2006-01-02 15:04:05.000000"

// times lie around the day before the tick, and around now.
var times = []string{begun.Add(-time.Hour).Format(oddTime), begun.AddDate(0, 1, 0).Format(oddTime),
	"2026-11-28 23:59:59.500000", "2026-11-29 00:00:00.000000", "2026-11-29 12:00:00.000000",
	"2026-11-29 23:59:59.000000", "2026-11-30 00:00:00.000000", "2026-11-30 12:00:00.000000", "2026-11-30 12:00:01.000000"}

// oddTable is a table with rows of odd values.
type oddTable struct {
	name        string
	rows        [][]cell
	constraints map[string]string // by column: what stands behind its type
}

func drawOdd(r *rand.Rand, name string) *oddTable {
	t := &oddTable{name: name}
	null := pick(r, []int{4, 8, 1000, 1}) // one value in so many is NULL
	for i := range pick(r, []int{0, 1, 3, 12, 40, 90}) {
		row := make([]cell, len(oddColumns))
		id := fmt.Sprint(i)
		row[0] = &id
		for k, c := range oddColumns[1:] {
			if r.IntN(null) > 0 {
				v := pick(r, c.values)
				row[k+1] = &v
			}
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func columnIndex(name string) int {
	for i, c := range oddColumns {
		if c.name == name {
			return i
		}
	}
	panic("no column " + name)
}

// kept returns what an engine keeps of a value.
func (c oddColumn) kept(e *engine, v cell) cell {
	if v == nil {
		return nil
	}
	only := func(name string) cell {
		if e.name == name {
			return v
		}
		return nil
	}
	switch {
	case strings.HasPrefix(*v, "!"): // a text in a column of numbers
		return only("sqlite")
	case *v == "NaN" && (c.kind == "float" || c.kind == "decimal"), *v == "infinity", *v == "-infinity":
		return only("postgres")
	case *v == "Infinity" || *v == "-Infinity":
		if e.name == "mysql" {
			return nil
		}
	case *v == "0000-00-00":
		return only("mysql")
	case c.kind == "char" && e.name != "sqlite":
		cut := strings.TrimRight(*v, " ")
		return &cut
	}
	return v
}

// seen returns the rows as an engine keeps them.
func (t *oddTable) seen(e *engine) [][]cell {
	out := make([][]cell, len(t.rows))
	for i, r := range t.rows {
		out[i] = make([]cell, len(r))
		for k, v := range r {
			out[i][k] = oddColumns[k].kept(e, v)
		}
	}
	return out
}

func (t *oddTable) create(tb testing.TB, e *engine) {
	tb.Helper()
	columns := make([]string, len(oddColumns))
	for i, c := range oddColumns {
		columns[i] = c.name + " " + c.native[e.name] + t.constraints[c.name]
	}
	e.exec(tb, "CREATE TABLE "+t.name+" ("+strings.Join(columns, ", ")+")")
	e.exec(tb, "CREATE INDEX "+t.name+"_m ON "+t.name+" (m)")
	t.insert(tb, e)
}

// insert writes the rows.
func (t *oddTable) insert(tb testing.TB, e *engine) {
	tb.Helper()
	var tuples []string
	for _, r := range t.rows {
		values := make([]string, len(r))
		for k, v := range r {
			if v = oddColumns[k].kept(e, v); v == nil {
				values[k] = "NULL"
				continue
			}
			values[k] = e.oddLiteral(oddColumns[k], *v)
		}
		tuples = append(tuples, "("+strings.Join(values, ", ")+")")
	}
	if len(tuples) > 0 {
		e.exec(tb, "INSERT INTO "+t.name+" VALUES "+strings.Join(tuples, ", "))
	}
}

func (e *engine) oddLiteral(c oddColumn, v string) string {
	switch {
	case e.name == "sqlite" && strings.HasSuffix(v, "Infinity"):
		return strings.Replace(v, "Infinity", "9e999", 1)
	case c.kind == "boolean" && e.name == "postgres":
		return e.flavour.quote(v)
	case c.kind == "boolean":
		return v
	}
	return e.flavour.quote(strings.TrimPrefix(v, "!"))
}
