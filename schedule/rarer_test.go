package schedule

import (
	"math/rand/v2"
	"testing"
	"time"
)

// drawn returns a schedule, for how long it is looked at, and the stretches of which one is
// drawn.
func drawn(t *testing.T, r *rand.Rand) (s Schedule, every time.Duration) {
	t.Helper()
	specs := []string{
		"* * * * *", "*/5 * * * *", "7,31 * * * *", "0 * * * *", "*/20 2 * * *", "30 2 * * *", "0 9-17 * * 1-5",
		"15 */6 * * *", "0 0 * * 0", "0 3 1 * *", "@hourly", "@every 90s", "@every 7m", "@every 5h",
	}
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kathmandu", "Africa/Cairo"}
	loc, err := Zone(zones[r.IntN(len(zones))])
	if err != nil {
		t.Fatal(err)
	}
	s, err = Parse(specs[r.IntN(len(specs))], loc)
	if err != nil {
		t.Fatal(err)
	}
	stretches := []time.Duration{
		10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 7 * time.Hour, day,
	}
	return s, stretches[r.IntN(len(stretches))]
}

// TestRarerFiresAtTheFirstTickOfEachStretch compares with the ticks themselves, one by one,
// around days on which clocks change.
func TestRarerFiresAtTheFirstTickOfEachStretch(t *testing.T) {
	t.Parallel()
	days := []time.Time{
		time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC),
		time.Date(2018, 11, 3, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 4, 23, 0, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC),
	}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		s, every := drawn(t, r)
		rarer := s.Rarer(every)
		if rarer.Configured() != s || s.Configured() != s {
			t.Fatalf("seed %d: %v is configured as %v", seed, rarer, rarer.Configured())
		}
		periods := Periods{Unit: Day, Zone: s.rule.loc}
		from := periods.Start(days[r.IntN(len(days))])
		end := periods.Start(from.AddDate(0, 0, 3))
		length := min(every, day)
		if length == 7*time.Hour {
			length = 6 * time.Hour
		}
		var want []time.Time
		taken := map[[2]int64]bool{}
		for at := s.Next(from.Add(-time.Nanosecond)); !at.IsZero() && at.Before(end); at = s.Next(at) {
			begin := periods.Start(at)
			i := min(int64(at.Sub(begin)/length), int64(day/length)-1)
			if key := [2]int64{begin.Unix(), i}; !taken[key] {
				taken[key] = true
				want = append(want, at)
			}
		}
		var got []time.Time
		for at := rarer.Next(from.Add(-time.Nanosecond)); !at.IsZero() && at.Before(end); at = rarer.Next(at) {
			got = append(got, at)
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d: %v has %d ticks from %v, want %d", seed, rarer, len(got), from, len(want))
		}
		for i := range got {
			if !got[i].Equal(want[i]) {
				t.Fatalf("seed %d: tick %d of %v is %v, want %v", seed, i, rarer, got[i], want[i])
			}
		}
		for range 50 {
			at := from.Add(time.Duration(r.Int64N(int64(end.Sub(from)))))
			var last time.Time
			for _, w := range want {
				if !w.After(at) {
					last = w
				}
			}
			if prev := rarer.Prev(at); !last.IsZero() && !prev.Equal(last) {
				t.Fatalf("seed %d: before %v, %v fired at %v, want %v", seed, at, rarer, prev, last)
			}
		}
	}
}

func TestRarerSchedulesAreNamed(t *testing.T) {
	t.Parallel()
	minutes, err := Parse("*/5 * * * *", berlin(t))
	if err != nil {
		t.Fatal(err)
	}
	seldom, err := Parse("@every 2h", nil)
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2026, 6, 29, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		s       Schedule
		text    string
		stretch time.Duration
		perDay  float64
	}{
		{minutes, "*/5 * * * * Europe/Berlin", 0, 288},
		{minutes.Rarer(time.Hour), "*/5 * * * * Europe/Berlin once in 1h", time.Hour, 24},
		{minutes.Rarer(time.Hour).Rarer(90 * time.Minute), "*/5 * * * * Europe/Berlin once in 1h30m", 90 * time.Minute, 16},
		{minutes.Rarer(20 * time.Minute), "*/5 * * * * Europe/Berlin once in 20m", 20 * time.Minute, 72},
		{minutes.Rarer(0), "*/5 * * * * Europe/Berlin", 0, 288},
		{minutes.Rarer(48 * time.Hour), "*/5 * * * * Europe/Berlin once in 24h", day, 1},
		{seldom.Rarer(time.Hour), "@every 2h", 0, 12},
		{Schedule{}.Rarer(time.Hour), "", 0, 0},
	} {
		if c.s.String() != c.text || c.s.Stretch() != c.stretch || c.s.PerDay(monday) != c.perDay {
			t.Errorf("%q in stretches of %v, %v times a day; want %+v", c.s, c.s.Stretch(), c.s.PerDay(monday), c)
		}
	}
}
