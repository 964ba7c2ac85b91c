package checks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// listing returns options with samples of some columns.
func listing(limit int, mask map[string]string, columns ...string) checks.Options {
	return checks.Options{Samples: &checks.Samples{Columns: columns, Limit: limit, Mask: mask}}
}

// take returns the samples of checks as one text, a line a row.
func (b *bench) take(table string, list ...checks.Check) string {
	b.tb.Helper()
	var lines []string
	for _, s := range checks.TakeSamples(b.tb.Context(), b.env, "w", []checks.Job{b.job(table, list...)}, []byte("key")) {
		if s.Note != "" {
			lines = append(lines, s.Check+": "+s.Note)
		}
		for _, line := range s.Lines() {
			lines = append(lines, s.Check+": "+line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestSamples(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.atNoon()
		b.exec("CREATE TABLE s (id integer NOT NULL PRIMARY KEY, email varchar(40), n integer, at "+b.plain()+")",
			"INSERT INTO s VALUES (1, 'Ann9@x.y', -1, "+b.ago(time.Hour)+"), (2, NULL, 5, "+b.ago(time.Hour)+"), "+
				"(3, 'bo', -7, "+b.ago(30*time.Hour)+"), (4, '', 6, "+b.ago(time.Hour)+")",
			"CREATE TABLE keyless (n integer)", "INSERT INTO keyless VALUES (-1)")
		for _, c := range []struct {
			check checks.Check
			want  string
		}{
			{&checks.Missing{Column: "email", Options: listing(5, nil, "keys", "n")}, "c0: id = 2, n = 5"},
			{&checks.Missing{Column: "email", Empty: true, Options: listing(1, nil, "id")}, "c0: id = 2"},
			{&checks.Invalid{Column: "n", Min: "0", Options: listing(5, nil, "n")}, "c0: n = -1\nc0: n = -7"},
			{&checks.Invalid{Column: "n", Min: "0", Options: listing(5, nil, "id"),
				BadRows: checks.BadRows{TimeBucket: checks.TimeBucket{Bucket: "day"}}}, "c0: id = 3"},
			{&checks.FailedRows{Expression: "n = -1", Options: listing(5, map[string]string{"email": "shape", "n": "null"},
				"email", "n")}, "c0: email = Aaa9@a@a (shape), n = NULL (null)"},
			{&checks.FailedRows{Expression: "n < 6", Options: listing(5, map[string]string{"email": "length"}, "email")},
				"c0: email = 8 (length)\nc0: email = NULL (length)\nc0: email = 2 (length)"},
			{&checks.FailedRows{Query: "SELECT id, email FROM s WHERE id = 3; ", Options: listing(5,
				map[string]string{"email": "hash"}, "id", "email")}, "c0: id = 3, email = d8d38a096384 (hash)"},
			{&checks.Missing{Column: "n", Options: listing(5, nil, "id")}, "c0: no sample: no bad row was found any more"},
			{&checks.Missing{Column: "n", Options: listing(5, nil, "nope")}, "column nope does not exist"},
			{&checks.FailedRows{Expression: "nope > 1", Options: listing(5, nil, "id")}, "no sample: the statement failed"},
			{&checks.Invalid{Column: "n", Min: "0", Options: listing(5, map[string]string{"emial": "hash"}, "keys")},
				"c0: no sample: mask names emial, which is no column of the sample: nothing is read unmasked"},
			{&checks.Missing{Column: "n"}, ""},
		} {
			if got := b.take("s", c.check); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
				b.tb.Errorf("%T: got\n%s\nwant\n%s", c.check, got, c.want)
			}
		}
		keyless := &checks.FailedRows{Expression: "n < 0", Options: listing(5, nil, "keys")}
		if got := b.take("keyless", keyless); !strings.Contains(got, "the table has no primary key: list columns") {
			b.tb.Error(got)
		}
		if got := b.take("gone", keyless); !strings.Contains(got, "the table does not exist") {
			b.tb.Error(got)
		}
	})
}

// Of keys that repeat, or have no partner, the keys are kept, with their numbers of rows. A column
// of a key that is not listed is not read.
func TestSamplesOfKeys(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec(
			"CREATE TABLE o (id integer NOT NULL PRIMARY KEY, a varchar(40), b integer)",
			"CREATE TABLE p (b integer, s varchar(40))",
			"INSERT INTO o VALUES (1, 'x', 7), (2, 'x', 7), (3, 'y', 7), (4, 'y', 8), (5, 'x', 7), (6, NULL, 9)",
			"INSERT INTO p VALUES (8, 'y')",
		)
		to := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "p"}
		for _, c := range []struct {
			check checks.Check
			want  string
		}{
			{&checks.Duplicate{Columns: []string{"a", "b"}, Options: listing(5, nil, "a", "b", "id")}, "c0: a = x, b = 7, rows = 3"},
			{&checks.Duplicate{Columns: []string{"a", "b"}, Compare: "exact", Options: listing(5, map[string]string{"a": "length"}, "a")},
				"c0: a = 1 (length), rows = 3"},
			{&checks.Duplicate{Column: "b", Options: listing(1, nil, "b")}, "c0: b = 7, rows = 4"},
			{&checks.Duplicate{Column: "b", Options: listing(1, nil, "keys", "a")}, "c0: no sample: samples.columns lists none of b, whose values are bad"},
			{&checks.Reference{Column: "b", To: to, Options: listing(5, nil, "b")}, "c0: b = 7, rows = 4\nc0: b = 9, rows = 1"},
			{&checks.Reference{Column: "a", Field: []string{"s"}, Compare: "exact", To: to, Options: listing(5, nil, "a")}, "c0: a = x, rows = 3"},
			{&checks.Reference{Column: "b", To: to, Options: checks.Options{Where: "b = 8", Samples: listing(5, nil, "b").Samples}},
				"c0: no sample: no bad row was found any more"},
		} {
			if got := b.take("o", c.check); got != c.want {
				b.tb.Errorf("%T: got\n%s\nwant\n%s", c.check, got, c.want)
			}
		}
		both := b.take(
			"o",
			&checks.Duplicate{Column: "b", Options: listing(5, nil, "b")},
			&checks.Missing{Column: "a", Options: listing(5, nil, "id", "b", "a")},
		)
		if both != "c0: b = 7, rows = 4\nc1: id = 6, b = 9, a = NULL" {
			b.tb.Error(both)
		}
	})
}

// The samples of all checks of a table are one statement, which reads no column that is not
// listed, and no row of another check.
func TestSamplesShareAStatement(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE s (id integer NOT NULL PRIMARY KEY, a varchar(40), n integer, hidden varchar(40))",
			"INSERT INTO s VALUES (1, NULL, 1, 'h'), (2, 'x', -1, 'h'), (3, NULL, 3, 'h')")
		list := func() []checks.Check {
			return []checks.Check{
				&checks.Missing{Column: "a", Options: listing(1, nil, "id", "n")},
				&checks.RowCount{Fail: bound(t, "< 1")},
				&checks.Invalid{Column: "a", ValidValues: checks.ValueList{"y", "z"}, Options: listing(5, nil, "a")},
				&checks.Missing{Column: "n", Options: listing(5, nil, "nope")},
				&checks.Invalid{Column: "n", Min: "0", Options: listing(5, nil, "keys")},
			}
		}
		got := b.take("s", list()...)
		for _, want := range []string{"c0: id = 1, n = 1\n", "c2: a = x\n", "c3: no sample: column nope does not exist", "c4: id = 2"} {
			if !strings.Contains(got+"\n", want) {
				b.tb.Errorf("%s\nlacks %q", got, want)
			}
		}
		planned := checks.PlanSamples(b.tb.Context(), b.env, "w", []checks.Job{b.job("s", list()...)})
		if len(planned) != 1 || len(planned[0].Checks) != 4 || strings.Contains(planned[0].Statement.SQL, "hidden") {
			b.tb.Errorf("%+v", planned)
		}
	})
}

// A column that the user may not read gives no sample, and does not keep the check from
// judging.
func TestSamplesRespectGrants(t *testing.T) {
	t.Parallel()
	admin := newBench(t, "postgres", warehouse.Config{})
	admin.exec("CREATE TABLE s (id integer PRIMARY KEY, n integer, secret text)", "INSERT INTO s VALUES (1, -1, 'canary')",
		"CREATE ROLE samples_reader LOGIN PASSWORD 'x'", "GRANT SELECT (id, n) ON s TO samples_reader")
	t.Cleanup(func() { admin.exec("DROP OWNED BY samples_reader", "DROP ROLE samples_reader") })
	b := benchOn(t, "postgres", "public", warehouse.Config{DSN: as(t, admin.admin, "samples_reader")})
	b.want("s", &checks.Invalid{Column: "n", Min: "0", Options: listing(5, nil, "secret")}, sentinel.Fail, "1 of 1 values")
	got := b.take("s", &checks.Invalid{Column: "n", Min: "0", Options: listing(5, nil, "id", "secret")})
	if got != "c0: no sample: the user of the DSN may not read all of id, secret" {
		t.Error(got)
	}
	if got := b.take("s", &checks.Invalid{Column: "n", Min: "0", Options: listing(5, nil, "keys")}); got != "c0: id = 1" {
		t.Error(got)
	}
}

// A sample has a third of the time of a check. What the engine says of an error, which may
// quote a value, is in no note.
func TestSamplesOfSlowAndBrokenStatements(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{StatementTimeout: 900 * time.Millisecond})
	b.exec("CREATE TABLE s (id integer PRIMARY KEY, secret text)", "INSERT INTO s VALUES (1, 'canary')")
	slow := func() checks.Check {
		return &checks.FailedRows{Expression: "pg_sleep(0.5) IS NOT NULL", Options: listing(5, nil, "id")}
	}
	b.want("s", slow(), sentinel.Fail, "1 of 1 rows")
	if got := b.take("s", slow()); got != "c0: no sample: the statement took longer than 300ms, a third of statement_timeout" {
		t.Error(got)
	}
	broken := &checks.FailedRows{Expression: "secret::integer > 0", Options: listing(5, nil, "id")}
	if got := b.take("s", broken); strings.Contains(got, "canary") ||
		!strings.Contains(got, "no sample: the statement failed") {
		t.Error(got)
	}
}

func TestSamplesAreValidated(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]checks.Samples{
		"want the columns that may be kept": {},
		"want 1 to 100 rows":                {Columns: []string{"id"}, Limit: 101},
		"want at least 1m":                  {Columns: []string{"id"}, Keep: checks.Duration(time.Second)},
		"name each column":                  {Columns: []string{"*"}},
		`unknown mask "hsah"`:               {Columns: []string{"id"}, Mask: map[string]string{"id": "hsah"}},
		"c is not in columns":               {Columns: []string{"a"}, Explain: []string{"c"}},
		"a is masked":                       {Columns: []string{"a"}, Explain: []string{"a"}, Mask: map[string]string{"a": "hash"}},
		"a is listed twice":                 {Columns: []string{"a"}, Explain: []string{"a", "a"}},
		"b is not in columns":               {Columns: []string{"a"}, Mask: map[string]string{"b": "hash"}},
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
	count := &checks.RowCount{Options: listing(5, nil, "id"), Fail: bound(t, "< 1")}
	if err := count.Validate(); err == nil || !strings.Contains(fmt.Sprint(err), "row_count has no bad rows to keep") {
		t.Error(err)
	}
}
