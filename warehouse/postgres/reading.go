package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// reading builds a catalog from its rows. Rows may come in any order: a row that names
// a table or column which has not come yet waits.
type reading struct {
	catalog *warehouse.Catalog
	state   *state
	// definitions are the tables whose texts are wanted; nil: all.
	definitions map[warehouse.TableName]bool
	every       bool                        // else only tables that stand in the catalog already, empty until they come
	byOID       map[string]*warehouse.Table // nil for a table that is not in scope
	types       map[string]warehouse.Type   // by native name
	of          *warehouse.Table            // the table whose columns are being read
	columns     []warehouse.Column          // the columns read for it so far
	waiting     [][]warehouse.Cell
	cause       error // why no table was opened
	details     details
}

func newReading(scope warehouse.Scope) *reading {
	state := &state{storage: map[warehouse.TableName][]string{}}
	r := &reading{
		state: state,
		catalog: &warehouse.Catalog{
			State:  state,
			Facts:  scope.Facts,
			Tables: make(map[warehouse.TableName]*warehouse.Table, len(scope.Tables)),
		},
		every: scope.Tables == nil,
		byOID: make(map[string]*warehouse.Table, len(scope.Tables)), types: map[string]warehouse.Type{},
	}
	for _, t := range scope.Tables {
		r.catalog.Tables[t] = nil
	}
	if scope.Definitions != nil {
		r.definitions = make(map[warehouse.TableName]bool, len(scope.Definitions))
		for _, t := range scope.Definitions {
			r.definitions[t] = true
		}
	}
	return r
}

// row takes the next row. The caller uses the slice again for the row after it.
func (r *reading) row(row []warehouse.Cell) (err error) {
	cells := row[3:]
	switch kind := row[0].Text; kind {
	case "server":
		if r.catalog.AsOf, err = warehouse.EpochTime(cells[0]); err != nil {
			return fmt.Errorf("the server's clock: %w", err)
		}
		if r.catalog.Relations, err = strconv.Atoi(cells[3].Text); err != nil {
			return fmt.Errorf("the number of relations: %w", err)
		}
		r.catalog.Standby, r.catalog.DefaultSchema = cells[1].Text == "true", cells[2].Text
	case "stamp":
		r.state.stamp = cells[0].Text
	case "table":
		r.table(row)
	case "version", "type":
		return r.details.row(row)
	default:
		t, come := r.byOID[row[1].Text]
		if kind != "column" || t != r.of {
			r.columnsEnd()
		}
		if !come || !hasColumns(t, columnNumbers(kind, cells)) {
			r.waiting = append(r.waiting, slices.Clone(row))
			return nil
		}
		return r.fact(t, row)
	}
	return nil
}

// end reads the rows that have waited, columns first, because the others name them.
func (r *reading) end() (*warehouse.Catalog, error) {
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
			continue
		}
		r.details.end(t)
		t.Sort()
		if t.Unreadable != 0 {
			r.explain(t)
		}
	}
	return r.catalog, nil
}

// kinds are the kinds of relations, by pg_class.relkind.
var kinds = map[string]warehouse.TableKind{
	"r": warehouse.BaseTable,
	"p": warehouse.PartitionedTable,
	"v": warehouse.View,
	"m": warehouse.MaterializedView,
	"f": warehouse.ForeignTable,
}

func (r *reading) table(row []warehouse.Cell) {
	id, name := row[1].Text, warehouse.TableName{Schema: row[3].Text, Name: row[4].Text}
	if _, wanted := r.catalog.Tables[name]; !wanted && !r.every {
		r.byOID[id] = nil
		return
	}
	t := &warehouse.Table{
		TableName: name,
		ID:        id,
		Kind:      kinds[row[5].Text],
		Filtered:  row[6].Text == "true",
		Unproven:  row[7].Text == "true",
		Rows:      -1,
		Bytes:     -1,
		Written:   -1,
	}
	r.catalog.Tables[name], r.byOID[id] = t, t
}

// columnsEnd hands the table its columns in a slice of exact size.
func (r *reading) columnsEnd() {
	if r.of != nil {
		r.of.Columns = append(r.of.Columns, r.columns...)
		r.of, r.columns = nil, r.columns[:0]
	}
}

// columnNumbers are the numbers of the columns that a row names.
func columnNumbers(kind string, c []warehouse.Cell) string {
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
func hasColumns(t *warehouse.Table, attnums string) bool {
	if t == nil {
		return true
	}
	for n := range strings.FieldsSeq(attnums) {
		if n != "0" && numbered(t, n) == nil {
			return false
		}
	}
	return true
}

// fact adds a row to its table; t is nil for a table that is not in scope.
func (r *reading) fact(t *warehouse.Table, row []warehouse.Cell) (err error) {
	if t == nil {
		return nil
	}
	if row[0].Text == "column" {
		err = r.column(t, row[2].Text, row[3:])
	} else {
		err = r.tableFact(t, row[0].Text, row[3:])
	}
	if err != nil {
		return fmt.Errorf("%s.%s: %w", t.Schema, t.Name, err)
	}
	return nil
}

func (r *reading) tableFact(t *warehouse.Table, kind string, c []warehouse.Cell) (err error) {
	switch kind {
	case "comment":
		t.Comment = c[0].Text
	case "closed":
		t.ReadErr, err = closedBy(c)
		return err
	case "view":
		t.Definition = text(t, c[0], warehouse.Views)
	case "estimate":
		rows, err := strconv.ParseFloat(c[0].Text, 64)
		if err != nil {
			return err
		}
		t.Rows = int64(rows)
		if t.Bytes, err = strconv.ParseInt(c[1].Text, 10, 64); err != nil {
			return err
		}
		t.Analyzed, err = warehouse.EpochTime(c[2])
		return err
	case "written":
		t.Written, err = strconv.ParseInt(c[0].Text, 10, 64)
		r.state.storage[t.TableName] = splitList(c[1])
		t.Storage = c[2].Text
		return err
	case "detail":
		r.details.detail(t, c)
	case "key":
		readKey(t, c)
	case "index":
		ix, err := readIndex(t, c)
		if err != nil {
			return err
		}
		t.Indexes = append(t.Indexes, ix)
		if ix.Unique && ix.Partial == "" && c[9].Text != "true" {
			// A constraint of the same name is the same key: Sort drops one of them.
			t.Unique = append(t.Unique, warehouse.Key{Name: ix.Name, Columns: ix.Columns})
		}
	case "partitioned":
		t.PartitionBy = strategies[c[0].Text]
		t.PartitionKey = splitList(c[1])
	case "partition":
		rows, err := strconv.ParseFloat(c[2].Text, 64)
		if err != nil {
			return err
		}
		p := readPartition(c[0].Text, c[1].Text, int64(rows))
		p.Of, p.By = c[3].Text, c[4].Text
		t.Partitions = append(t.Partitions, p)
	}
	return nil
}

var strategies = map[string]string{"r": "range", "l": "list", "h": "hash"}

func (r *reading) column(t *warehouse.Table, ordinal string, c []warehouse.Cell) error {
	if t != r.of {
		r.columnsEnd()
		r.of = t
	}
	position, err := strconv.Atoi(ordinal)
	if err != nil {
		return err
	}
	col := warehouse.Column{
		Name: c[0].Text, ID: ordinal, Position: position, Nullable: c[4].Text == "true",
		Default: c[5].Text, Generated: text(t, c[6], warehouse.Expressions), Collation: c[7].Text, Comment: c[8].Text,
	}
	native := unqualified(c[1].Text)
	switch c[3].Text {
	case "d":
		col.Type = r.typeOf(unqualified(c[2].Text))
		col.Type.Native = native
	case "e":
		col.Type = warehouse.Type{Native: native, Family: warehouse.Enum, Values: splitList(c[2])}
	default:
		col.Type = r.typeOf(native)
	}
	r.columns = append(r.columns, col)
	return nil
}

func (r *reading) typeOf(native string) warehouse.Type {
	t, known := r.types[native]
	if !known {
		t = warehouse.StandardType(native)
		r.types[native] = t
	}
	return t
}

var actions = map[string]string{"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}

func readKey(t *warehouse.Table, c []warehouse.Cell) {
	key := warehouse.Key{Name: c[0].Text, Columns: columnsNumbered(t, c[2].Text)}
	switch c[1].Text {
	case "p":
		t.PrimaryKey = &key
	case "u":
		key.Constraint = true
		t.Unique = append(t.Unique, key)
	case "f":
		t.ForeignKeys = append(t.ForeignKeys, warehouse.ForeignKey{
			Name: key.Name, Columns: key.Columns, References: warehouse.TableName{Schema: c[3].Text, Name: c[4].Text},
			RefColumns: splitList(c[5]), OnUpdate: actions[c[6].Text], OnDelete: actions[c[7].Text],
		})
	}
}

var indexOptions = map[string]string{"1": " DESC NULLS LAST", "2": " NULLS FIRST", "3": " DESC"}

// readIndex reads an index. Its columns are numbers, which cost the server nothing;
// only expressions are texts.
func readIndex(t *warehouse.Table, c []warehouse.Cell) (warehouse.Index, error) {
	ix := warehouse.Index{
		Name:    c[0].Text,
		Unique:  c[1].Text == "true",
		Invalid: c[2].Text != "true",
		Method:  c[3].Text,
		Partial: text(t, c[8], warehouse.Indexes),
	}
	if c[8].Text == unread {
		ix.Partial = "(unread)" // it is still a partial index
	}
	n, err := strconv.Atoi(c[6].Text)
	if err != nil {
		return ix, err
	}
	expressions, options := splitList(warehouse.Cell{Text: text(t, c[7], warehouse.Indexes)}), strings.Fields(c[5].Text)
	numbers := strings.Fields(c[4].Text)
	parts := make([]string, 0, len(numbers))
	ix.Columns = make([]string, 0, len(numbers))
	for k, attnum := range numbers {
		name := columnNumbered(t, attnum)
		switch {
		case attnum == "0" && k < len(expressions):
			name = "(" + expressions[k] + ")"
		case attnum == "0":
			name = "(expression)"
		}
		part := name
		if k < len(options) && k < n {
			part += indexOptions[options[k]]
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
func numbered(t *warehouse.Table, attnum string) *warehouse.Column {
	for i := range t.Columns {
		if t.Columns[i].ID == attnum {
			return &t.Columns[i]
		}
	}
	return nil
}

// columnNumbered names the column with an attnum.
func columnNumbered(t *warehouse.Table, attnum string) string {
	if c := numbered(t, attnum); c != nil {
		return c.Name
	}
	return "column " + attnum
}

func columnsNumbered(t *warehouse.Table, attnums string) (names []string) {
	for _, n := range strings.Fields(attnums) {
		names = append(names, columnNumbered(t, n))
	}
	return names
}

// rangeBound is the bound of a partition by range of one column.
var rangeBound = regexp.MustCompile(`^FOR VALUES FROM \((?:'([^']*)'|(MINVALUE)|(-?[0-9]+))\)` +
	` TO \((?:'([^']*)'|(MAXVALUE)|(-?[0-9]+))\)$`)

func readPartition(name, bound string, rows int64) warehouse.Partition {
	p := warehouse.Partition{Name: name, Bound: bound, Rows: rows, Default: bound == "DEFAULT"}
	if m := rangeBound.FindStringSubmatch(bound); m != nil {
		p.IsRange, p.From, p.To = true, m[1]+m[3], m[4]+m[6]
	}
	return p
}

func splitList(c warehouse.Cell) []string {
	if c.Null || c.Text == "" {
		return nil
	}
	return strings.Split(c.Text, listSeparator)
}
