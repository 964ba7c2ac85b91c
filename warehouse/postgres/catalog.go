package postgres

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// listSeparator joins lists inside one catalog cell. No identifier that can be
// quoted here holds it (see CheckIdentifier).
const listSeparator = "\x1f"

//go:embed sql/*.sql
var queries embed.FS

// query returns the text of an embedded statement, or part of one.
func query(name string) string {
	text, err := queries.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // a file of the program itself
	}
	return strings.TrimSpace(string(text))
}

// relationsSQL selects the relations in scope. Every part joins it. The whole catalog
// is one statement, and so one snapshot. $materialized decides how comments are read:
// one scan for many tables, look-ups for few.
var relationsSQL = query("relations")

// noIndex stands where a join of many tables must not use an index row by row. The
// planner expects few rows and would; a cast has no index.
const noIndex = "/*cast*/"

// namedColumns replaces the fact Columns where only Scope.ColumnNames are asked for.
const namedColumns = warehouse.AllFacts + 1

// namesParam stands for the parameter that holds Scope.ColumnNames.
const namesParam = "$names"

// everySchema selects all schemas but the engine's own.
var everySchema = query("every_schema")

// parts are the parts of the catalog statement, by fact. Each gives rows of kind, oid,
// ordinal and ten text cells.
var parts = []struct {
	fact warehouse.Facts
	sql  string
}{
	{0, query("server")},
	{warehouse.Changes, query("stamp")},
	{0, query("table")},
	{warehouse.Columns, query("comment")},
	{warehouse.Views, query("view")},
	{warehouse.Estimates, query("estimate")},
	{warehouse.Changes, query("written")},
	{warehouse.Columns, query("column")},
	{namedColumns, query("named_column")},
	{warehouse.Keys, query("key")},
	{warehouse.Indexes, query("index")},
	{0, query("partitioned")},
	{warehouse.Partitions, query("partition")},
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

// forgetCounters drops the counters of a standby, which does not count what it
// replays.
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
			filter, args = `(n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))`, []any{
				array(schemas),
				array(names),
			}
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
	words := strings.NewReplacer(noIndex, cast, namesParam, names, stampParam, stampSQL)
	var b strings.Builder
	b.WriteString(strings.NewReplacer("$materialized", shared, "$filter", filter).Replace(relationsSQL))
	sep := "\n"
	for _, p := range parts {
		if p.fact&facts == p.fact {
			b.WriteString(sep + words.Replace(p.sql))
			sep = "\nUNION ALL "
		}
	}
	return warehouse.Statement{SQL: b.String(), Args: args}
}

// manyTables is the number of tables above which whole schemas are read in one pass
// instead of table by table through the catalog's indexes.
const manyTables = 50

var arrayEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func array(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = `"` + arrayEscape.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}
