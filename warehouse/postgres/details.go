package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// details reads the facts that only this engine has.
type details struct {
	server  string                       // name and major version
	types   map[string][]typeFact        // facts of the types of columns, by the type's number
	columns map[*warehouse.Table][]typed // the columns whose types have facts
}

// typeFact is a fact of a type. A type may be made of others, such as an array of a
// domain over an enum: level counts from the type itself.
type typeFact struct {
	level int
	warehouse.Detail
}

// typed is a column and the number of its type.
type typed struct{ column, number string }

// row takes a row that belongs to no table.
func (d *details) row(row []warehouse.Cell) error {
	if row[0].Text == "version" {
		version, err := strconv.Atoi(row[3].Text)
		if err != nil {
			return fmt.Errorf("the server's version: %w", err)
		}
		d.server = fmt.Sprintf("PostgreSQL %d", version/10000)
		return nil
	}
	level, err := strconv.Atoi(row[2].Text)
	if err != nil {
		return fmt.Errorf("the level of a type: %w", err)
	}
	if d.types == nil {
		d.types = map[string][]typeFact{}
	}
	fact := warehouse.Detail{Part: warehouse.ColumnPart, Fact: row[3].Text, Value: row[4].Text, Stored: row[5].Text}
	d.types[row[1].Text] = append(d.types[row[1].Text], typeFact{level, fact})
	return nil
}

// detail takes a fact of a table.
func (d *details) detail(t *warehouse.Table, c []warehouse.Cell) {
	fact := warehouse.Detail{Part: warehouse.Part(c[0].Text), Name: c[1].Text, Fact: c[2].Text, Stored: c[4].Text}
	fact.Value = text(t, c[3], factsOf(fact.Part))
	if !c[5].Null {
		if d.columns == nil {
			d.columns = map[*warehouse.Table][]typed{}
		}
		d.columns[t] = append(d.columns[t], typed{fact.Name, c[5].Text})
		return
	}
	t.Details = append(t.Details, fact)
}

// factsOf are the facts that the texts of a part belong to.
func factsOf(p warehouse.Part) warehouse.Facts {
	switch p {
	case warehouse.CheckPart, warehouse.TriggerPart, warehouse.RulePart:
		return warehouse.Rules
	}
	return warehouse.Details
}

// end gives a table what was read of its columns' types.
func (d *details) end(t *warehouse.Table) {
	if d.server == "" {
		return
	}
	t.Server, t.DetailsVersion = d.server, warehouse.DetailsVersion
	for _, column := range d.columns[t] {
		first := len(t.Details)
		facts := slices.Clone(d.types[column.number])
		slices.SortFunc(facts, func(a, b typeFact) int {
			return cmp.Or(cmp.Compare(a.Fact, b.Fact), cmp.Compare(a.level, b.level))
		})
		for _, f := range facts {
			f.Name = column.column
			if n := len(t.Details); n > first && t.Details[n-1].Fact == f.Fact {
				t.Details[n-1].Value += ", " + f.Value
				t.Details[n-1].Stored += " " + f.Stored
				continue
			}
			t.Details = append(t.Details, f.Detail)
		}
	}
}

// unqualified returns a type's name without its schema, which stands before the first dot
// outside of quotes.
func unqualified(native string) string {
	quoted := false
	for i, c := range native {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '(' && !quoted:
			return native
		case c == '.' && !quoted:
			return strings.Clone(native[i+1:])
		}
	}
	return native
}
