package reload_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// Pairs that could lose something are refused by name before anything is read, within one
// engine and between two.
func TestLossyPairsAreRefusedByName(t *testing.T) {
	t.Parallel()
	const digits, zone, other = "digits after the point would be lost", "instants would shift", "values of one type are not values"
	for _, c := range []struct{ from, source, to, target, want string }{
		{"postgres", "numeric(10,4)", "postgres", "numeric(10,2)", digits},
		{"postgres", "numeric(10,4)", "mysql", "decimal(10,2)", digits},
		{"mysql", "decimal(10,2)", "postgres", "integer", digits},
		{"postgres", "numeric", "mysql", "int", digits},
		{"postgres", "timestamptz", "postgres", "timestamp", zone},
		{"postgres", "timestamp", "mysql", "timestamp(6) null", zone},
		{"mysql", "datetime", "mysql", "timestamp null", zone},
		{"mysql", "timestamp null", "mysql", "datetime", zone},
		{"mysql", "datetime", "postgres", "timestamptz", zone},
		{"postgres", "timetz", "mysql", "time", zone},
		{"postgres", "bytea", "mysql", "text", other},
		{"mysql", "blob", "postgres", "text", other},
		{"mysql", "varchar(10)", "mysql", "varbinary(10)", other},
		{"postgres", "boolean", "mysql", "int", other},
		{"mysql", "int", "postgres", "boolean", other},
		{"postgres", "boolean", "postgres", "integer", other},
		{"postgres", "double precision", "postgres", "real", "would be rounded"},
		{"mysql", "double", "mysql", "float", "would be rounded"},
		{"postgres", "bigint", "mysql", "double", "would be rounded"},
		{"postgres", "double precision", "mysql", "decimal(10,2)", other},
		{"postgres", "numeric(10,2)", "postgres", "double precision", other},
		{"postgres", "date", "mysql", "datetime", other},
		{"postgres", "text", "postgres", "integer", other},
		{"postgres", "integer", "postgres", "text", other},
		{"postgres", "text[]", "mysql", "text", other},
		{"postgres", "text[]", "postgres", "varchar(5)[]", other},
		{"postgres", "interval", "mysql", "time", other},
		{"postgres", "inet", "postgres", "cidr", other},
		{"mysql", "bit(8)", "postgres", "integer", other},
		{"mysql", "set('a')", "mysql", "set('a','b')", other},
		{"postgres", "text[]", "sqlite", "text", "has no such type"},
		{"sqlite", "text", "postgres", "text[]", "has no such type"},
		{"postgres", "bytea", "sqlite", "text", other},
		{"postgres", "text", "sqlite", "integer", other},
	} {
		t.Run(c.from+" "+c.source+" to "+c.to+" "+c.target, func(t *testing.T) {
			t.Parallel()
			from, b := repairtest.New(t, c.from), repairtest.New(t, c.to)
			b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, at " + b.Timestamp + ", v " + c.target + ")")
			from.Exec("CREATE TABLE staging (id integer NOT NULL PRIMARY KEY, at " + from.Timestamp + ", v " + c.source + ")")
			a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}, AllowEmpty: true}
			b.Must(a.Validate())
			_, err := a.Plan(t.Context(), across(b, from), b.OpenIncident(repairtest.MissingDay))
			var refused *repair.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "column v is ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// A value that changes on its way into the table is found before the commit, with the
// column and the row.
func TestValuesAreComparedInPlace(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for _, method := range []string{"delete_insert", "merge"} {
			b.Exec("DROP TABLE IF EXISTS orders", "DROP TABLE IF EXISTS staging")
			b.CreateOrders()
			for _, statement := range map[string][]string{
				"postgres": {
					"CREATE OR REPLACE FUNCTION louder() RETURNS trigger LANGUAGE plpgsql AS " +
						"'BEGIN IF NEW.id = 106 THEN NEW.note := upper(NEW.note); END IF; RETURN NEW; END'",
					"CREATE TRIGGER louder BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION louder()",
				},
				"mysql": {"CREATE TRIGGER louder BEFORE INSERT ON orders FOR EACH ROW " +
					"SET NEW.note = if(NEW.id = 106, upper(NEW.note), NEW.note)"},
				"sqlite": {"CREATE TRIGGER louder AFTER INSERT ON orders WHEN NEW.id = 106 " +
					"BEGIN UPDATE orders SET note = upper(note) WHERE id = NEW.id; END"},
			}[b.Engine] {
				b.Exec(statement)
			}
			before := b.Rows("orders")
			a := b.ReloadFromStaging()
			a.Method = method
			run := b.NewRun(a, b.Target())
			run.Repair.ID, run.Repair.Key = method, method
			b.Must(a.Stage(t.Context(), run))
			err := a.Apply(t.Context(), run)
			var refused *repair.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "different in note, such as in the row with id = 106") {
				t.Errorf("%s: %v", method, err)
			}
			if after := b.Rows("orders"); after != before {
				t.Errorf("%s: the table has changed:\n%s", method, after)
			}
		}
	})
}

// Texts of files are read as the table's types, and refused where digits, zones or
// characters would be lost.
func TestValuesOfFilesAreNotChanged(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		engine, target, value string
		zone                  *time.Location
		want                  string // of what the refusal says; "" for none
	}{
		{"postgres", "numeric(10,2)", "1.239", nil, `"1.239" has 3 digits after the point`},
		{"mysql", "decimal(10,2)", "1.239", nil, "3 digits after the point"},
		{"postgres", "numeric(10,2)", "1.50", nil, ""},
		{"mysql", "int", "1.5", nil, "is no whole number"},
		{"postgres", "integer", "1e3", nil, ""},
		{"postgres", "smallint", "40000", nil, "outside of the range"},
		{"mysql", "varchar(3)", "abcd", nil, "has 4 characters"},
		{"postgres", "varchar(3)", `"ab  "`, nil, "has 4 characters"},
		{"postgres", "boolean", "yes", nil, "is not a boolean"},
		{"postgres", "boolean", "true", nil, ""},
		{"mysql", "tinyint(1)", "true", nil, ""},
		{"mysql", "tinyint(1)", "79", nil, ""},
		{"mysql", "int", "true", nil, "whole number"},
		{"mysql", "datetime", "2026-03-11T01:02:03.5Z", nil, "1 digits of a second"},
		{"mysql", "datetime", "2026-03-11T01:02:03+01:00", nil, "one has a zone"},
		{"postgres", "timestamptz", "2026-03-11T01:02:03+01:00", nil, ""},
		{"postgres", "timestamptz", "2026-03-11 01:02:03", berlin, "one has a zone"},
		{"postgres", "timestamptz", "2026-03-11 01:02:03", nil, ""},
		{"postgres", "bytea", "00ff", nil, "no form for bytes"},
		{"postgres", "double precision", "0.12345678901234567890", nil, "more digits"},
		{"postgres", "double precision", "0.30000000000000004", nil, ""},
		{"postgres", "jsonb", `"{""a"": 1}"`, nil, ""},
		{"sqlite", "integer", "1.5", nil, "is no whole number"},
		{"sqlite", "decimal(30,10)", "12345678901234567890.5", nil, "more digits"},
		{"sqlite", "", "1.50", nil, ""},
	} {
		t.Run(c.engine+" "+c.target+" "+c.value, func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, c.engine)
			b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, at " + b.Instant + ", v " + c.target + ")")
			path := filepath.Join(t.TempDir(), "orders.csv")
			at := "2026-03-11T02:00:00Z"
			if c.zone != nil {
				at = "2026-03-11T02:00:00+01:00"
			}
			b.Must(os.WriteFile(path, fmt.Appendf(nil, "id,at,v\n7,%s,%s\n", at, c.value), 0o600))
			a := &reload.Partition{File: []string{path}}
			trigger := b.OpenIncident(repairtest.MissingDay)
			trigger.Location = c.zone
			err := loadFile(t, b, a, trigger)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "column v")):
				t.Errorf("%v, want %s", err, c.want)
			case c.want != "" && b.Rows("orders") != "":
				t.Errorf("the table holds %s", b.Rows("orders"))
			}
		})
	}
}

// loadFile carries out a reload, and returns what it is refused for.
func loadFile(t *testing.T, b *repairtest.Fixture, a *reload.Partition, trigger repair.Trigger) error {
	t.Helper()
	b.Must(a.Validate())
	plan, err := a.Plan(t.Context(), b.Target(), trigger)
	if err != nil {
		return err
	}
	run := &repair.Run{Target: b.Target(), Repair: sentinel.Repair{ID: "r1", Key: "k1", Table: b.Table("orders"), Plan: plan,
		Fence: 1, Attempts: 1}}
	if err := a.Stage(t.Context(), run); err != nil {
		return err
	}
	return a.Apply(t.Context(), run)
}

type parquetBytes struct {
	ID    int64  `parquet:"id"`
	At    int64  `parquet:"at,timestamp(millisecond)"`
	Bytes []byte `parquet:"v"`
}

func TestBytesOfParquetArriveAsBytes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 11, 1, 0, 0, 0, time.UTC).UnixMilli()
	path := writeParquet(t, "bytes.parquet", []parquetBytes{
		{1, at, []byte{0, 0xff, 0x27}}, {2, at, []byte(`\x4142`)}, {3, at, []byte{}},
	})
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		types := map[string]string{"postgres": "bytea", "mysql": "varbinary(20)", "sqlite": "blob"}
		hex := map[string]string{"postgres": "encode(v, 'hex')", "mysql": "lower(hex(v))", "sqlite": "lower(hex(v))"}
		b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, at " + b.Instant + ", v " + types[b.Engine] + ")")
		b.Must(loadFile(t, b, &reload.Partition{File: []string{path}}, b.OpenIncident(repairtest.MissingDay)))
		got := repairtest.Query(t, b.Driver, b.Owner, "SELECT "+hex[b.Engine]+" FROM orders ORDER BY id")
		if want := "00ff27|\n5c7834313432|\n|\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Old writers do not mark texts: in a column of texts their bytes are texts.
func TestUnmarkedTextsOfParquetArriveAsTexts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 11, 1, 0, 0, 0, time.UTC).UnixMilli()
	path := writeParquet(t, "texts.parquet", []parquetBytes{{1, at, []byte("ü")}, {2, at, []byte{}}})
	bad := writeParquet(t, "bad.parquet", []parquetBytes{{1, at, []byte("\xff")}})
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, at " + b.Instant + ", v varchar(20))")
		err := loadFile(t, b, &reload.Partition{File: []string{bad}, MinRatio: new(float64)},
			b.OpenIncident(repairtest.MissingDay))
		if err == nil || !strings.Contains(err.Error(), "is not UTF-8") {
			t.Errorf("bytes that are no text: %v", err)
		}
		b.Must(loadFile(t, b, &reload.Partition{File: []string{path}}, b.OpenIncident(repairtest.MissingDay)))
		got := repairtest.Query(t, b.Driver, b.Owner, "SELECT id FROM orders WHERE v IN ('ü', '') ORDER BY id")
		if want := "1|\n2|\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
