package checks_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestGroupsNamedByAFutureRow holds that the rows of a segment are found where the engine
// may name its group by a row in the future, and by another spelling without that row.
func TestGroupsNamedByAFutureRow(t *testing.T) {
	t.Parallel()
	b := newBench(t, "mysql", warehouse.Config{})
	for _, c := range []struct {
		future, present string
		status, empty   sentinel.Status // of the result, and of the finding that there are no other rows
	}{
		{"EU", "eu", sentinel.Warn, sentinel.Pass},
		{"Straße", "strasse", sentinel.Warn, sentinel.Pass},
		{"EU", "us", sentinel.Fail, sentinel.Fail},
	} {
		b.exec("DROP TABLE IF EXISTS t",
			"CREATE TABLE t (k varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, at datetime)",
			"INSERT INTO t VALUES ('us', "+b.ago(60e9)+"), ('"+c.future+"', "+b.ago(-9*60*60e9)+"), ('"+
				c.present+"', "+b.ago(60e9)+")")
		r := b.run("t", &checks.Freshness{By: []string{"k"}, Fail: hour})[0]
		empty := sentinel.Pass
		for _, f := range r.Findings {
			if f.Key == "empty:k="+c.future {
				empty = f.Status
			}
		}
		if r.Status != c.status || empty != c.empty {
			t.Errorf("%s and %s: %s %q, and empty is %s, want %s and %s", c.future, c.present, r.Status, r.Message, empty,
				c.status, c.empty)
		}
	}
}
