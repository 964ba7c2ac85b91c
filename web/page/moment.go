package page

import "time"

// moment is an instant as people read it: short, in a zone.
type moment struct {
	At   time.Time
	Text string
	Long bool // with its day
}

// when writes an instant by its distance from now: 15:04, Mon 15:04, 2 Jan 15:04, 2 Jan 2006.
func when(t time.Time, zone *time.Location, now time.Time) moment {
	if zone == nil {
		zone = time.UTC
	}
	at, today := t.In(zone), now.In(zone)
	days := today.Sub(at).Abs()
	switch {
	case at.Format(time.DateOnly) == today.Format(time.DateOnly):
		return moment{t, at.Format("15:04"), false}
	case days < 6*24*time.Hour:
		return moment{t, at.Format("Mon 15:04"), false}
	case days < 180*24*time.Hour:
		return moment{t, at.Format("2 Jan 15:04"), false}
	}
	return moment{t, at.Format("2 Jan 2006"), false}
}

// clockTime writes an instant with its day and its zone.
func clockTime(t time.Time, zone *time.Location) moment {
	if zone == nil {
		zone = time.UTC
	}
	return moment{t, t.In(zone).Format("Mon 2 Jan 2006 15:04:05 MST"), true}
}
