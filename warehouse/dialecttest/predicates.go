package dialecttest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// predicateTables is how many tables the suite draws, each with predicatesEach conditions.
const predicateTables, predicatesEach = 40, 25

// predicates: every condition holds for exactly the rows for which plain Go says so. Tables
// of odd values and conditions are drawn from a seed, which a failure names.
func (s suite) predicates(t *testing.T) {
	if _, ok := s.Dialect.(warehouse.ValueTester); !ok {
		return // it has no checks of columns
	}
	b := s.open(t, warehouse.Config{})
	b.exec(s.Folding...)
	for seed := range uint64(predicateTables) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), suite: s}
		g.draw()
		name := fmt.Sprintf("p%d", seed)
		b.exec(g.create(name), g.insert(name))
		g.columns = b.table(name).Columns
		var drawn []condition
		for range predicatesEach {
			drawn = append(drawn, g.condition(2))
		}
		b.compare(seed, name, g, drawn)
	}
}

// compare counts the rows for which each condition holds, in one statement.
func (b *fixtureDB) compare(seed uint64, table string, g *generator, drawn []condition) {
	b.t.Helper()
	var st warehouse.Statement
	outputs := make([]string, len(drawn))
	for i, c := range drawn {
		sql, err := warehouse.WritePredicate(b.suite.Dialect, c.predicate, &st.Args)
		if err != nil {
			b.t.Fatalf("seed %d: %s: %v", seed, c.text, err)
		}
		outputs[i] = "count(CASE WHEN " + sql + " THEN 1 END)"
	}
	st.SQL = "SELECT " + strings.Join(outputs, ", ") + " FROM " + b.suite.quoted(b.t, "["+table+"]")
	b.db.Run(b.t.Context(), []warehouse.Statement{st}, func(_ int, rows warehouse.Rows, err error) {
		if err != nil {
			b.t.Errorf("seed %d: %v\n%s", seed, err, st.SQL)
			return
		}
		for i, c := range drawn {
			want := 0
			var which, all []string
			for _, r := range g.rows {
				all = append(all, shownRow(r))
				if c.holds(r) == yes {
					want++
					which = append(which, shownRow(r))
				}
			}
			if got := rows[0][i].Text; got != fmt.Sprint(want) {
				b.t.Errorf("seed %d: %s holds for %s rows, want %d\n%s\nwant %s\nrows %s", seed, c.text, got, want,
					outputs[i], strings.Join(which, ", "), strings.Join(all, ", "))
			}
		}
	})
}

func shownRow(r []cellOf) string {
	values := make([]string, len(r))
	for i, v := range r {
		if values[i] = "NULL"; v != nil {
			values[i] = fmt.Sprintf("%q", *v)
		}
	}
	return "(" + strings.Join(values, " ") + ")"
}

// truth is one of SQL's three values.
type truth int

const (
	no truth = iota - 1
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// cellOf is a value of a drawn row in text form; nil is NULL.
type cellOf = *string

// condition is a drawn predicate, with what it means.
type condition struct {
	predicate warehouse.Predicate
	text      string
	holds     func(row []cellOf) truth
}

// generator draws a table and conditions on it.
type generator struct {
	*rand.Rand
	suite   suite
	kinds   []drawnColumn
	rows    [][]cellOf
	columns []warehouse.Column // as the catalog shows them
}

// drawnColumn is a column of the drawn tables.
type drawnColumn struct {
	name, native string
	values       []string
}

// oddTexts look alike to one engine or another, or break what is not written with care.
var oddTexts = []string{
	"", " ", "\t", "\n", "\r", "\v", "\f", "\u00a0", "a", "A", "a ", " a", "ä", "Ä", "a\u0308", "ß", "ss", "ẞ",
	"k", "K", "\u212a", "i", "I", "İ", "ı", "٣", "3", "03", "-1", "1e2", "😀", "é", "e\u0301",
	"'", `"`, `\`, `\n`, "%", "_", "a%", "a\n", "a\nb", "\na",
	"ab", "AB", "aab", "a_b", "aΣς", "null", "NULL", "$1", "?", "a.b", "a@b.co", "#", "--", "x y", "\u2028", "\ufeff", "ﬁ",
	strings.Repeat("a", 90), strings.Repeat("ä", 40),
}

var oddNumbers = []string{"0", "-0", "1", "-1", "2", "10", "127", "9007199254740993", "-9007199254740993",
	"9223372036854775807", "-9223372036854775807"}

var oddDecimals = []string{"0.00", "1.00", "1.10", "-1.10", "0.10", "0.01", "-0.01", "9999999999.99", "100.50"}

var oddDays = []string{"2026-11-30", "2026-12-01", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31", "1000-01-01"}

func (g *generator) draw() {
	types := g.suite.Types
	decimals := oddDecimals
	if g.suite.NaNDecimals {
		decimals = append(decimals[:len(decimals):len(decimals)], "NaN")
	}
	g.kinds = []drawnColumn{
		{"s", types.Text, oddTexts}, {"n", types.BigInt, oddNumbers}, {"m", types.BigInt, oddNumbers},
		{"d", types.Decimal, decimals}, {"day", types.Date, oddDays},
	}
	if types.Folding != "" {
		g.kinds = append(g.kinds, drawnColumn{"f", types.Folding, oddTexts})
	}
	for range []int{0, 1, 10, 40}[g.IntN(4)] {
		row := make([]cellOf, len(g.kinds))
		for i, c := range g.kinds {
			if g.IntN(7) > 0 {
				value := c.values[g.IntN(len(c.values))]
				row[i] = &value
			}
		}
		g.rows = append(g.rows, row)
	}
}

func (g *generator) create(table string) string {
	columns := make([]string, len(g.kinds))
	for i, c := range g.kinds {
		columns[i] = "[" + c.name + "] " + c.native
	}
	return "CREATE TABLE [" + table + "] (" + strings.Join(columns, ", ") + ")"
}

func (g *generator) insert(table string) string {
	if len(g.rows) == 0 {
		return "DELETE FROM [" + table + "]"
	}
	tuples := make([]string, len(g.rows))
	for i, r := range g.rows {
		values := make([]string, len(r))
		for k, v := range r {
			if values[k] = "NULL"; v != nil {
				values[k] = g.quote(*v)
			}
		}
		tuples[i] = "(" + strings.Join(values, ", ") + ")"
	}
	return "INSERT INTO [" + table + "] VALUES " + strings.Join(tuples, ", ")
}

// quote writes a text as a literal.
func (g *generator) quote(text string) string {
	if l, ok := g.suite.Dialect.(warehouse.Lexer); ok && l.Lexicon().Backslashes {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// column draws a column of the kinds; at is its place in a row.
func (g *generator) column(names ...string) (c warehouse.Column, at int) {
	name := names[g.IntN(len(names))]
	for i := range g.columns {
		if g.columns[i].Name == name {
			return g.columns[i], i
		}
	}
	return g.columns[0], 0
}

// texts are the names of the columns of texts.
func (g *generator) texts() []string {
	if g.suite.Types.Folding != "" {
		return []string{"s", "f"}
	}
	return []string{"s"}
}

// literals draws values of a column.
func (g *generator) literals(c warehouse.Column, at, n int) (texts []string, out []warehouse.Literal) {
	values := g.kinds[at].values
	for range n {
		text := values[g.IntN(len(values))]
		l, err := warehouse.LiteralFor(&c, text, time.UTC)
		if err != nil {
			continue // NaN is no literal
		}
		texts, out = append(texts, text), append(out, l)
	}
	return texts, out
}
