package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// TestSQLComparesEveryDigit holds answers against bounds that differ in a digit which no
// float holds.
func TestSQLComparesEveryDigit(t *testing.T) {
	t.Parallel()
	tiny := "0." + strings.Repeat("0", 29) + "1"
	onEveryEngine(t, func(b *bench) {
		if b.name == "sqlite" {
			return // it has no decimals: the engine itself has rounded them
		}
		b.exec("CREATE TABLE t (id integer)")
		for _, c := range []struct {
			value, bound string
			status       sentinel.Status
		}{
			{"cast('0.3000000000000000000001' AS decimal(40,30))", "> 0.3", sentinel.Fail},
			{"cast('0.3' AS decimal(40,30))", "> 0.3", sentinel.Pass},
			{"cast('0.3' AS decimal(40,30))", "< 0.3000000000000000000001", sentinel.Fail},
			{"cast('123456789.123456789' AS decimal(20,9))", "> 123456789.123456788", sentinel.Fail},
			{"cast('123456789.123456789' AS decimal(20,9))", "between 123456789.123456789 and 123456789.123456789", sentinel.Fail},
			{"cast('90071992547409931.00' AS decimal(20,2))", "!= 90071992547409930.00", sentinel.Fail},
			{"cast('" + tiny + "' AS decimal(40,30))", "> 0", sentinel.Fail},
			{"cast('" + tiny + "' AS decimal(40,30))", "!= " + tiny, sentinel.Pass},
		} {
			b.want("t", &checks.SQL{Query: "SELECT " + c.value, Fail: bound(t, c.bound)}, c.status, "")
		}
	})
}

// TestReconcileSumsExactly compares sums of each kind of number between each two engines.
func TestReconcileSumsExactly(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		double := "double precision"
		tables := map[string][]string{
			"a decimal(18,2)": {"90071992547409.93", "5"},
			"b decimal(18,2)": {"90071992547409.94", "5"},
			"x " + double:     {"1e16", "1", "-1e16"},
			"y " + double:     {"1e16", "-1e16", "1"},
			"z " + double:     {"1e16", "-1e16", "40"},
			"u " + double:     {"10.1", "10.1", "10.1"},
			"v decimal(18,2)": {"10.1", "10.1", "10.1"},
			"w decimal(18,2)": {"10.1", "10.1", "10.11"},
			"s varchar(9)":    {"'1x'", "'2'"},
			"n " + double:     {"1", "2"},
		}
		for table, values := range tables {
			name, kind, _ := strings.Cut(table, " ")
			b.exec("CREATE TABLE "+name+" (n "+kind+", id integer)",
				"INSERT INTO "+name+" VALUES ("+strings.Join(values, ", 1), (")+", 1)")
		}
		for _, c := range []struct {
			pair, says string
			status     sentinel.Status
		}{
			{"a b", "90071992547414.93, 90071992547414.94", sentinel.Fail},
			{"a a", "", sentinel.Pass},
			{"x y", "", sentinel.Pass},
			{"x z", "but for the rounding of floats", sentinel.Fail},
			{"u v", "", sentinel.Pass},
			{"v u", "", sentinel.Pass},
			{"v w", "30.3, 30.31", sentinel.Fail},
			{"u w", "30.31", sentinel.Fail},
			{"s s", "column n", sentinel.Error},
			{"n s", "column n", sentinel.Error},
		} {
			here, there, _ := strings.Cut(c.pair, " ")
			if b.name == "sqlite" && c.pair == "a b" {
				continue // its decimals are floats
			}
			check := &checks.Reconcile{With: &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: there}, Sum: []string{"n"}}
			b.want(here, check, c.status, c.says)
		}
		if b.name != "postgres" {
			return
		}
		b.exec("INSERT INTO n VALUES ('NaN', 1)")
		with := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "n"}
		b.want("n", &checks.Reconcile{With: with, Sum: []string{"n"}}, sentinel.Error, "is NaN, which cannot be compared")
	})
}
