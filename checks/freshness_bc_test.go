package checks_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestDatesBeforeTheFirstYear shows times before the year 1 as what they are.
func TestDatesBeforeTheFirstYear(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	for _, kind := range []string{"date", "timestamp", "timestamptz"} {
		for _, zone := range []string{"UTC", "Asia/Tokyo", "America/New_York"} {
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			b.loc = loc
			b.exec("DROP TABLE IF EXISTS t", "CREATE TABLE t (at "+kind+")", "INSERT INTO t VALUES ('0044-03-15 BC')")
			r := b.want("t", &checks.Freshness{Fail: hour}, sentinel.Fail, "more than 292 years old (0044-03-1")
			if !strings.Contains(r.Message, " BC)") {
				t.Errorf("%s in %s: %s, want BC", kind, zone, r.Message)
			}
			values := map[string]float64{}
			for _, o := range r.Observations {
				values[o.Metric] = o.Value.Float64()
			}
			midnight := time.Date(-43, 3, 15, 0, 0, 0, 0, loc)
			if kind == "timestamptz" {
				midnight = time.Date(-43, 3, 15, 0, 0, 0, 0, time.UTC)
			}
			age := time.Now().Unix() - midnight.Unix()
			if got := values["newest_timestamp_seconds"]; got != float64(midnight.Unix()) {
				t.Errorf("%s in %s: the newest row is of %v, want %v", kind, zone, got, midnight.Unix())
			}
			if got := values["freshness_seconds"]; math.Abs(got-float64(age)) > 60 {
				t.Errorf("%s in %s: %v seconds old, want %v", kind, zone, got, age)
			}
		}
	}
}
