package propose

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

const (
	// sampledRows is how many rows of a table are read to propose checks of its columns.
	sampledRows = 100_000
	// enoughRows is how many of them must be there before anything is proposed.
	enoughRows = 1_000
	// mostColumns is how many columns of a table are looked at.
	mostColumns = 40
	// mostValues is how many values a list may have, and fewestOfValue how many rows each of them.
	mostValues, fewestOfValue = 12, 20
)

// Values proposes checks of columns that hold for the first rows of each table: values that are
// never missing, never repeat or are never negative, and as a comment those that are a few
// words. What constraints prove is not proposed. Tables whose rows cannot be read have none.
func Values(ctx context.Context, db *warehouse.DB, s Source) map[warehouse.TableName][]Check {
	out := map[warehouse.TableName][]Check{}
	names, _ := s.Names()
	for _, n := range names {
		t := s.Catalog.Tables[n]
		if tester, ok := s.Dialect.(warehouse.ValueTester); ok && t.Kind != warehouse.View && !t.Filtered {
			v := valuesOf{db: db, dialect: s.Dialect, tester: tester, table: t, noWords: s.NoValues}
			out[n] = v.checks(ctx)
		}
	}
	return out
}

// valuesOf reads the values of one table.
type valuesOf struct {
	db      *warehouse.DB
	dialect warehouse.Dialect
	tester  warehouse.ValueTester
	table   *warehouse.Table
	noWords bool // no value is proposed
}

func (v valuesOf) checks(ctx context.Context) (out []Check) {
	columns := v.table.Columns[:min(len(v.table.Columns), mostColumns)]
	outputs := []string{"count(*)"}
	for _, c := range columns {
		name, err := v.dialect.Quote(c.Name)
		if err != nil {
			return nil
		}
		least, distinct := "NULL", "NULL"
		if c.Type.IsNumber() {
			least = "min(" + name + ")"
		}
		if v.mayBeKey(c) {
			distinct = "count(DISTINCT " + name + ")"
		}
		outputs = append(outputs, "count("+name+")", least, distinct)
	}
	rows, err := v.read(ctx, columns, "SELECT "+strings.Join(outputs, ", ")+" FROM (%s) s")
	if err != nil || len(rows) != 1 || len(rows[0]) != len(outputs) {
		return nil
	}
	all := number(rows[0][0])
	if all < enoughRows {
		return nil
	}
	for i, c := range columns {
		cells := rows[0][1+3*i:]
		column := "column: " + text(c.Name)
		note := "holds for the " + counted(int(all), "row") + " that were read"
		if c.Nullable && number(cells[0]) == all {
			out = append(out, Check{Text: noneBad("missing", c.Name), Note: note})
		}
		if v.mayBeKey(c) && number(cells[0]) >= enoughRows && number(cells[2]) == number(cells[0]) {
			out = append(out, Check{Text: noneBad("duplicate", c.Name), Note: note})
		}
		positive := !cells[1].Null && !strings.HasPrefix(cells[1].Text, "-")
		if c.Type.IsNumber() && !c.Type.Unsigned && number(cells[0]) >= enoughRows && positive {
			out = append(out, Check{Text: "invalid: {" + column + ", min: 0}", Note: note})
		}
		if list := v.words(ctx, c); len(list) > 0 {
			out = append(out, Check{
				Text: "invalid: {" + column + ", valid_values: [" + strings.Join(list, ", ") + "]}",
				Off:  "the " + counted(int(all), "row") + " that were read have these values, and others may come",
			})
		}
	}
	return out
}

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// noneBad says that no row of a column is bad, in one line where its name needs no quotes.
func noneBad(kind, column string) string {
	if plainName.MatchString(column) {
		return kind + "_count(" + column + ") = 0"
	}
	return kind + ": {column: " + text(column) + "}"
}

// number reads a count; -1 if it is none.
func number(c warehouse.Cell) int64 {
	n, err := c.Number()
	if i, ok := n.Int64(); ok && err == nil {
		return i
	}
	return -1
}

// mayBeKey reports whether a name says that values do not repeat, and no constraint proves it.
func (v valuesOf) mayBeKey(c warehouse.Column) bool {
	parts := words(c.Name)
	if len(parts) != 1 || !slices.Contains([]string{"id", "uuid", "guid", "key"}, parts[0]) {
		return false
	}
	proved := v.table.PrimaryKey != nil && slices.Equal(v.table.PrimaryKey.Columns, []string{c.Name})
	for _, k := range v.table.Unique {
		proved = proved || slices.Equal(k.Columns, []string{c.Name})
	}
	return !proved
}

// words returns the values of a column that holds a few words, as YAML; nil if it does not.
func (v valuesOf) words(ctx context.Context, c warehouse.Column) (list []string) {
	if v.noWords || !c.Type.IsText() || c.Type.Family == warehouse.UUID || c.Type.Family == warehouse.Enum {
		return nil
	}
	name, err := v.dialect.Quote(c.Name)
	if err != nil {
		return nil
	}
	query := fmt.Sprintf("SELECT v, count(*) FROM (SELECT %s AS v FROM (%%s) s) w WHERE v IS NOT NULL"+
		" GROUP BY v ORDER BY count(*) DESC, v", v.tester.Exact(name, c.Type))
	rows, err := v.read(ctx, []warehouse.Column{c}, warehouse.Limit(v.dialect, query, mostValues+1))
	if err != nil || len(rows) == 0 || len(rows) > mostValues {
		return nil
	}
	all := int64(0)
	for _, r := range rows {
		n := number(r[1])
		if all += n; n < fewestOfValue || len(r[0].Text) > 40 || !printable(r[0].Text) {
			return nil
		}
		list = append(list, text(r[0].Text))
	}
	if all < enoughRows {
		return nil
	}
	return list
}

// printable reports whether a comment of YAML can hold a text: some runes would end its line.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// read sends a statement about the first rows of the table; %s in it stands for them.
func (v valuesOf) read(ctx context.Context, columns []warehouse.Column, query string) (rows warehouse.Rows, err error) {
	table, err := warehouse.QuoteTable(v.dialect, v.table.TableName)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range columns {
		name, err := v.dialect.Quote(c.Name)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	first := warehouse.Limit(v.dialect, "SELECT "+strings.Join(names, ", ")+" FROM "+table, sampledRows)
	st := warehouse.Statement{SQL: strings.Replace(query, "%s", first, 1)}
	v.db.Run(ctx, []warehouse.Statement{st}, func(_ int, got warehouse.Rows, failed error) { rows, err = got, failed })
	return rows, err
}

// AddChecks adds checks to the proposed tables.
func (p *Proposal) AddChecks(of map[warehouse.TableName][]Check) {
	for i := range p.Tables {
		t := &p.Tables[i]
		t.Checks = append(t.Checks, of[warehouse.TableName{Schema: t.Name.Schema, Name: t.Name.Name}]...)
	}
}
