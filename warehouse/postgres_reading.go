package warehouse

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pgReading makes a catalog of the rows as they come. They may come in any
// order: those that name a table or a column which is still to come wait.
type pgReading struct {
	catalog *Catalog
	every   bool              // else only tables that stand in the catalog already, empty until they come
	byOID   map[string]*Table // nil for one that is not wanted
	types   map[string]Type   // by their native names, of which there are few
	of      *Table            // whose columns come,
	columns []Column          // and they, which are put there together
	waiting [][]Cell
}

func newPgReading(scope Scope) *pgReading {
	r := &pgReading{
		catalog: &Catalog{Facts: scope.Facts, Tables: make(map[TableName]*Table, len(scope.Tables))},
		every:   scope.Tables == nil,
		byOID:   make(map[string]*Table, len(scope.Tables)), types: map[string]Type{},
	}
	for _, t := range scope.Tables {
		r.catalog.Tables[t] = nil
	}
	return r
}

// row takes the next row, which is used again for the one after it.
func (r *pgReading) row(row []Cell) (err error) {
	cells := row[3:]
	switch kind := row[0].Text; kind {
	case "server":
		if r.catalog.AsOf, err = epochTime(cells[0]); err != nil {
			return fmt.Errorf("the server's clock: %w", err)
		}
		r.catalog.Standby, r.catalog.DefaultSchema = cells[1].Text == "true", cells[2].Text
	case "stamp":
		r.catalog.stamp = cells[0].Text
	case "table":
		r.table(row)
	default:
		t, come := r.byOID[row[1].Text]
		if kind != "column" || t != r.of {
			r.columnsEnd()
		}
		if !come || !t.hasColumns(pgNumbers(kind, cells)) {
			r.waiting = append(r.waiting, slices.Clone(row))
			return nil
		}
		return r.fact(t, row)
	}
	return nil
}

// end reads what has waited, columns first, since the rest names them.
func (r *pgReading) end() (*Catalog, error) {
	for _, columns := range []bool{true, false} {
		for _, row := range r.waiting {
			if (row[0].Text == "column") != columns {
				continue
			}
			if err := r.fact(r.byOID[row[1].Text], row); err != nil {
				return nil, err
			}
		}
		r.columnsEnd()
	}
	for name, t := range r.catalog.Tables {
		if t == nil {
			delete(r.catalog.Tables, name)
		} else {
			t.finish()
		}
	}
	return r.catalog, nil
}

var pgKinds = map[string]TableKind{"r": BaseTable, "p": PartitionedTable, "v": View, "m": MaterializedView, "f": ForeignTable}

func (r *pgReading) table(row []Cell) {
	id, name := row[1].Text, TableName{row[3].Text, row[4].Text}
	if _, wanted := r.catalog.Tables[name]; !wanted && !r.every {
		r.byOID[id] = nil
		return
	}
	t := &Table{TableName: name, ID: id, Kind: pgKinds[row[5].Text], Filtered: row[6].Text == "true", Rows: -1, Bytes: -1, Written: -1}
	r.catalog.Tables[name], r.byOID[id] = t, t
}

// columnsEnd gives the table whose columns came a slice of just their number.
func (r *pgReading) columnsEnd() {
	if r.of != nil {
		r.of.Columns = append(r.of.Columns, r.columns...)
		r.of, r.columns = nil, r.columns[:0]
	}
}

// pgNumbers are the numbers of the columns that a row names.
func pgNumbers(kind string, c []Cell) string {
	switch kind {
	case "key":
		return c[2].Text
	case "index":
		return c[4].Text
	}
	return ""
}

// hasColumns reports whether all columns of a list of numbers have come; 0 is an
// expression. A table that is not wanted lacks nothing.
func (t *Table) hasColumns(attnums string) bool {
	if t == nil {
		return true
	}
	for n := range strings.FieldsSeq(attnums) {
		if n != "0" && t.numbered(n) == nil {
			return false
		}
	}
	return true
}

// fact adds what a row says to its table; nil is one that is not wanted.
func (r *pgReading) fact(t *Table, row []Cell) (err error) {
	if t == nil {
		return nil
	}
	if row[0].Text == "column" {
		err = r.column(t, row[2].Text, row[3:])
	} else {
		err = pgFact(t, row[0].Text, row[3:])
	}
	if err != nil {
		return fmt.Errorf("%s.%s: %w", t.Schema, t.Name, err)
	}
	return nil
}

func pgFact(t *Table, kind string, c []Cell) (err error) {
	switch kind {
	case "comment":
		t.Comment = c[0].Text
	case "view":
		t.Definition = c[0].Text
	case "estimate":
		rows, err := strconv.ParseFloat(c[0].Text, 64)
		if err != nil {
			return err
		}
		t.Rows = int64(rows)
		if t.Bytes, err = strconv.ParseInt(c[1].Text, 10, 64); err != nil {
			return err
		}
		t.Analyzed, err = epochTime(c[2])
		return err
	case "written":
		t.Written, err = strconv.ParseInt(c[0].Text, 10, 64)
		t.storage = splitList(c[1])
		return err
	case "key":
		pgKey(t, c)
	case "index":
		ix, err := pgIndex(t, c)
		if err != nil {
			return err
		}
		t.Indexes = append(t.Indexes, ix)
		if ix.Unique && ix.Partial == "" && c[9].Text != "true" {
			t.Unique = append(t.Unique, Key{ix.Name, ix.Columns}) // with or without a constraint of its name
		}
	case "partitioned":
		t.PartitionBy = pgStrategies[c[0].Text]
		t.PartitionKey = splitList(c[1])
	case "partition":
		rows, err := strconv.ParseFloat(c[2].Text, 64)
		if err != nil {
			return err
		}
		t.Partitions = append(t.Partitions, pgPartition(c[0].Text, c[1].Text, int64(rows)))
	}
	return nil
}

var pgStrategies = map[string]string{"r": "range", "l": "list", "h": "hash"}

func (r *pgReading) column(t *Table, ordinal string, c []Cell) error {
	if t != r.of {
		r.columnsEnd()
		r.of = t
	}
	position, err := strconv.Atoi(ordinal)
	if err != nil {
		return err
	}
	col := Column{
		Name: c[0].Text, ID: ordinal, Position: position, Nullable: c[4].Text == "true",
		Default: c[5].Text, Generated: c[6].Text, Collation: c[7].Text, Comment: c[8].Text,
	}
	switch c[3].Text {
	case "d":
		col.Type = r.typeOf(c[2].Text)
		col.Type.Native = c[1].Text
	case "e":
		col.Type = Type{Native: c[1].Text, Family: Enum, Values: splitList(c[2])}
	default:
		col.Type = r.typeOf(c[1].Text)
	}
	r.columns = append(r.columns, col)
	return nil
}

func (r *pgReading) typeOf(native string) Type {
	t, known := r.types[native]
	if !known {
		t = pgType(native)
		r.types[native] = t
	}
	return t
}

var pgActions = map[string]string{"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}

func pgKey(t *Table, c []Cell) {
	key := Key{Name: c[0].Text, Columns: t.columnsNumbered(c[2].Text)}
	switch c[1].Text {
	case "p":
		t.PrimaryKey = &key
	case "u":
		t.Unique = append(t.Unique, key)
	case "f":
		t.ForeignKeys = append(t.ForeignKeys, ForeignKey{
			Name: key.Name, Columns: key.Columns, References: TableName{c[3].Text, c[4].Text},
			RefColumns: splitList(c[5]), OnUpdate: pgActions[c[6].Text], OnDelete: pgActions[c[7].Text],
		})
	}
}

var pgOptions = map[string]string{"1": " DESC NULLS LAST", "2": " NULLS FIRST", "3": " DESC"}

// pgIndex reads an index. Its columns come as numbers, which cost the server
// nothing; only expressions are written out there.
func pgIndex(t *Table, c []Cell) (Index, error) {
	ix := Index{Name: c[0].Text, Unique: c[1].Text == "true", Invalid: c[2].Text != "true", Method: c[3].Text, Partial: c[8].Text}
	n, err := strconv.Atoi(c[6].Text)
	if err != nil {
		return ix, err
	}
	expressions, options := splitList(c[7]), strings.Fields(c[5].Text)
	numbers := strings.Fields(c[4].Text)
	parts := make([]string, 0, len(numbers))
	ix.Columns = make([]string, 0, len(numbers))
	for k, attnum := range numbers {
		name := t.columnNumbered(attnum)
		switch {
		case attnum == "0" && k < len(expressions):
			name = "(" + expressions[k] + ")"
		case attnum == "0":
			name = "(expression)"
		}
		part := name
		if k < len(options) && k < n {
			part += pgOptions[options[k]]
		}
		if k < n {
			ix.Columns = append(ix.Columns, name)
		} else {
			part = "include " + part
		}
		parts = append(parts, part)
	}
	ix.Definition = ix.Method + " (" + strings.Join(parts, ", ") + ")"
	if ix.Partial != "" {
		ix.Definition += " where " + ix.Partial
	}
	return ix, nil
}

// numbered is the column with an attnum; nil if there is none.
func (t *Table) numbered(attnum string) *Column {
	for i := range t.Columns {
		if t.Columns[i].ID == attnum {
			return &t.Columns[i]
		}
	}
	return nil
}

// columnNumbered names the column with an attnum.
func (t *Table) columnNumbered(attnum string) string {
	if c := t.numbered(attnum); c != nil {
		return c.Name
	}
	return "column " + attnum
}

func (t *Table) columnsNumbered(attnums string) (names []string) {
	for _, n := range strings.Fields(attnums) {
		names = append(names, t.columnNumbered(n))
	}
	return names
}

var pgRange = regexp.MustCompile(`^FOR VALUES FROM \((?:'([^']*)'|(MINVALUE)|(-?[0-9]+))\) TO \((?:'([^']*)'|(MAXVALUE)|(-?[0-9]+))\)$`)

func pgPartition(name, bound string, rows int64) Partition {
	p := Partition{Name: name, Bound: bound, Rows: rows, Default: bound == "DEFAULT"}
	if m := pgRange.FindStringSubmatch(bound); m != nil {
		p.IsRange, p.From, p.To = true, m[1]+m[3], m[4]+m[6]
	}
	return p
}

func splitList(c Cell) []string {
	if c.Null || c.Text == "" {
		return nil
	}
	return strings.Split(c.Text, listSeparator)
}
