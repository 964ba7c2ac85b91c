package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

//go:embed postgres.sql
var postgresCatalog string

//go:embed mysql.sql
var mysqlCatalog string

// history is a server that migrations are applied to.
type history struct {
	owner     *sql.DB
	db        *warehouse.DB
	reference string // statement of the independent catalog
	byText    bool   // only the text of a migration tells that a column is renamed
	tables    map[warehouse.TableName]*warehouse.Table
	facts     map[string]map[string]entry // of the independent catalog, by table
}

// entry is a row of the independent catalog.
type entry struct {
	group, identity, name, definition string
	text                              string // "": definition decides alone
}

// changed reports whether the object differs. Both its definition and its text must.
func (e entry) changed(a entry) bool {
	return a.definition != e.definition && (e.text == "" && a.text == "" || a.text != e.text)
}

// emptyQuery is the number of MySQL's error after a file that ends in a comment.
const emptyQuery = 1065

// databaseName is the database of the migrations.
const databaseName = "history"

// engine is what differs between the servers that migrations can be applied to.
type engine struct {
	start    func(settings ...string) (*testenv.Server, error)
	driver   string
	catalog  string   // statement of the independent catalog
	prepare  []string // statements before the first migration
	database string   // added to the server's DSN
	batches  string   // added to the DSN so that a statement may be many
	byText   bool     // see [history]
}

// engines holds the engines by dialect.
var engines = map[string]engine{
	"postgres": {
		start: testenv.StartPostgres, driver: "pgx", catalog: postgresCatalog,
		batches: "&default_query_exec_mode=simple_protocol",
	},
	"mysql": {
		start: testenv.StartMySQL, driver: "mysql", catalog: mysqlCatalog,
		prepare: []string{"CREATE DATABASE " + databaseName}, database: databaseName,
		// A table may refer to one that a later statement makes, as migrations of MySQL do.
		batches: "?multiStatements=true&foreign_key_checks=0", byText: true,
	},
}

func open(ctx context.Context, dialect string, server *testenv.Server) (h *history, err error) {
	e := engines[dialect]
	h = &history{reference: e.catalog, byText: e.byText}
	if err := server.Exec(e.prepare...); err != nil {
		return nil, err
	}
	dsn := server.DSN + e.database
	if h.owner, err = sql.Open(e.driver, dsn+e.batches); err != nil {
		return nil, err
	}
	cfg := warehouse.Config{Name: "w", Dialect: dialect, DSN: sentinel.NewSecret(dsn), StatementTimeout: time.Minute}
	if h.db, err = warehouse.Open(cfg); err != nil {
		return nil, errors.Join(err, h.owner.Close())
	}
	if err := h.read(ctx); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *history) close() {
	for _, err := range []error{h.owner.Close(), h.db.Close()} {
		if err != nil {
			fmt.Println("drift-history: closing:", err)
		}
	}
}

// read reads the catalog twice: as Sentinel does, and independently.
func (h *history) read(ctx context.Context) (err error) {
	c, err := h.db.Catalog(ctx, warehouse.Scope{Facts: warehouse.AllFacts &^ (warehouse.Changes | warehouse.Estimates)})
	if err != nil {
		return err
	}
	h.tables = map[warehouse.TableName]*warehouse.Table{}
	for name, t := range c.Tables {
		if h.tables[name], err = checks.DecodeSnapshot(checks.EncodeSnapshot(t)); err != nil {
			return err
		}
	}
	rows, err := h.owner.QueryContext(ctx, h.reference)
	if err != nil {
		return err
	}
	h.facts = map[string]map[string]entry{}
	for rows.Next() {
		var table, tableIdentity string
		var e entry
		var text sql.NullString
		if err := rows.Scan(&e.group, &table, &tableIdentity, &e.identity, &e.name, &e.definition, &text); err != nil {
			return errors.Join(err, rows.Close())
		}
		if h.facts[table] == nil {
			h.facts[table] = map[string]entry{}
		}
		e.text = text.String
		if e.group == "table" {
			e.definition = tableIdentity
		}
		h.facts[table][e.group+"\x00"+e.identity] = e
	}
	return errors.Join(rows.Err(), rows.Close())
}

// step applies a migration and compares both comparisons.
func (h *history) step(ctx context.Context, migration string) (tally, error) {
	tables, facts := h.tables, h.facts
	_, applied := h.owner.ExecContext(ctx, migration)
	if err := h.read(ctx); err != nil {
		return tally{}, errors.Join(applied, err)
	}
	var own *mysql.MySQLError
	if errors.As(applied, &own) && own.Number == emptyQuery {
		applied = nil
	}
	if applied != nil {
		return tally{}, applied
	}
	found := map[difference]bool{}
	for name, before := range tables {
		for _, d := range checks.Diff(before, h.tables[name], checks.DiffOptions{Present: h.tables}) {
			for _, kind := range common(d.Kind) {
				found[difference{kind, name.Schema + "." + name.Name, d.Object}] = true
			}
		}
	}
	return compare(found, referenceDiff(h.renamed(facts, migration), h.facts)), nil
}

// renames finds the columns that a statement of MySQL or MariaDB renames.
var renames = regexp.MustCompile("(?i)\\b(?:CHANGE(?:\\s+COLUMN)?|RENAME\\s+COLUMN)\\s+`?(\\w+)`?\\s+(?:TO\\s+)?`?(\\w+)`?")

// altered finds the table that a statement alters.
var altered = regexp.MustCompile("(?i)^\\s*ALTER\\s+TABLE\\s+`?(\\w+)`?")

// renamed returns the facts before a migration with the new names of the columns that it
// renames, where the catalog has no numbers. Nothing but the text of the migration knows. A
// column that is changed too counts as removed and added, as the schema check documents.
func (h *history) renamed(before map[string]map[string]entry, migration string) map[string]map[string]entry {
	if !h.byText {
		return before
	}
	out := maps.Clone(before)
	for statement := range strings.SplitSeq(migration, ";") {
		table := altered.FindStringSubmatch(statement)
		if table == nil {
			continue
		}
		name := databaseName + "." + table[1]
		for _, column := range renames.FindAllStringSubmatch(statement, -1) {
			if !alike(out[name], h.facts[name], column[1], column[2]) {
				continue
			}
			facts := map[string]entry{}
			word := regexp.MustCompile("\\b" + column[1] + "\\b")
			for _, e := range out[name] {
				if e.identity == column[1] && (e.group == "column" || slices.Contains(ofColumn, e.group)) {
					e.identity = column[2]
				}
				if e.group == "column_check" || !slices.Contains(ofColumn, e.group) {
					e.definition = word.ReplaceAllString(e.definition, column[2])
				}
				facts[e.group+"\x00"+e.identity] = e
			}
			out[name] = facts
		}
	}
	return out
}

// alike reports whether a column is now what another one was.
func alike(before, after map[string]entry, was, is string) bool {
	if _, kept := after["column\x00"+was]; kept {
		return false // another column has the name now
	}
	word := regexp.MustCompile("\\b" + was + "\\b")
	return !slices.ContainsFunc(ofColumn, func(group string) bool {
		b, a := before[group+"\x00"+was], after[group+"\x00"+is]
		return word.ReplaceAllString(b.definition, is) != a.definition
	})
}

// common is a kind of drift in the words of the reference; empty if it has none.
func common(k sentinel.DriftKind) []string {
	switch k {
	case sentinel.TypeChanged, sentinel.TypeNarrowed, sentinel.TypeWidened:
		return []string{"type"}
	case sentinel.NullabilityLoosened, sentinel.NullabilityTightened:
		return []string{"nullability"}
	case sentinel.ColumnReplaced:
		return []string{string(sentinel.ColumnRemoved), string(sentinel.ColumnAdded)}
	case sentinel.TableDropped, sentinel.ColumnAdded, sentinel.ColumnRemoved, sentinel.ColumnRenamed,
		sentinel.DefaultChanged, sentinel.PrimaryKeyChanged, sentinel.UniqueChanged, sentinel.ForeignKeyChanged,
		sentinel.CheckChanged, sentinel.ExclusionChanged, sentinel.IndexAdded, sentinel.IndexRemoved,
		sentinel.TriggerChanged, sentinel.ViewChanged:
		return []string{string(k)}
	}
	return nil
}

// referenceDiff compares the independent catalogs of all tables that were there before.
func referenceDiff(before, after map[string]map[string]entry) map[difference]bool {
	out := map[difference]bool{}
	for table, old := range before {
		fresh := after[table]
		report := func(kind, object string) { out[difference{kind, table, object}] = true }
		if fresh == nil {
			report("table_dropped", "")
			continue
		}
		was, is := old["table\x00"], fresh["table\x00"]
		if shape(was.name) != shape(is.name) {
			continue // another kind of relation: only its columns would be alike
		}
		if was.definition != is.definition { // made anew: numbers say nothing
			old, fresh = byName(old), byName(fresh)
		}
		for key, b := range old {
			if a, ok := fresh[key]; !ok || a != b {
				reportChange(report, b, a, ok)
			}
		}
		for key, a := range fresh {
			if _, ok := old[key]; !ok {
				reportNew(report, a)
			}
		}
	}
	return out
}

func shape(kind string) string { return strings.ReplaceAll(kind, "p", "r") }

// byName keys entries by their names. Where there is a text, it is the definition.
func byName(facts map[string]entry) map[string]entry {
	out := map[string]entry{}
	for _, e := range facts {
		e.identity = e.name
		if e.text != "" {
			e.definition = e.text
		}
		if e.group == "table" {
			e = entry{group: "table"}
		}
		out[e.group+"\x00"+e.identity] = e
	}
	return out
}

// ofColumn are the groups that have an entry for each column.
var ofColumn = []string{"type", "nullability", "default", "column_check"}

func reportChange(report func(kind, object string), b, a entry, exists bool) {
	switch {
	case b.group == "column" && !exists:
		report("column_removed", b.name)
	case b.group == "column" && a.name != b.name:
		report("column_renamed", a.name)
	case b.group == "column" || b.group == "table", slices.Contains(ofColumn, b.group) && !exists:
	case exists && !b.changed(a):
	case b.group == "index" && exists:
		report("index_removed", b.name)
		report("index_added", b.name)
	case b.group == "index":
		report("index_removed", b.name)
	case b.group == "column_check":
		report("check_changed", a.name)
	case b.group == "default":
		report("default_changed", a.name)
	case slices.Contains(ofColumn, b.group):
		report(b.group, a.name)
	default:
		report(b.group+"_changed", b.name)
	}
}

func reportNew(report func(kind, object string), a entry) {
	switch {
	case a.group == "column":
		report("column_added", a.name)
	case a.group == "index":
		report("index_added", a.name)
	case a.group != "table" && !slices.Contains(ofColumn, a.group):
		report(a.group+"_changed", a.name)
	}
}
