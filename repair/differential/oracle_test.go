package differential_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestOracleSeesLosses holds the comparison to what it must tell apart, and what it must not.
func TestOracleSeesLosses(t *testing.T) {
	t.Parallel()
	text := textValue
	for _, c := range []struct {
		source, table seenValue
		same          bool
	}{
		{seenValue{seenNumber, "1.50"}, seenValue{seenNumber, "1.5"}, true},
		{seenValue{seenNumber, "1.239"}, seenValue{seenNumber, "1.24"}, false},
		{seenValue{seenNumber, "9007199254740993"}, seenValue{seenFloat, "9007199254740992"}, false},
		{seenValue{seenNumber, "NaN"}, seenValue{seenNumber, "0"}, false},
		{seenValue{seenNumber, "-Infinity"}, seenValue{seenFloat, "-9.0e+999"}, true},
		{seenValue{seenNumber, "-Infinity"}, seenValue{seenFloat, "9.0e+999"}, false},
		{seenValue{seenFloat, "-0"}, seenValue{seenFloat, "0"}, false},
		{seenValue{seenFloat32, "0.1"}, seenValue{seenFloat, "0.1"}, false},
		{seenValue{seenFloat32, "0.1"}, seenValue{seenFloat, "0.10000000149011612"}, true},
		{seenValue{seenFloat, "NaN"}, seenValue{seenNull, ""}, false},
		{seenValue{seenNull, ""}, text(""), false},
		{text("a "), text("a"), false},
		{text("A"), text("a"), false},
		{text("e\u0301"), text("é"), false},
		{text("1"), seenValue{seenBytes, "31"}, false},
		{text("line\r\n"), text("line\n"), false},
		{seenValue{seenBytes, "00ff"}, seenValue{seenBytes, "00"}, false},
		{seenValue{seenBoolean, "true"}, seenValue{seenNumber, "1"}, true},
		{seenValue{seenBoolean, "false"}, seenValue{seenNumber, "1"}, false},
		{seenValue{seenInstant, "2026-10-25 00:30:00"}, seenValue{seenInstant, "2026-10-25 01:30:00"}, false},
		{seenValue{seenInstant, "2026-10-25 00:30:00"}, seenValue{seenTime, "2026-10-25 00:30:00"}, false},
		{seenValue{seenTime, "0044-03-15 BC"}, seenValue{seenTime, "0044-03-15"}, false},
		{seenValue{seenTime, "24:00:00"}, seenValue{seenTime, "00:00:00"}, false},
		{seenValue{seenTime, "01:02:03.500000"}, seenValue{seenTime, "01:02:03.5"}, true},
		{seenValue{seenMoment, "2026-03-11T02:00:00+02:00"}, seenValue{seenInstant, "2026-03-11 00:00:00"}, true},
		{seenValue{seenMoment, "2026-03-11T02:00:00+02:00"}, seenValue{seenInstant, "2026-03-11 02:00:00"}, false},
		{seenValue{seenJSON, `{"a":1.0,"b":2}`}, seenValue{seenJSON, `{"b": 2, "a": 1}`}, true},
		{seenValue{seenJSON, `{"a":1,"a":2}`}, seenValue{seenJSON, `{"a":2}`}, false},
		{seenValue{seenJSON, "12345678901234567890"}, seenValue{seenJSON, "12345678901234567000"}, false},
		{seenValue{kind: seenNowhere}, text("\ufffd"), false},
	} {
		if got := same(c.source, c.table); got != c.same {
			t.Errorf("%v in the source and %v in the table: the same %v, want %v", c.source, c.table, got, c.same)
		}
	}
}

// everyType says how the types that an engine has are found, and those that are drawn. SQLite
// is not among them: it takes any name.
var everyType = map[string]struct {
	has   string   // query of those that the engine has; "" asks the dialect
	drawn string   // query of those of the table every
	lacks []string // of a dialect, not of the server, or under another name
}{
	"postgres": {
		has: `SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
			AND typcategory NOT IN ('A', 'Z', 'P') AND typname !~ '^(pg_|reg|gtsvector)'`,
		drawn: `SELECT typname FROM pg_attribute JOIN pg_type t ON t.oid = atttypid WHERE attrelid = 'every'::regclass`,
	},
	"mysql": {
		drawn: "SELECT data_type FROM information_schema.columns WHERE table_schema = database() AND table_name = 'every'",
		lacks: []string{"json", "vector", "xmltype"},
	},
}

// TestEveryTypeIsDrawn compares the drawn types with those that the engines have.
func TestEveryTypeIsDrawn(t *testing.T) {
	t.Parallel()
	for name, of := range everyType {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, d := engines[name], testenv.NewDatabase(t, name)
			d.Exec(t, e.prepare...)
			var columns []string
			for i, c := range e.types {
				columns = append(columns, fmt.Sprintf("c%d %s", i, c.sql))
			}
			d.Exec(t, "CREATE TABLE every ("+strings.Join(columns, ", ")+")")
			names := func(query string) []string {
				return strings.Split(repairtest.Query(t, d.Driver, d.Owner, query), "|\n")
			}
			dialect, err := warehouse.DialectNamed(name)
			if err != nil {
				t.Fatal(err)
			}
			var has []string
			if of.has != "" {
				has = names(of.has)
			} else if lister, ok := dialect.(warehouse.TypeLister); ok {
				has, _ = lister.TypeNames()
			}
			if len(has) < 20 {
				t.Errorf("only the types %v were found", has)
			}
			drawn := append(names(of.drawn), of.lacks...)
			for _, want := range has {
				if !slices.Contains(drawn, want) {
					t.Errorf("no column of type %s is drawn", want)
				}
			}
		})
	}
}
