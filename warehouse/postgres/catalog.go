package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// listSeparator joins lists inside one catalog cell. No identifier that can be
// quoted here holds it (see CheckIdentifier).
const listSeparator = "\x1f"

// pgRelations picks the relations in scope; every other part joins it. Names
// come as bound arrays. The reading is one statement, and so one snapshot. Comments,
// which two parts read, are scanned once where many tables are asked for, and
// looked up where few are.
const relationsSQL = `WITH RECURSIVE descr AS %[1]s (SELECT objoid, objsubid, description FROM pg_catalog.pg_description WHERE classoid = 1259),
rel AS MATERIALIZED (
SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relpages, c.relrowsecurity
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r','p','v','m','f') AND %[2]s),
tree AS (
SELECT oid, oid AS leaf FROM rel WHERE relkind = 'p'
UNION ALL SELECT t.oid, h.inhrelid FROM tree t JOIN pg_catalog.pg_inherits h ON h.inhparent = t.leaf)`

// pgNoIndex stands where a join of many tables must not look its rows up one by
// one, which the planner, who expects few, would: a cast has no index.
const noIndex = "/*cast*/"

// namedColumns is asked for where Columns is not: the columns that pgNames, the
// parameter of Scope.ColumnNames, holds, and those that partition.
const (
	namedColumns warehouse.Facts = warehouse.AllFacts + 1
	namesParam                   = "$names"
)

const everySchema = `n.nspname NOT IN ('pg_catalog','information_schema') AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%' AND NOT c.relispartition`

// pgParts are the rows of the one catalog statement, by fact. Each part gives
// kind, oid, ordinal and ten text cells.
var parts = []struct {
	fact warehouse.Facts
	sql  string
}{
	{0, `SELECT 'server', 0::oid, 0, extract(epoch FROM clock_timestamp())::text, pg_is_in_recovery()::text, current_schema()::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL`},
	{warehouse.Changes, `SELECT 'stamp', 0::oid, 0, ` + stampSQL + `, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`},
	{0, `SELECT 'table', r.oid, 0, r.nspname::text, r.relname::text, r.relkind::text, CASE WHEN r.relrowsecurity THEN row_security_active(r.oid)::text END, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r`},
	{warehouse.Columns, `SELECT 'comment', r.oid, 0, o.description, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r JOIN descr o ON o.objoid = r.oid AND o.objsubid = 0`},
	{warehouse.Views, `SELECT 'view', r.oid, 0, pg_get_viewdef(r.oid), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r WHERE r.relkind IN ('v','m')`},
	{warehouse.Estimates, `SELECT 'estimate', r.oid, 0, r.reltuples::text, (r.relpages::bigint * 8192)::text, extract(epoch FROM greatest(pg_stat_get_last_analyze_time(r.oid), pg_stat_get_last_autoanalyze_time(r.oid)))::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM rel r WHERE r.relkind IN ('r','m')
UNION ALL SELECT 'estimate', r.oid, 0, CASE WHEN bool_or(l.reltuples < 0 AND l.relpages > 0) THEN '-1' ELSE sum(greatest(l.reltuples, 0))::text END, (sum(l.relpages)::bigint * 8192)::text, extract(epoch FROM min(greatest(pg_stat_get_last_analyze_time(l.oid), pg_stat_get_last_autoanalyze_time(l.oid))))::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM tree r JOIN pg_catalog.pg_class l ON l.oid = r.leaf WHERE l.relkind <> 'p' GROUP BY r.oid`},
	{warehouse.Changes, `SELECT 'written', r.oid, 0, (pg_stat_get_tuples_inserted(r.oid) + pg_stat_get_tuples_updated(r.oid) + pg_stat_get_tuples_deleted(r.oid))::text, r.oid::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r WHERE r.relkind IN ('r','m')
UNION ALL SELECT 'written', r.oid, 0, sum(pg_stat_get_tuples_inserted(r.leaf) + pg_stat_get_tuples_updated(r.leaf) + pg_stat_get_tuples_deleted(r.leaf))::text, string_agg(r.leaf::text, E'\x1f'), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM tree r GROUP BY r.oid`},
	{warehouse.Columns, `SELECT 'column', a.attrelid, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod), CASE WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod) WHEN y.typtype = 'e' THEN (SELECT string_agg(e.enumlabel, E'\x1f' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = y.oid) END, y.typtype::text, (NOT a.attnotnull)::text,
CASE WHEN a.atthasdef AND a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) WHEN a.attidentity = 'a' THEN 'identity always' WHEN a.attidentity = 'd' THEN 'identity by default' END,
CASE WHEN a.attcollation <> y.typcollation THEN (SELECT o.collname::text FROM pg_catalog.pg_collation o WHERE o.oid = a.attcollation) END,
o.description, NULL
FROM rel r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
LEFT JOIN descr o ON o.objoid = a.attrelid AND o.objsubid = a.attnum
LEFT JOIN pg_catalog.pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped`},
	{namedColumns, `SELECT 'column', a.attrelid, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod), CASE WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod) END, y.typtype::text, (NOT a.attnotnull)::text, NULL, NULL, NULL, NULL, NULL
FROM rel r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.attname = ANY (` + namesParam + `::name[]) OR r.relkind = 'p')`},
	{warehouse.Keys, `SELECT 'key', k.conrelid, 0, k.conname::text, k.contype::text, array_to_string(k.conkey, ' '),
fn.nspname::text, fc.relname::text, CASE WHEN k.contype = 'f' THEN (SELECT string_agg(a.attname, E'\x1f' ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY u(att, n) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.att) END, k.confupdtype::text, k.confdeltype::text, NULL, NULL
FROM rel r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid LEFT JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace WHERE k.contype IN ('p','u','f')`},
	{warehouse.Indexes, `SELECT 'index', i.indrelid, 0, c.relname::text, i.indisunique::text, (i.indisvalid AND i.indisready)::text, m.amname::text,
i.indkey::text, i.indoption::text, i.indnkeyatts::text,
CASE WHEN 0 = ANY (i.indkey) THEN (SELECT string_agg(pg_get_indexdef(i.indexrelid, s.k, true), E'\x1f' ORDER BY s.k) FROM generate_series(1, i.indnkeyatts) s(k)) END,
pg_get_expr(i.indpred, i.indrelid), i.indisprimary::text
FROM rel r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid JOIN pg_catalog.pg_class c ON c.oid` + noIndex + ` = i.indexrelid` + noIndex + ` JOIN pg_catalog.pg_am m ON m.oid = c.relam`},
	{0, `SELECT 'partitioned', p.partrelid, 0, p.partstrat::text, (SELECT string_agg(coalesce(a.attname::text, '()'), E'\x1f' ORDER BY u.n) FROM unnest(p.partattrs::int2[]) WITH ORDINALITY u(att, n) LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = u.att AND u.att > 0), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = r.oid`},
	{warehouse.Partitions, `SELECT 'partition', h.inhparent, 0, c.relname::text, pg_get_expr(c.relpartbound, c.oid), c.reltuples::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM rel r JOIN pg_catalog.pg_inherits h ON h.inhparent = r.oid JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid WHERE r.relkind = 'p'`},
}

// Catalog implements warehouse.Dialect: one statement whatever the scope, and one more on
// a standby.
func (d Dialect) Catalog(ctx context.Context, s warehouse.Sessions, scope warehouse.Scope) (*warehouse.Catalog, error) {
	c, err := d.catalog(ctx, s, scope)
	if err == nil && c.Standby {
		c.Lag = lagOf(ctx, s)
		forgetCounters(c)
	}
	return c, err
}

// forgetCounters: a standby does not count what it replays, so that its counters
// of changes stand still whatever is written.
func forgetCounters(c *warehouse.Catalog) {
	c.State = nil
	for _, t := range c.Tables {
		t.Written = -1
	}
}

func (d Dialect) catalog(ctx context.Context, s warehouse.Sessions, scope warehouse.Scope) (*warehouse.Catalog, error) {
	if scope.Facts&warehouse.Keys != 0 || scope.Facts&warehouse.Indexes != 0 && scope.ColumnNames == nil {
		scope.Facts |= warehouse.Columns
	}
	if c, err := unchanged(ctx, s, scope); c != nil || err != nil {
		return c, err
	}
	var reading *reading
	st := catalogStatement(scope)
	st.Each = func() func([]warehouse.Cell) error {
		reading = newReading(scope)
		return reading.row
	}
	if _, err := warehouse.Ask(ctx, s, st); err != nil {
		return nil, err
	}
	c, err := reading.end()
	if err != nil {
		return nil, fmt.Errorf("reading the catalog: %w", err)
	}
	scope.Previous = nil
	reading.state.scope = scope
	return c, nil
}

func catalogStatement(scope warehouse.Scope) warehouse.Statement {
	filter, args, shared := everySchema, []any(nil), "MATERIALIZED"
	cast := "::int8"
	if scope.Tables != nil {
		var schemas, names []string
		for i, t := range scope.Tables {
			if len(scope.Tables) <= manyTables {
				schemas, names = append(schemas, t.Schema), append(names, t.Name)
			} else if i == 0 || t.Schema != scope.Tables[i-1].Schema { // theirs stand together as a rule
				schemas = append(schemas, t.Schema)
			}
		}
		if len(scope.Tables) <= manyTables {
			shared, cast = "NOT MATERIALIZED", ""
			filter, args = `(n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))`, []any{array(schemas), array(names)}
		} else {
			slices.Sort(schemas)
			filter, args = `n.nspname = ANY ($1::text[])`, []any{array(slices.Compact(schemas))}
		}
	}
	facts, names := scope.Facts, ""
	if facts&warehouse.Columns == 0 && len(scope.ColumnNames) > 0 {
		facts |= namedColumns
		args = append(args, array(scope.ColumnNames))
		names = fmt.Sprintf("$%d", len(args))
	}
	words := strings.NewReplacer(noIndex, cast, namesParam, names)
	var b strings.Builder
	fmt.Fprintf(&b, relationsSQL, shared, filter)
	sep := "\n"
	for _, p := range parts {
		if p.fact&facts == p.fact {
			b.WriteString(sep + words.Replace(p.sql))
			sep = "\nUNION ALL "
		}
	}
	return warehouse.Statement{SQL: b.String(), Args: args}
}

// manyTables is from where on whole schemas are read in one pass instead of
// table by table through the catalog's indexes.
const manyTables = 50

var arrayEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func array(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = `"` + arrayEscape.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}
