package propose

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// fewestLoads is how many days with loads a schedule needs to be recognised.
	fewestLoads = 10
	// longestLoad is the longest time of day within which all loads come.
	longestLoad = 3 // hours
)

// deadline proposes by when the rows of a day must have come, where they come within the same
// few hours on the same days of the week.
func (p Past) deadline() (Check, bool) {
	loads := withRows(p.hours)
	if len(loads) == 0 {
		return Check{}, false
	}
	first, last := 24, -1 // hour of the day
	days := map[time.Time]bool{}
	for _, at := range loads {
		at = at.UTC()
		first, last = min(first, at.Hour()), max(last, at.Hour())
		days[at.Truncate(24*time.Hour)] = true
	}
	if len(days) < fewestLoads || last-first >= longestLoad || last == 23 {
		return Check{}, false
	}
	weekdays, missed, ok := weekdaysOf(days)
	if !ok {
		return Check{}, false
	}
	return Check{
		Text: fmt.Sprintf("freshness: {expected: \"0 %d * * %s\", grace: 1h}", last+1, weekdays),
		Note: fmt.Sprintf("rows come from %02d:00 to %02d:00; %d of %d loads were missed in %s",
			first, last+1, missed, missed+len(days), weeksOf(p.hours)),
	}, true
}

// weekdaysOf returns the days of the week on which loads come, for cron, and how many of them
// were missed. It is not ok if loads also come on others, or often do not come.
func weekdaysOf(days map[time.Time]bool) (cron string, missed int, ok bool) {
	var from, to time.Time
	for d := range days {
		if from.IsZero() || d.Before(from) {
			from = d
		}
		if d.After(to) {
			to = d
		}
	}
	var all, loaded [7]int
	for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
		all[d.Weekday()]++
		if days[d] {
			loaded[d.Weekday()]++
		}
	}
	var names []string
	for w := range all {
		switch {
		case loaded[w] == 0:
			continue
		case loaded[w]*10 < all[w]*9 && all[w]-loaded[w] > 1:
			return "", 0, false
		}
		missed += all[w] - loaded[w]
		names = append(names, fmt.Sprint(w))
	}
	switch {
	case len(names) == 7:
		return "*", missed, true
	case slices.Equal(names, []string{"1", "2", "3", "4", "5"}):
		return "1-5", missed, true
	}
	return strings.Join(names, ","), missed, true
}
