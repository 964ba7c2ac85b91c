package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// securedTables makes tables of two rows of which a role sees one, and views over them. It
// returns a bench whose checks read as the role.
func securedTables(t *testing.T, role string) *bench {
	t.Helper()
	admin := newBench(t, "postgres", warehouse.Config{})
	admin.exec("CREATE ROLE " + role + " LOGIN PASSWORD 'x'")
	t.Cleanup(func() { admin.exec("DROP OWNED BY "+role, "DROP ROLE "+role) })
	for _, table := range []string{"sample", "empty"} {
		admin.exec("CREATE TABLE "+table+" (id integer, country text, at timestamptz)",
			"ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY", "CREATE POLICY one ON "+table+" TO "+role+" USING (id = 1)",
			"GRANT SELECT ON "+table+" TO "+role)
	}
	admin.exec("INSERT INTO sample VALUES (1, 'DE', "+admin.ago(10*time.Minute)+"), (2, 'FR', "+admin.ago(time.Minute)+")",
		"CREATE VIEW owned AS SELECT * FROM sample", "ALTER VIEW owned OWNER TO "+role,
		"CREATE VIEW invoked WITH (security_invoker) AS SELECT * FROM sample", "GRANT SELECT ON invoked TO "+role)
	return benchOn(t, "postgres", "public", warehouse.Config{DSN: as(t, admin.admin, role)})
}

// TestC18HiddenRowsAreNotJudged runs checks of every registered kind on a table of which the
// user sees a part, and on views over it. Those that read rows are in error, unless they are
// to judge what the user sees. Then they say so.
func TestC18HiddenRowsAreNotJudged(t *testing.T) {
	t.Parallel()
	b := securedTables(t, "c18_kinds")
	kinds := samples(t, b)
	for _, kind := range kindsOfProduct() {
		for _, make := range []func(sample) checks.Check{
			func(s sample) checks.Check { return s.passes },
			func(s sample) checks.Check { return s.fails },
		} {
			for _, table := range []string{"sample", "owned", "invoked"} {
				b.wantHidden(t, kind, table, make(samples(t, b)[kind]), make(samples(t, b)[kind]))
			}
		}
		delete(kinds, kind)
	}
	for kind := range kinds {
		t.Errorf("%s is no kind", kind)
	}
	const day = "day"
	for name, row := range map[string]func() checks.Check{
		"by": func() checks.Check { return &checks.RowCount{By: []string{"country"}, Fail: bound(t, "< 1")} },
		"bucket": func() checks.Check {
			return &checks.RowCount{Bucketed: checks.Bucketed{Bucket: day}, Fail: bound(t, "< 0")}
		},
		"partitions": func() checks.Check { return &checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: day}} },
		"column":     func() checks.Check { return &checks.Freshness{Column: "at", By: []string{"country"}, Fail: hour} },
		"expression": func() checks.Check { return &checks.Freshness{Expression: "at", Fail: hour} },
		"query":      func() checks.Check { return &checks.Freshness{Query: "SELECT max(at) FROM sample", Fail: hour} },
		"statement":  func() checks.Check { return &checks.SQL{Query: "SELECT count(*) FROM owned", Fail: bound(t, "< 1")} },
		"where": func() checks.Check {
			return &checks.RowCount{Options: checks.Options{Where: "EXISTS (SELECT FROM sample s WHERE s.id > 0)"}, Fail: bound(t, "< 1")}
		},
	} {
		for _, table := range []string{"sample", "owned", "invoked"} {
			b.wantHidden(t, name, table, row(), row())
		}
	}
}

// wantHidden wants a check to be in error, and the same check to judge the visible rows
// where it may. Checks that read no rows judge as ever.
func (b *bench) wantHidden(t *testing.T, kind, table string, strict, visible checks.Check) {
	t.Helper()
	r := b.run(table, strict)[0]
	if kind == "schema" {
		if r.Status == sentinel.Error || strings.Contains(r.Message, "row security") {
			t.Errorf("%s of %s reads no rows: %s %s", kind, table, r.Status, r.Message)
		}
		return
	}
	if r.Status != sentinel.Error || !strings.Contains(r.Message, "row_security: visible") || len(r.Observations) > 0 {
		t.Errorf("%s of %s: %s %s %v", kind, table, r.Status, r.Message, r.Observations)
	}
	visible.Common().RowSecurity = "visible"
	r = b.run(table, visible)[0]
	if r.Status == sentinel.Error || !strings.Contains(r.Message, "partial: row security") ||
		r.Evidence.Confidence != sentinel.Partial || !strings.Contains(r.Evidence.Note, "partial: row security") {
		t.Errorf("%s of %s, visible rows: %s %s %+v", kind, table, r.Status, r.Message, r.Evidence)
	}
}

// TestHiddenRowsStopTheirChecksAlone: a check whose condition reads a table with hidden rows
// is in error, and the others of the statement are not. What a check may see stays with it.
func TestHiddenRowsStopTheirChecksAlone(t *testing.T) {
	t.Parallel()
	b := securedTables(t, "c18_alone")
	plain := &checks.RowCount{Fail: bound(t, "!= 1")}
	plain.RowSecurity = "visible"
	asked := &checks.RowCount{Fail: bound(t, "!= 1")}
	statement := &checks.SQL{Query: "SELECT count(*) FROM sample", Fail: bound(t, "!= 1")}
	var got []string
	for range 2 { // the second run finds the session as the first has left it
		for _, r := range b.run("sample", plain, asked, statement) {
			got = append(got, fmt.Sprint(r.Status))
		}
	}
	if want := []string{"pass", "error", "error", "pass", "error", "error"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestRolesThatSeeAllRows: the owner of a table, and who bypasses row security, are checked
// as ever.
func TestRolesThatSeeAllRows(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE secured (id integer)", "INSERT INTO secured VALUES (1), (2)",
		"ALTER TABLE secured ENABLE ROW LEVEL SECURITY", "CREATE ROLE c18_all LOGIN BYPASSRLS PASSWORD 'x'",
		"GRANT SELECT ON secured TO c18_all", "CREATE POLICY one ON secured USING (id = 1)")
	t.Cleanup(func() { b.exec("DROP OWNED BY c18_all", "DROP ROLE c18_all") })
	bypass := benchOn(t, "postgres", "public", warehouse.Config{DSN: as(t, b.admin, "c18_all")})
	for _, of := range []*bench{b, bypass} {
		for _, word := range []string{"", "error", "visible"} {
			c := &checks.RowCount{Fail: bound(t, "!= 2")}
			c.RowSecurity = word
			if r := of.want("secured", c, sentinel.Pass, "2 rows"); strings.Contains(r.Message+r.Evidence.Note, "row security") {
				t.Errorf("all rows are seen: %+v", r)
			}
		}
	}
}
