package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// form is a way to keep times in a column of another type, which the configuration must
// explain.
type form struct {
	kind      kind   // what the values are
	native    string // type of the column, which every engine has
	precision time.Duration
	how       map[string]any    // the key `time`, without its column
	reads     map[string]string // SQL that reads the column, by engine; in place of how
	literal   func(at time.Time) string
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func layout(text string) func(time.Time) string {
	return func(at time.Time) string { return at.UTC().Format(text) }
}

var timeForms = []*form{
	{kind: zoned, native: "bigint", precision: time.Second, how: map[string]any{"unit": "s"},
		literal: func(at time.Time) string { return number(at.Unix()) }},
	{kind: zoned, native: "bigint", precision: time.Millisecond, how: map[string]any{"unit": "ms"},
		literal: func(at time.Time) string { return number(at.UnixMilli()) }},
	{kind: zoned, native: "decimal(20,0)", precision: time.Microsecond, how: map[string]any{"unit": "us"},
		literal: func(at time.Time) string { return number(at.UnixMicro()) }},
	{kind: zoned, native: "bigint", precision: time.Microsecond, how: map[string]any{"unit": "ns"},
		literal: func(at time.Time) string { return number(at.UnixNano()) }},
	{kind: zoned, native: "double precision", precision: time.Millisecond, how: map[string]any{"unit": "ms"},
		literal: func(at time.Time) string { return number(at.UnixMilli()) }},
	{kind: zoned, native: "varchar(40)", precision: time.Second,
		how:     map[string]any{"format": "%Y-%m-%dT%H:%M:%SZ", "utc": true},
		literal: layout("'2006-01-02T15:04:05Z'")},
	{kind: naive, native: "bigint", precision: time.Second, how: map[string]any{"format": "%Y%m%d%H%M%S"},
		literal: layout("20060102150405")},
	{kind: naive, native: "varchar(40)", precision: time.Second, how: map[string]any{"format": "%d.%m.%Y %H:%M:%S"},
		literal: layout("'02.01.2006 15:04:05'")},
	{kind: naive, native: "varchar(40)", precision: time.Minute, how: map[string]any{"format": "%Y/%m/%d %H:%M"},
		literal: layout("'2006/01/02 15:04'")},
	{kind: day, native: "integer", precision: 24 * time.Hour, how: map[string]any{"format": "%Y%m%d"},
		literal: layout("20060102")},
	{kind: day, native: "varchar(40)", precision: 24 * time.Hour, how: map[string]any{"format": "%d.%m.%Y"},
		literal: layout("'02.01.2006'")},
	{kind: zoned, native: "bigint", precision: time.Millisecond, reads: map[string]string{
		"postgres": "to_timestamp(at / 1000.0)", "mysql": "from_unixtime(at / 1000)", "sqlite": "at / 1000.0",
	}, literal: func(at time.Time) string { return number(at.UnixMilli()) }},
	{kind: zoned, native: "bigint", precision: time.Second, reads: map[string]string{
		"postgres": "to_timestamp(at)::timestamp -- UTC", "mysql": "from_unixtime(at)", "sqlite": "datetime(at, 'unixepoch')",
	}, literal: func(at time.Time) string { return number(at.Unix()) }},
}

// drawForm gives a third of the tables a time column that must be explained.
func drawForm(r *rand.Rand) *form {
	if r.IntN(3) > 0 {
		return nil
	}
	return pick(r, timeForms)
}

// times returns how a dataset's time column is configured: the key and its value.
func (t *table) times(e *engine) (key string, value any) {
	f := t.columns[t.index("at")].form
	switch {
	case f == nil:
		return "time_column", "at"
	case f.reads != nil:
		return "time", map[string]any{"expression": f.reads[e.name]}
	}
	how := map[string]any{"column": "at"}
	for k, v := range f.how {
		how[k] = v
	}
	return "time", how
}

// named reports whether a check may name the time column: an expression replaces it.
func (t *table) named() bool {
	f := t.columns[t.index("at")].form
	return f == nil || f.reads == nil
}

func (f *form) String() string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf(" as %s %v%v", f.native, f.how, f.reads)
}
