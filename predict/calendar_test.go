package predict

import (
	"testing"
	"time"
)

// TestWeekdaysWithoutDeadlinesAreForgotten: a feed that was daily for a year, and comes on
// working days since, has its last deadline of May 2026 on Friday the 29th.
func TestWeekdaysWithoutDeadlinesAreForgotten(t *testing.T) {
	t.Parallel()
	var c calendar
	day := time.Date(2024, 10, 1, 6, 0, 0, 0, time.UTC)
	for ; day.Before(time.Date(2025, 10, 1, 0, 0, 0, 0, time.UTC)); day = day.AddDate(0, 0, 1) {
		c.saw(day)
	}
	friday := time.Date(2026, 5, 29, 6, 0, 0, 0, time.UTC)
	if c.places(friday)[1] == lastPlace {
		t.Error("a daily feed has deadlines on the 30th and 31st")
	}
	for ; day.Before(friday); day = day.AddDate(0, 0, 1) {
		if day.Weekday() != time.Saturday && day.Weekday() != time.Sunday {
			c.saw(day)
		}
	}
	if got := c.places(friday); got[1] != lastPlace {
		t.Errorf("the places of the last working day of May are %v", got)
	}
}
