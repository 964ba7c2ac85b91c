package oracle_test

import (
	"database/sql"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// flavour is what the generator must know of an engine: its words for types and
// values, and how it compares texts.
type flavour struct {
	types   map[kind]string
	quote   func(text string) string          // writes a text literal
	instant func(t time.Time) string          // writes an instant for a zoned column, without quotes
	equal   func(ci bool, text string) string // texts with the same result are equal
	ci      string                            // collation that ignores case; "" where the engine has none
	cs      string                            // collation that does not
	nan     bool                              // NaN can be stored
	untyped bool                              // values are typed, not columns
	nested  nesting                           // makes a table with partitions of partitions; nil: the engine has none
}

// nesting returns the end of CREATE TABLE for a table whose partitions by an integer column have
// partitions, and the statements that make these.
type nesting func(table, column string) (end string, partitions []string)

func nestedOfPostgres(table, column string) (end string, partitions []string) {
	return " PARTITION BY RANGE (" + column + ")", []string{
		"CREATE TABLE " + table + "_low PARTITION OF " + table + " FOR VALUES FROM (MINVALUE) TO (3) PARTITION BY HASH (" + column + ")",
		"CREATE TABLE " + table + "_low_a PARTITION OF " + table + "_low FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
		"CREATE TABLE " + table + "_low_b PARTITION OF " + table + "_low FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
		"CREATE TABLE " + table + "_rest PARTITION OF " + table + " DEFAULT",
	}
}

func nestedOfMySQL(_, column string) (end string, partitions []string) {
	return " PARTITION BY RANGE (" + column + ") SUBPARTITION BY HASH (" + column + ") SUBPARTITIONS 2 " +
		"(PARTITION low VALUES LESS THAN (3), PARTITION rest VALUES LESS THAN MAXVALUE)", nil
}

// kind is what a column of the oracle's tables holds.
type kind string

const (
	smallint kind = "smallint" // integers of 16 bits
	bigint   kind = "bigint"   // integers of 64 bits
	decimal  kind = "decimal"  // integers of 38 digits
	float    kind = "float"
	text     kind = "text"
	day      kind = "day"
	naive    kind = "naive" // a wall clock's time, without a zone
	zoned    kind = "zoned" // an instant
)

var flavours = map[string]flavour{
	"postgres": {
		types: map[kind]string{smallint: "smallint", bigint: "bigint", decimal: "numeric(38,0)", float: "double precision",
			text: "text", day: "date", naive: "timestamp", zoned: "timestamptz"},
		quote:   quoteDoubling,
		instant: func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") + "+00" },
		equal:   func(_ bool, s string) string { return s },
		nan:     true,
		nested:  nestedOfPostgres,
	},
	"mysql": {
		types: map[kind]string{smallint: "smallint", bigint: "bigint", decimal: "decimal(38,0)", float: "double",
			text: "varchar(60)", day: "date", naive: "datetime(6)", zoned: "timestamp(6) NULL"},
		quote:   func(s string) string { return quoteDoubling(strings.ReplaceAll(s, `\`, `\\`)) },
		instant: func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") },
		equal: func(ci bool, s string) string {
			s = strings.TrimRight(s, " ")
			if ci {
				s = strings.ToLower(s)
			}
			return s
		},
		ci: "utf8mb4_general_ci", cs: "utf8mb4_bin", nested: nestedOfMySQL,
	},
	"sqlite": {
		types: map[kind]string{smallint: "smallint", bigint: "bigint", decimal: "bigint", float: "double",
			text: "varchar(60)", day: "date", naive: "timestamp", zoned: "timestamp"},
		quote:   quoteDoubling,
		instant: func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") },
		equal: func(ci bool, s string) string {
			if ci {
				s = strings.ToLower(s)
			}
			return s
		},
		ci: "NOCASE", cs: "BINARY", untyped: true,
	},
}

func quoteDoubling(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// engine is a server with an empty database.
type engine struct {
	name     string
	flavour  flavour
	database testenv.Database
	owner    *sql.DB
	db       *warehouse.DB
}

func openEngine(tb testing.TB, name string) *engine {
	tb.Helper()
	f, ok := flavours[name]
	if !ok {
		tb.Fatalf("dialect %s: the oracle must know its words for types and values: add it to flavours", name)
	}
	e := &engine{name: name, flavour: f, database: testenv.NewDatabase(tb, name)}
	owner, err := sql.Open(e.database.Driver, e.database.Owner)
	if err != nil {
		tb.Fatal(err)
	}
	owner.SetMaxOpenConns(1)
	tb.Cleanup(func() { owner.Close() })
	e.owner = owner
	db, err := warehouse.Open(warehouse.Config{Name: name, Dialect: name,
		DSN: sentinel.NewSecret(e.database.Warehouse), Clock: sentinel.ClockFunc(time.Now)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	e.db = db
	return e
}

func (e *engine) exec(tb testing.TB, statement string) {
	tb.Helper()
	if _, err := e.owner.Exec(statement); err != nil {
		tb.Fatalf("%s: %v\n%.2000s", e.name, err, statement)
	}
}

// create makes the table with its rows.
func (e *engine) create(tb testing.TB, t *table) {
	tb.Helper()
	columns := make([]string, len(t.columns))
	for i, c := range t.columns {
		columns[i] = fmt.Sprintf("%s %s", c.name, e.flavour.types[c.kind])
		if c.form != nil {
			columns[i] = c.name + " " + c.form.native
		}
		if collation := e.collation(c); collation != "" {
			columns[i] += " COLLATE " + collation
		}
	}
	end, partitions := "", []string(nil)
	if first := t.columns[0]; len(t.rows)%4 == 1 && e.flavour.nested != nil && first.form == nil && first.kind == bigint {
		end, partitions = e.flavour.nested(t.name, first.name)
	}
	e.exec(tb, fmt.Sprintf("CREATE TABLE %s (%s)%s", t.name, strings.Join(columns, ", "), end))
	for _, statement := range partitions {
		e.exec(tb, statement)
	}
	e.insert(tb, t, t.rows)
}

func (e *engine) collation(c column) string {
	switch {
	case c.kind != text:
		return ""
	case c.ci:
		return e.flavour.ci
	}
	return e.flavour.cs
}

func (e *engine) insert(tb testing.TB, t *table, rows []row) {
	tb.Helper()
	if len(rows) == 0 {
		return
	}
	tuples := make([]string, len(rows))
	for i, r := range rows {
		values := make([]string, len(r))
		for k, v := range r {
			values[k] = e.literal(t.columns[k], v)
		}
		tuples[i] = "(" + strings.Join(values, ", ") + ")"
	}
	e.exec(tb, fmt.Sprintf("INSERT INTO %s VALUES %s", t.name, strings.Join(tuples, ", ")))
}

// stored returns what the engine keeps of a value.
func (e *engine) stored(v value) value {
	if f, is := v.(float64); is && math.IsNaN(f) && !e.flavour.nan {
		return nil
	}
	return v
}

// literal writes a value of a column.
func (e *engine) literal(c column, v value) string {
	switch v = e.stored(v); {
	case v == nil:
		return "NULL"
	case c.form != nil:
		return c.form.literal(v.(time.Time))
	case c.kind == text:
		return e.flavour.quote(v.(string))
	case c.kind == zoned:
		return "'" + e.flavour.instant(v.(time.Time)) + "'"
	case c.kind == naive:
		return "'" + v.(time.Time).Format("2006-01-02 15:04:05.000000") + "'"
	case c.kind == day:
		return "'" + v.(time.Time).Format(time.DateOnly) + "'"
	case c.kind == float:
		return "'" + fmt.Sprint(v) + "'"
	}
	return fmt.Sprint(v)
}
