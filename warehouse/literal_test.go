package warehouse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestLiteralsHaveTheTypeOfTheirColumn(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ native, text, want, wrong string }
	for _, c := range []row{
		{native: "text", text: "1", want: "'1'"},
		{native: "uuid", text: "ABC", want: "'abc'"},
		{native: "integer", text: "1_000", want: "1000"},
		{native: "integer", text: "a", wrong: `column c is integer, and "a" is no number`},
		{native: "integer", text: "0x10", wrong: "is no number"},
		{native: "integer", text: "NaN", wrong: "is no number"},
		{native: "numeric", text: "1.50", want: "1.5"},
		{native: "numeric", text: "1e3", want: "1000"},
		{native: "numeric", text: "-.5", want: "-0.5"},
		{native: "numeric", text: "1e70", wrong: "more than 65 digits"},
		{native: "numeric", text: "1e-70", wrong: "more than 65 digits"},
		{native: "double precision", text: "0.1", want: "1e-01"},
		{native: "double precision", text: "1e400", wrong: "larger than a double precision can be"},
		{native: "real", text: "0.1", want: "1.0000000149011612e-01"},
		{native: "boolean", text: "true", want: "TRUE"},
		{native: "boolean", text: "maybe", wrong: "neither true nor false"},
		{native: "date", text: "2026-01-31", want: "2026-01-31T00:00:00Z"},
		{native: "date", text: "2026-01-31 12:00", wrong: "has a time of day"},
		{native: "date", text: "31.1.2026", wrong: "is no date or time"},
		{native: "timestamp with time zone", text: "2026-01-31 12:00:00+03:00", want: "2026-01-31T10:00:00Z"},
		{native: "timestamp without time zone", text: "2026-01-31T12:00:00", want: "2026-01-31T12:00:00Z"},
		{native: "json", text: "1", wrong: "use failed_rows"},
	} {
		column := warehouse.Column{Name: "c", Type: warehouse.StandardType(c.native)}
		l, err := warehouse.LiteralFor(&column, c.text, berlin)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s %s: %v, want an error with %q", c.native, c.text, err, c.wrong)
			}
			continue
		}
		got := l.SQL
		switch {
		case column.Type.IsTime():
			got = l.Wall.Format(time.RFC3339)
		case got == "":
			got = "'" + l.Text + "'"
		}
		if err != nil || got != c.want {
			t.Errorf("%s %s: %s, %v, want %s", c.native, c.text, got, err, c.want)
		}
	}
	zoned := warehouse.Column{Name: "c", Type: warehouse.StandardType("timestamp with time zone")}
	l, err := warehouse.LiteralFor(&zoned, "2026-01-31 12:00", berlin)
	if err != nil || !l.Instant.Equal(time.Date(2026, 1, 31, 11, 0, 0, 0, time.UTC)) {
		t.Errorf("noon in Berlin is %v, %v", l.Instant, err)
	}
}

func TestPatternsThatAreNotRE2AreRefusedByName(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"a(?=b)": "a look-ahead", "(?<!a)b": "a look-behind", `(a)\1`: "a back-reference", "(?>a)": "an atomic group",
		"a(": "cannot be read",
	} {
		if _, err := warehouse.ParsePattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", pattern, err, want)
		}
	}
}
