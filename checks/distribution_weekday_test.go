package checks_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// Where each weekday has a distribution of its own, a day is like the same weekday before, and not
// like the days before it. A day that is like another weekday is found. Hours are compared with the
// same hour of the same weekday, also where the clock was changed between them.
func TestDistributionOfTheSameWeekday(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	onEveryEngine(t, func(b *bench) {
		r := rand.New(rand.NewPCG(3, 9))
		first := time.Date(2026, 9, 28, 0, 0, 0, 0, zone) // clocks are set back on October 25
		b.exec("CREATE TABLE w (c varchar(10), h varchar(10), at " + b.plain() + ")")
		var tuples []string
		for day := range 56 {
			weekday := day % 7
			if day == 55 { // a Sunday that is like a Monday
				weekday = 0
			}
			for range 300 {
				at := first.AddDate(0, 0, day).Add(time.Duration(r.IntN(20*3600)) * time.Second)
				c := "usual"
				if r.IntN(10) < weekday {
					c = "late"
				}
				tuples = append(tuples, fmt.Sprintf("('%s', 'h%d', '%s')", c, at.In(zone).Hour(), at.UTC().Format(time.DateTime)))
			}
		}
		b.exec("INSERT INTO w VALUES " + strings.Join(tuples, ", "))
		b.loc = zone
		check := func(bucket checks.Period, column string, against checks.Against) *checks.Distribution {
			return &checks.Distribution{Column: column, Against: against, MinRows: 10,
				TimeBucket: checks.TimeBucket{Bucket: bucket, Time: &checks.TimeColumn{Column: "at", UTC: true}}}
		}
		alarms := map[string]int{}
		for day := 28; day < 55; day++ {
			b.tick = first.AddDate(0, 0, day+1).Add(time.Hour)
			for name, against := range map[string]checks.Against{"same": {SameWeekday: 4}, "last": {Last: 7}} {
				if got := b.run("w", check("day", "c", against))[0]; got.Status == sentinel.Fail {
					alarms[name]++
				} else if got.Status != sentinel.Pass {
					b.tb.Fatal(got.Message)
				}
			}
		}
		if alarms["same"] > 0 || alarms["last"] < 15 {
			b.tb.Errorf("%v false alarms of 27 days", alarms)
		}
		b.tick = first.AddDate(0, 0, 56).Add(time.Hour)
		b.want("w", check("day", "c", checks.Against{SameWeekday: 4}), sentinel.Fail, "300 rows for 2026-11-22 against 1,200")
		b.tick = first.AddDate(0, 0, 35).Add(10*time.Hour + time.Minute) // Monday, 9 to 10, after the change
		b.want("w", check("hour", "h", checks.Against{SameWeekday: 3}), sentinel.Pass, "distance of h is 0 ")
	})
	for want, c := range map[string]*checks.Distribution{
		"needs bucket: day or hour": {Column: "c", Against: checks.Against{SameWeekday: 4}, TimeBucket: checks.TimeBucket{Bucket: "week"}},
		"want 1 to 26 weeks":        {Column: "c", Against: checks.Against{SameWeekday: 27}, TimeBucket: checks.TimeBucket{Bucket: "day"}},
		"want one of last": {Column: "c", Against: checks.Against{SameWeekday: 2, Last: 7},
			TimeBucket: checks.TimeBucket{Bucket: "day"}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c.Against, err, want)
		}
	}
}
