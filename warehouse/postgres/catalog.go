package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strconv"
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
// in one scan for most tables, as the planner chooses for few of many.
var relationsSQL = query("relations")

// noIndex stands where a join of most tables must not use an index row by row. The
// planner expects few rows and would; a cast has no index.
const noIndex = "/*cast*/"

// relationCount is about the number of relations, at least 1: a row of pg_class (1259) takes
// about 200 bytes. A pass reads what deleted rows take, too.
const relationCount = "(1 + pg_catalog.pg_relation_size(1259) / 200)::text"

// namedColumns replaces the fact Columns where only Scope.ColumnNames are asked for.
const namedColumns = warehouse.AllFacts + 1

// relationsParam stands for relationCount in other statements.
const relationsParam = "$relations"

// unreadParam stands for the text unread.
const unreadParam = "$unread"

// namesParam stands for the parameter that holds Scope.ColumnNames.
const namesParam = "$names"

// unread stands for a text that the server has and that was not read, because reading it
// opens the table.
const unread = "\x1d"

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
	{warehouse.Estimates, query("estimate")},
	{warehouse.Changes, strings.ReplaceAll(query("written"), resetsParam, query("counter_resets"))},
	{warehouse.Columns, query("column")},
	{namedColumns, query("named_column")},
	{warehouse.Keys, query("key")},
	{warehouse.Indexes, query("index")},
	{0, query("partitioned")},
	{warehouse.Partitions, query("partition")},
	{warehouse.Details, query("detail_version")},
	{warehouse.Details, query("detail_table")},
	{warehouse.Details, query("detail_column")},
	{warehouse.Details, query("detail_type")},
	{warehouse.Details, query("detail_key")},
	{warehouse.Details, query("detail_index")},
	{warehouse.Details, query("detail_trigger")},
	{warehouse.Details, query("detail_policy")},
	{0, query("closed")},
	// Views are last: the server holds locks on their tables until the statement ends.
	{warehouse.Views, query("view")},
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
	if scope.Facts&(warehouse.Keys|warehouse.Details) != 0 ||
		scope.Facts&warehouse.Indexes != 0 && scope.ColumnNames == nil {
		scope.Facts |= warehouse.Columns
	}
	if c, err := unchanged(ctx, s, scope); c != nil || err != nil {
		return c, err
	}
	if scope.Relations == 0 && len(scope.Tables) > fewTables {
		var err error
		if scope.Relations, err = relations(ctx, s); err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
	}
	var reading *reading
	var err error
	for range attempts {
		if reading, err = readCatalog(ctx, s, scope, scope); !passing(err) {
			break
		}
	}
	if cause := err; passing(cause) {
		closed := scope
		closed.Definitions = []warehouse.TableName{} // no table is opened
		if reading, err = readCatalog(ctx, s, closed, scope); err == nil {
			reading.cause = cause
		}
	}
	if err != nil {
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

// attempts is how often the catalog is read until no lock and no dropped table ends the
// statement. After that it is read without opening tables.
const attempts = 3

// passing reports whether a catalog's statement failed because another session locked or
// dropped a table meanwhile.
func passing(err error) bool {
	var e *warehouse.Error
	// XX000: "could not open relation with OID", of a table that was dropped meanwhile.
	return errors.As(err, &e) && (e.Kind == warehouse.Locked || e.Code == "40P01" || e.Code == "XX000")
}

// readCatalog sends the statement for a scope, and reads the answer as one to the scope that
// is wanted.
func readCatalog(ctx context.Context, s warehouse.Sessions, sent, wanted warehouse.Scope) (r *reading, err error) {
	st := catalogStatement(sent)
	st.Each = func() func([]warehouse.Cell) error {
		r = newReading(wanted)
		return r.row
	}
	_, err = warehouse.Ask(ctx, s, st)
	if inexpressible(err) && sent.Tables != nil {
		if sent, err = expressible(ctx, s, sent); err != nil {
			return nil, fmt.Errorf("reading the catalog: %w", err)
		}
		_, err = warehouse.Ask(ctx, s, withRows(catalogStatement(sent), st.Each))
	}
	return r, err
}

func withRows(st warehouse.Statement, each func() func([]warehouse.Cell) error) warehouse.Statement {
	st.Each = each
	return st
}

// catalogStatement writes the statement for a scope. It finds few of many tables by name,
// through the indexes of the catalogs, so that the cost grows with the tables that are asked
// for. Most tables are read in one pass, which then costs less.
func catalogStatement(scope warehouse.Scope) warehouse.Statement {
	from, whole, shared, cast := query("every_scope"), "true", "MATERIALIZED", "::int8"
	var args []any
	if scope.Tables != nil {
		from, whole, args = query("named_scope"), "w.whole", namesOf(scope)
		if fewOf(scope) {
			shared, cast = "NOT MATERIALIZED", ""
		}
	} else if scope.Definitions != nil {
		whole = "false"
	}
	facts, names := scope.Facts, ""
	if facts&warehouse.Columns == 0 && len(scope.ColumnNames) > 0 {
		facts |= namedColumns
		args = append(args, array(scope.ColumnNames))
		names = fmt.Sprintf("$%d", len(args))
	}
	words := strings.NewReplacer(noIndex, cast, namesParam, names, stampParam, stampSQL, unreadParam, `E'\x1d'`,
		relationsParam, relationCount)
	var b strings.Builder
	head := strings.NewReplacer(noIndex, cast, "$materialized", shared, "$whole", whole, "$scope", from)
	b.WriteString(head.Replace(relationsSQL))
	sep := "\n"
	for _, p := range parts {
		if p.fact&facts == p.fact {
			b.WriteString(sep + words.Replace(p.sql))
			sep = "\nUNION ALL "
		}
	}
	return warehouse.Statement{SQL: b.String(), Args: args}
}

// namesOf returns the parameters of named_scope: schemas, names, and whether the
// definition is read. Each table is in them once.
func namesOf(scope warehouse.Scope) []any {
	whole := map[warehouse.TableName]bool{}
	for _, t := range scope.Definitions {
		whole[t] = true
	}
	known := make(map[warehouse.TableName]bool, len(scope.Tables))
	var schemas, names, wholes []string
	for _, t := range scope.Tables {
		if !known[t] {
			known[t] = true
			schemas, names = append(schemas, t.Schema), append(names, t.Name)
			wholes = append(wholes, strconv.FormatBool(scope.Definitions == nil || whole[t]))
		}
	}
	return []any{array(schemas), array(names), array(wholes)}
}

const (
	// fewTables are few whatever the number of relations is.
	fewTables = 50
	// passShare: to look a table up by name costs as much as a pass over so many relations.
	passShare = 16
)

// fewOf reports whether a scope names few of the database's relations.
func fewOf(scope warehouse.Scope) bool {
	n := len(scope.Tables)
	return n <= fewTables || n*passShare < scope.Relations
}

// relations returns about how many relations the database has.
func relations(ctx context.Context, s warehouse.Sessions) (n int, err error) {
	rows, err := warehouse.Ask(ctx, s, warehouse.Statement{SQL: "SELECT " + relationCount})
	if err != nil {
		return 0, err
	}
	if n, err = strconv.Atoi(rows[0][0].Text); err != nil {
		return 0, fmt.Errorf("reading the number of relations: %w", err)
	}
	return n, nil
}

var arrayEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func array(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = `"` + arrayEscape.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}
