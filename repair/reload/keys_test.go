package reload_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// Batches go on after the last key. A key that reads differently from how it compares
// would leave rows out.
func TestBatchesInOrderOfAnyKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		engine, key string
		values      []string
	}{
		{"postgres", "integer", []string{"9", "10", "-1", "-10", "100"}},
		{"postgres", "bytea", []string{`'\x00'`, `'\x0001'`, `'\xff'`, `'\x5c78'`, `''`}},
		{"postgres", "double precision", []string{"0.1", "0.30000000000000004", "0.3", "'-Infinity'", "5e-324", "'NaN'"}},
		{"postgres", "real", []string{"0.1", "16777216", "1e-45", "-3.4e38"}},
		{"postgres", "numeric", []string{"0.10", "9", "10", "12345678901234567890.5", "'NaN'"}},
		{"postgres", "timestamptz", []string{"'0044-03-15 00:00:00+00 BC'", "'infinity'", "'2026-03-11 00:00:00.000001+00'", "'2026-03-11 00:00:00.00001+00'"}},
		{"postgres", `text COLLATE "C"`, []string{"''", "'a'", "'B'", "'ü'", "'a b'", `'\'`}},
		{"postgres", "char(3)", []string{"'a'", "'ab'", "''", "'b'"}},
		{"postgres", "boolean", []string{"true", "false"}},
		{"postgres", "uuid", []string{"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'00000000-0000-0000-0000-000000000000'"}},
		{"postgres", "interval", []string{"'1 mon'", "'-3 days'", "'04:05:06.789'"}},
		{"mysql", "int", []string{"9", "10", "-1", "100"}},
		{"mysql", "bigint unsigned", []string{"18446744073709551615", "9007199254740993", "9007199254740992", "1"}},
		{"mysql", "varbinary(16)", []string{"x'00'", "x'0001'", "x'ff'", "x'5c78'", "x''", "x'6120'"}},
		{"mysql", "binary(2)", []string{"x'0000'", "x'00ff'", "x'ff00'", "x'2020'"}},
		{"mysql", "double", []string{"0.1", "0.30000000000000004", "0.3", "-1e308", "5e-324"}},
		{"mysql", "decimal(30,10)", []string{"0.1", "9", "10", "12345678901234567890.5", "12345678901234567890.4"}},
		{"mysql", "varchar(20)", []string{"''", "'a'", "'B'", "'ü2'", "'a b'", `'\\'`}},
		{"mysql", "varchar(20) character set latin1", []string{"'a'", "'ü'", "'z'", "'B'"}},
		{"mysql", "datetime(6)", []string{"'2026-03-11 00:00:00.000001'", "'2026-03-11 00:00:00.00001'", "'1000-01-01'"}},
		{"mysql", "enum('z','b','a')", []string{"'a'", "'b'", "'z'"}},
		{"mysql", "bit(8)", []string{"b'0'", "b'00110101'", "b'11111111'"}},
		{"sqlite", "integer", []string{"9", "10", "-1", "100"}},
		{"sqlite", "", []string{"1", "'1'", "x'31'", "1.5", "'a'", "9007199254740993", "''", "x''"}},
		{"sqlite", "text", []string{"'9'", "'10'", "'a'", "''"}},
		{"sqlite", "text COLLATE NOCASE", []string{"'a'", "'B'", "'c'"}},
		{"sqlite", "real", []string{"0.1", "0.30000000000000004", "-9e999", "2"}},
	} {
		t.Run(c.engine+" "+c.key, func(t *testing.T) {
			t.Parallel()
			from, b := repairtest.New(t, c.engine), repairtest.New(t, c.engine)
			for _, at := range []*repairtest.Fixture{from, b} {
				for _, table := range []string{"orders", "staging"} {
					at.Exec("CREATE TABLE " + table + " (k " + c.key + " NOT NULL PRIMARY KEY, at " + at.Timestamp + " NOT NULL)")
				}
			}
			for _, v := range c.values {
				from.Exec("INSERT INTO staging VALUES (" + v + ", '2026-03-11 01:00:00')")
			}
			a := &reload.Partition{
				From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}, BatchRows: 2,
			}
			run := b.NewRun(a, across(b, from))
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			query := "SELECT k FROM %s x ORDER BY x.k"
			got := repairtest.Query(t, b.Driver, b.Owner, fmt.Sprintf(query, "orders"))
			want := repairtest.Query(t, from.Driver, from.Owner, fmt.Sprintf(query, "staging"))
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Rows without a value of the key cannot be told apart, whoever writes to the source.
func TestNullInKeyOfSourceIsRefused(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		from := repairtest.New(t, b.Engine)
		b.CreateOrders()
		from.Exec("CREATE TABLE staging (id integer, amount numeric(10,2), note varchar(20), at " + from.Instant + ")")
		for _, id := range []string{"1", "2", "3", "4", "NULL"} {
			from.Exec("INSERT INTO staging VALUES (" + id + ", 1, 'new', '2026-03-11 01:00:00')")
		}
		before := b.Rows("orders")
		a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}, BatchRows: 2}
		err := a.Stage(t.Context(), b.NewRun(a, across(b, from)))
		var refused *repair.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "id of the key is NULL") || b.Rows("orders") != before {
			t.Errorf("%v\n%s", err, b.Rows("orders"))
		}
	})
}
