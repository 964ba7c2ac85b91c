package notify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/notify"
)

func TestMaintenanceWindows(t *testing.T) {
	t.Parallel()
	weekly := notify.Window{Times: notify.Times{From: "02:00", To: "04:00", Timezone: "Europe/Berlin"}}
	for name, c := range map[string]struct {
		w       notify.Window
		in, out []string // UTC
	}{
		"once, in a zone": {
			notify.Window{Times: notify.Times{From: "2026-12-05 22:00", To: "2026-12-06 04:00", Timezone: "Europe/Berlin"}},
			[]string{"2026-12-05 21:00", "2026-12-06 02:59"},
			[]string{"2026-12-05 20:59", "2026-12-06 03:00", "2027-12-05 22:00"},
		},
		"once, with offsets": {
			notify.Window{Times: notify.Times{From: "2026-12-05T22:00:00-05:00", To: "2026-12-06T04:00:00Z"}},
			[]string{"2026-12-06 03:00"}, []string{"2026-12-06 02:59", "2026-12-06 04:00"},
		},
		"every day": {
			weekly,
			[]string{"2026-11-21 01:00", "2026-11-22 02:59"},
			[]string{"2026-11-21 00:59", "2026-11-21 03:00"},
		},
		"past midnight, on working days": {
			notify.Window{Times: notify.Times{From: "23:00", To: "01:00", Days: []string{"mon-fri"}}},
			[]string{"2026-11-20 23:30", "2026-11-21 00:59"},
			[]string{"2026-11-21 23:30", "2026-11-22 00:30", "2026-11-21 01:00", "2026-11-23 00:30"},
		},
		"some days": {
			notify.Window{Times: notify.Times{From: "10:00", To: "11:00", Days: []string{"Sat", "wed"}}},
			[]string{"2026-11-21 10:00", "2026-11-25 10:59"}, []string{"2026-11-20 10:00", "2026-11-21 11:00"},
		},
		"cron": {
			notify.Window{Times: notify.Times{Cron: "0 1 1 * *", Duration: 26 * time.Hour}},
			[]string{"2026-12-01 01:00", "2026-12-02 02:59"},
			[]string{"2026-12-01 00:59", "2026-12-02 03:00", "2026-12-08 01:30"},
		},
		"expired": {
			notify.Window{Times: notify.Times{From: "02:00", To: "04:00", Until: "2026-11-22"}},
			[]string{"2026-11-21 03:00"}, []string{"2026-11-22 03:00"},
		},
		// Berlin's clock jumps from 02:00 to 03:00 at 01:00 UTC.
		"spring, over the gap": {
			weekly,
			[]string{"2026-03-29 01:00", "2026-03-29 01:59"},
			[]string{"2026-03-29 00:59", "2026-03-29 02:00"},
		},
		"spring, begins in the gap": {
			notify.Window{Times: notify.Times{From: "02:30", To: "05:00", Timezone: "Europe/Berlin"}},
			[]string{"2026-03-29 01:00", "2026-03-29 02:59"},
			[]string{"2026-03-29 00:59", "2026-03-29 03:00"},
		},
		"spring, ends in the gap": {
			notify.Window{Times: notify.Times{From: "01:00", To: "02:30", Timezone: "Europe/Berlin"}},
			[]string{"2026-03-29 00:00", "2026-03-29 00:59"},
			[]string{"2026-03-29 01:00"},
		},
		"spring, within the gap": {
			notify.Window{Times: notify.Times{From: "02:15", To: "02:45", Timezone: "Europe/Berlin"}},
			[]string{"2026-03-28 01:20"},
			[]string{"2026-03-29 00:59", "2026-03-29 01:00", "2026-03-29 01:20", "2026-03-29 05:00"},
		},
		"spring, past midnight": {
			notify.Window{Times: notify.Times{From: "23:00", To: "02:30", Timezone: "Europe/Berlin"}},
			[]string{"2026-03-28 22:00", "2026-03-29 00:59"},
			[]string{"2026-03-29 01:00", "2026-03-28 21:59"},
		},
		"autumn, over both hours": {
			weekly,
			[]string{"2026-10-25 00:00", "2026-10-25 01:30", "2026-10-25 02:59"},
			[]string{"2026-10-24 23:59", "2026-10-25 03:00"},
		},
		"autumn, ends the 2nd time": {
			notify.Window{Times: notify.Times{From: "01:00", To: "02:30", Timezone: "Europe/Berlin"}},
			[]string{"2026-10-24 23:00", "2026-10-25 00:45", "2026-10-25 01:29"},
			[]string{"2026-10-25 01:30", "2026-10-24 22:59"},
		},
		"autumn, begins the 1st": {
			notify.Window{Times: notify.Times{From: "02:30", To: "03:30", Timezone: "Europe/Berlin"}},
			[]string{"2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 02:29"},
			[]string{"2026-10-25 00:29", "2026-10-25 02:30"},
		},
		"autumn, a jump of 30 min": {
			notify.Window{Times: notify.Times{From: "01:00", To: "01:45", Timezone: "Australia/Lord_Howe"}},
			[]string{"2026-04-04 14:00", "2026-04-04 15:14"},
			[]string{"2026-04-04 13:59", "2026-04-04 15:15"},
		},
		"a day of 23 hours, all day": {
			notify.Window{Times: notify.Times{From: "00:00", To: "00:00", Timezone: "Europe/Berlin"}},
			[]string{"2026-03-28 23:00", "2026-03-29 01:30", "2026-03-29 21:59"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := c.w
			if err := w.Validate(); err != nil {
				t.Fatal(err)
			}
			for _, times := range []struct {
				list []string
				want bool
			}{{c.in, true}, {c.out, false}} {
				for _, text := range times.list {
					at, err := time.Parse("2006-01-02 15:04", text)
					if err != nil {
						t.Fatal(err)
					}
					if w.Active(at) != times.want {
						t.Errorf("at %s UTC: active %t", text, !times.want)
					}
				}
			}
		})
	}
}

func TestWindowMistakes(t *testing.T) {
	t.Parallel()
	for want, w := range map[string]notify.Window{
		"from and to, or cron":       {},
		"unknown time zone":          {Times: notify.Times{From: "02:00", To: "03:00", Timezone: "Berlin"}},
		"must be after from":         {Times: notify.Times{From: "2026-12-05 22:00", To: "2026-12-05 22:00"}},
		"want days such as mon":      {Times: notify.Times{From: "02:00", To: "03:00", Days: []string{"someday"}}},
		"positive duration":          {Times: notify.Times{Cron: "0 1 * * *"}},
		"never fires":                {Times: notify.Times{Cron: "0 1 30 2 *", Duration: time.Hour}},
		"to: \"2026":                 {Times: notify.Times{From: "02:00", To: "2026-12-05 22:00"}},
		"from: \"2am\"":              {Times: notify.Times{From: "2am", To: "3am"}},
		"tier[0]: unknown word":      {Times: notify.Times{From: "02:00", To: "03:00"}, Tier: []string{"urgent"}},
		"until:":                     {Times: notify.Times{From: "02:00", To: "03:00", Until: "soon"}},
		"goes with cron":             {Times: notify.Times{From: "02:00", To: "03:00", Duration: time.Hour}},
		"a window that happens once": {Times: notify.Times{From: "2026-12-05 22:00", To: "2026-12-06 22:00", Days: []string{"mon"}}},
	} {
		if err := w.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestSuppressed(t *testing.T) {
	t.Parallel()
	window := notify.Window{Times: notify.Times{From: "02:00", To: "04:00"}, Name: "vacuum", Dataset: []string{"shop.*"}, Tier: []string{"critical"}}
	if err := window.Validate(); err != nil {
		t.Fatal(err)
	}
	silence := notify.Silence{
		Dataset: "lake.*",
		Check:   "*.freshness",
		From:    night,
		Until:   night.Add(time.Hour),
		Who:     "ada",
		Why:     "the feed moves",
	}
	q := notify.Quiet{Windows: []notify.Window{window}, Silences: []notify.Silence{silence}}
	shop, info, lake, other := incident(1), incident(1), incident(1), incident(1)
	info.Tier, lake.Table.Warehouse, other.Table.Warehouse, other.Check = "info", "lake", "lake", "x.row_count"
	if why, ok := q.Suppressed(shop, night); !ok || why != "maintenance: vacuum" {
		t.Error(why, ok)
	}
	if why, ok := q.Suppressed(lake, night); !ok || why != "silenced by ada: the feed moves" {
		t.Error(why, ok)
	}
	if _, ok := q.Suppressed(lake, night.Add(time.Hour)); ok {
		t.Error("an expired silence still silences")
	}
	if _, ok := q.Suppressed(info, night); ok {
		t.Error("a window of another tier")
	}
	if _, ok := q.Suppressed(other, night); ok {
		t.Error("a silence of another check")
	}
}

// A silence without an end, a matter, or a name is refused.
func TestSilenceMistakes(t *testing.T) {
	t.Parallel()
	good := notify.Silence{Incident: "inc0001", From: night, Until: night.Add(time.Hour), Who: "ada", Why: "known"}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*notify.Silence){
		"say what":         func(s *notify.Silence) { s.Incident = "" },
		"until":            func(s *notify.Silence) { s.Until = time.Time{} },
		"after its":        func(s *notify.Silence) { s.Until = s.From },
		"give who and why": func(s *notify.Silence) { s.Who = "" },
		"who and why":      func(s *notify.Silence) { s.Why = "" },
		"tier: \"urgent\"": func(s *notify.Silence) { s.Tier = "urgent" },
	} {
		s := good
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
