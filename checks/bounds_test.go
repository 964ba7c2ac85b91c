package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestListsAndSegmentsAreBounded: a configuration that asks for more than a check may hold is
// refused, and the most that it may hold is not.
func TestListsAndSegmentsAreBounded(t *testing.T) {
	t.Parallel()
	list := func(n int) checks.ValueList { return strings.Split(strings.Repeat("v,", n)+"v", ",")[:n] }
	by := []string{"country"}
	hour := checks.Duration(time.Hour)
	for name, c := range map[string]struct {
		of   func(n int) checks.Check
		most int
		says string
	}{
		"valid values":   {func(n int) checks.Check { return &checks.Invalid{Column: "c", ValidValues: list(n)} }, 1000, "at most 1000"},
		"invalid values": {func(n int) checks.Check { return &checks.Invalid{Column: "c", InvalidValues: list(n)} }, 1000, "at most 1000"},
		"missing values": {func(n int) checks.Check { return &checks.Missing{Column: "c", Values: list(n)} }, 1000, "at most 1000"},
		"segments of rows": {func(n int) checks.Check {
			return &checks.RowCount{By: by, Limit: n, Fail: bound(t, "< 1")}
		}, 1000, "1 to 1000"},
		"segments of bad rows": {func(n int) checks.Check {
			return &checks.Missing{Column: "c", BadRows: checks.BadRows{By: by, Limit: n}}
		}, 1000, "1 to 1000"},
		"segments of newest rows": {func(n int) checks.Check {
			return &checks.Freshness{Fail: hour, By: by, Limit: n}
		}, 1000, "1 to 1000"},
	} {
		if err := c.of(c.most).Validate(); err != nil {
			t.Errorf("%s: %d: %v", name, c.most, err)
		}
		if err := c.of(c.most + 1).Validate(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %d: %v, want %q", name, c.most+1, err, c.says)
		}
	}
}

// TestDifferentValuesAreBounded: a column with more than 20,000 different values has no
// distribution, and the result says why.
func TestDifferentValuesAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.exec("CREATE TABLE s (id integer, c text)", `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO s SELECT i, 'v' || i FROM n`)
	c := func() checks.Check {
		return &checks.Distribution{Column: "c", Against: checks.Against{Values: map[string]string{"v1": "1"}}}
	}
	b.want("s", c(), sentinel.Fail, "")
	b.exec("INSERT INTO s VALUES (20001, 'one more')")
	b.want("s", c(), sentinel.Error, "column c has more than 20000 different values: they are no categories")
}
