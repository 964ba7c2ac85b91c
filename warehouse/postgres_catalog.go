package warehouse

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listSeparator joins lists inside one catalog cell. No identifier that can be
// quoted here holds it (see checkIdentifier).
const listSeparator = "\x1f"

// pgRelations picks the relations in scope; every other part joins it. Names
// come as bound arrays. The reading is one statement, and so one snapshot. Comments,
// which two parts read, are scanned once where many tables are asked for, and
// looked up where few are.
const pgRelations = `WITH RECURSIVE descr AS %[1]s (SELECT objoid, objsubid, description FROM pg_catalog.pg_description WHERE classoid = 1259),
rel AS MATERIALIZED (
SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages, c.relrowsecurity
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r','p','v','m','f') AND %[2]s),
tree AS (
SELECT oid, oid AS leaf FROM rel WHERE relkind = 'p'
UNION ALL SELECT t.oid, h.inhrelid FROM tree t JOIN pg_catalog.pg_inherits h ON h.inhparent = t.leaf)`

// pgNoIndex stands where a join of many tables must not look its rows up one by
// one, which the planner, who expects few, would: a cast has no index.
const pgNoIndex = "/*cast*/"

const pgEverySchema = `n.nspname NOT IN ('pg_catalog','information_schema') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%' AND NOT c.relispartition`

// pgParts are the rows of the one catalog statement, by fact. Each part gives
// kind, oid, ordinal and ten text cells.
var pgParts = []struct {
	fact Facts
	sql  string
}{
	{0, `SELECT 'server', 0::oid, 0, extract(epoch FROM clock_timestamp())::text, pg_is_in_recovery()::text, current_schema()::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL`},
	{Changes, `SELECT 'stamp', 0::oid, 0, ` + pgStamp + `, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`},
	{0, `SELECT 'table', r.oid, 0, r.nspname::text, r.relname::text, r.relkind::text, CASE WHEN r.relrowsecurity THEN row_security_active(r.oid)::text END, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r`},
	{Columns, `SELECT 'comment', r.oid, 0, o.description, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r JOIN descr o ON o.objoid = r.oid AND o.objsubid = 0`},
	{Views, `SELECT 'view', r.oid, 0, pg_get_viewdef(r.oid), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r WHERE r.relkind IN ('v','m')`},
	{Estimates, `SELECT 'estimate', r.oid, 0, r.reltuples::text, (r.relpages::bigint * 8192)::text, extract(epoch FROM greatest(pg_stat_get_last_analyze_time(r.oid), pg_stat_get_last_autoanalyze_time(r.oid)))::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r WHERE r.relkind IN ('r','m')
UNION ALL SELECT 'estimate', r.oid, 0, CASE WHEN bool_or(l.reltuples < 0 AND l.relpages > 0) THEN '-1' ELSE sum(greatest(l.reltuples, 0))::text END, (sum(l.relpages)::bigint * 8192)::text, extract(epoch FROM min(greatest(pg_stat_get_last_analyze_time(l.oid), pg_stat_get_last_autoanalyze_time(l.oid))))::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM tree r JOIN pg_catalog.pg_class l ON l.oid = r.leaf WHERE l.relkind <> 'p' GROUP BY r.oid`},
	{Changes, `SELECT 'written', r.oid, 0, (pg_stat_get_tuples_inserted(r.oid) + pg_stat_get_tuples_updated(r.oid) + pg_stat_get_tuples_deleted(r.oid))::text, r.oid::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r WHERE r.relkind IN ('r','m')
UNION ALL SELECT 'written', r.oid, 0, sum(pg_stat_get_tuples_inserted(r.leaf) + pg_stat_get_tuples_updated(r.leaf) + pg_stat_get_tuples_deleted(r.leaf))::text, string_agg(r.leaf::text, E'\x1f'), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM tree r GROUP BY r.oid`},
	{Columns, `SELECT 'column', a.attrelid, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod), CASE WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod) WHEN y.typtype = 'e' THEN (SELECT string_agg(e.enumlabel, E'\x1f' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = y.oid) END, y.typtype::text, (NOT a.attnotnull)::text,
CASE WHEN a.atthasdef AND a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) WHEN a.attidentity = 'a' THEN 'identity always' WHEN a.attidentity = 'd' THEN 'identity by default' END,
CASE WHEN a.attcollation <> y.typcollation THEN (SELECT o.collname::text FROM pg_catalog.pg_collation o WHERE o.oid = a.attcollation) END,
o.description, NULL
FROM rel r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
LEFT JOIN descr o ON o.objoid = a.attrelid AND o.objsubid = a.attnum
LEFT JOIN pg_catalog.pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped`},
	{Keys, `SELECT 'key', k.conrelid, 0, k.conname::text, k.contype::text, array_to_string(k.conkey, ' '),
fn.nspname::text, fc.relname::text, CASE WHEN k.contype = 'f' THEN (SELECT string_agg(a.attname, E'\x1f' ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY u(att, n) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.att) END, k.confupdtype::text, k.confdeltype::text, NULL, NULL
FROM rel r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid LEFT JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace WHERE k.contype IN ('p','u','f')`},
	{Indexes, `SELECT 'index', i.indrelid, 0, c.relname::text, i.indisunique::text, (i.indisvalid AND i.indisready)::text, m.amname::text,
i.indkey::text, i.indoption::text, i.indnkeyatts::text,
CASE WHEN 0 = ANY (i.indkey) THEN (SELECT string_agg(pg_get_indexdef(i.indexrelid, s.k, true), E'\x1f' ORDER BY s.k) FROM generate_series(1, i.indnkeyatts) s(k)) END,
pg_get_expr(i.indpred, i.indrelid), i.indisprimary::text
FROM rel r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid JOIN pg_catalog.pg_class c ON c.oid` + pgNoIndex + ` = i.indexrelid` + pgNoIndex + ` JOIN pg_catalog.pg_am m ON m.oid = c.relam`},
	{0, `SELECT 'partitioned', p.partrelid, 0, p.partstrat::text, (SELECT string_agg(coalesce(a.attname::text, '()'), E'\x1f' ORDER BY u.n) FROM unnest(p.partattrs::int2[]) WITH ORDINALITY u(att, n) LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = u.att AND u.att > 0), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = r.oid`},
	{Partitions, `SELECT 'partition', h.inhparent, 0, c.relname::text, pg_get_expr(c.relpartbound, c.oid), c.reltuples::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r JOIN pg_catalog.pg_inherits h ON h.inhparent = r.oid JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid WHERE r.relkind = 'p'`},
}

// Catalog implements Dialect: one statement whatever the scope, and one more on
// a standby.
func (d Postgres) Catalog(ctx context.Context, s Sessions, scope Scope) (*Catalog, error) {
	c, err := d.catalog(ctx, s, scope)
	if err == nil && c.Standby {
		c.Lag = lagOfPostgres(ctx, s)
		c.forgetCounters()
	}
	return c, err
}

// forgetCounters: a standby does not count what it replays, so that its counters
// of changes stand still whatever is written.
func (c *Catalog) forgetCounters() {
	c.stamp = ""
	for _, t := range c.Tables {
		t.Written = -1
	}
}

func (d Postgres) catalog(ctx context.Context, s Sessions, scope Scope) (*Catalog, error) {
	if scope.Facts&(Keys|Indexes) != 0 {
		scope.Facts |= Columns
	}
	if c, err := pgUnchanged(ctx, s, scope); c != nil || err != nil {
		return c, err
	}
	var reading *pgReading
	st := pgCatalogStatement(scope)
	st.Each = func() func([]Cell) error {
		reading = newPgReading(scope)
		return reading.row
	}
	if _, err := ask(ctx, s, st); err != nil {
		return nil, err
	}
	c, err := reading.end()
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	scope.Previous = nil
	c.scope = scope
	return c, nil
}

func pgCatalogStatement(scope Scope) Statement {
	filter, args, shared := pgEverySchema, []any(nil), "MATERIALIZED"
	cast := "::int8"
	if scope.Tables != nil {
		shared, cast = "NOT MATERIALIZED", ""
		filter = `(n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))`
		schemas, names := make([]string, len(scope.Tables)), make([]string, len(scope.Tables))
		for i, t := range scope.Tables {
			schemas[i], names[i] = t.Schema, t.Name
		}
		args = []any{pgArray(schemas), pgArray(names)}
		if len(names) > manyTables {
			slices.Sort(schemas)
			filter, args, shared, cast = `n.nspname = ANY ($1::text[])`, []any{pgArray(slices.Compact(schemas))}, "MATERIALIZED", "::int8"
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, pgRelations, shared, filter)
	sep := "\n"
	for _, p := range pgParts {
		if p.fact&scope.Facts == p.fact {
			b.WriteString(sep + strings.ReplaceAll(p.sql, pgNoIndex, cast))
			sep = "\nUNION ALL "
		}
	}
	return Statement{SQL: b.String(), Args: args}
}

// manyTables is from where on whole schemas are read in one pass instead of
// table by table through the catalog's indexes.
const manyTables = 50

func pgArray(items []string) string {
	quoted := make([]string, len(items))
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for i, s := range items {
		quoted[i] = `"` + escape.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// pgReading makes a catalog of the rows as they come. They may come in any
// order: those that name a table or a column which is still to come wait.
type pgReading struct {
	catalog *Catalog
	wanted  map[TableName]bool // nil: every table
	byOID   map[string]*Table  // nil for one that is not wanted
	types   map[string]Type    // by their native names, of which there are few
	of      *Table             // whose columns come,
	columns []Column           // and they, which are put there together
	waiting [][]Cell
}

func newPgReading(scope Scope) *pgReading {
	r := &pgReading{
		catalog: &Catalog{Facts: scope.Facts, Tables: make(map[TableName]*Table, len(scope.Tables))},
		byOID:   make(map[string]*Table, len(scope.Tables)), types: map[string]Type{},
	}
	if scope.Tables != nil {
		r.wanted = make(map[TableName]bool, len(scope.Tables))
		for _, t := range scope.Tables {
			r.wanted[t] = true
		}
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
	for _, t := range r.catalog.Tables {
		t.finish()
	}
	return r.catalog, nil
}

var pgKinds = map[string]TableKind{"r": BaseTable, "p": PartitionedTable, "v": View, "m": MaterializedView, "f": ForeignTable}

func (r *pgReading) table(row []Cell) {
	id, name := row[1].Text, TableName{row[3].Text, row[4].Text}
	if r.wanted != nil && !r.wanted[name] {
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

func epochTime(c Cell) (time.Time, error) {
	if c.Null || c.Text == "" {
		return time.Time{}, nil
	}
	f, err := strconv.ParseFloat(c.Text, 64)
	if err != nil {
		return time.Time{}, err
	}
	return time.UnixMicro(int64(f * 1e6)).UTC(), nil
}

// finish puts what came in any order into the order that Table promises.
func (t *Table) finish() {
	// Columns are large, and a hash join gives them last first, which is the most
	// that sorting could have to move.
	if n := len(t.Columns); n > 1 && t.Columns[0].Position > t.Columns[n-1].Position {
		slices.Reverse(t.Columns)
	}
	slices.SortFunc(t.Columns, func(a, b Column) int { return a.Position - b.Position })
	for i := range t.Columns {
		t.Columns[i].Position = i + 1
	}
	slices.SortFunc(t.Unique, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	t.Unique = slices.CompactFunc(t.Unique, func(a, b Key) bool { return a.Name == b.Name })
	slices.SortFunc(t.ForeignKeys, func(a, b ForeignKey) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(t.Indexes, func(a, b Index) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(t.Partitions, func(a, b Partition) int { return strings.Compare(a.Name, b.Name) })
}
