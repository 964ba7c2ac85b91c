package agent

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/slo"
)

var levelsBegin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// drawn is a history of a dataset, minute by minute, and what an agent does with it.
type drawn struct {
	*testing.T
	rand    *rand.Rand
	dataset Dataset
	every   []int // minutes between the ticks of each check
	last    map[string]sentinel.Result
	saved   []byte
	levels  *Levels

	// what the oracle needs: the status at each minute in which there was a result, by check
	results []map[int]sentinel.Status
	windows map[int]bool // minutes in which a maintenance window was open
	running map[int]bool // minutes in which an agent ran
}

func draw(t *testing.T, seed uint64) *drawn {
	d := &drawn{T: t, rand: rand.New(rand.NewPCG(seed, 3)), last: map[string]sentinel.Result{}, windows: map[int]bool{},
		running: map[int]bool{}}
	d.dataset = Dataset{Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"},
		SLO: &slo.Objective{Target: .99, Window: 24 * time.Hour}}
	for i := range 1 + d.rand.IntN(3) {
		every := []int{5, 15, 60}[d.rand.IntN(3)]
		d.every = append(d.every, every)
		s, err := schedule.Parse(map[int]string{5: "*/5 * * * *", 15: "*/15 * * * *", 60: "0 * * * *"}[every], time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		c := &checks.SQL{}
		c.Common().ID = string(rune('a' + i))
		d.dataset.Checks = append(d.dataset.Checks, Check{Check: c, Schedule: s})
		d.results = append(d.results, map[int]sentinel.Status{})
	}
	d.start(levelsBegin)
	return d
}

// start starts an agent with what the store has.
func (d *drawn) start(now time.Time) {
	d.Helper()
	var last []sentinel.Result
	for _, r := range d.last {
		last = append(last, r)
	}
	var err error
	if d.levels, err = NewLevels(d.dataset, d.saved, last, now); err != nil {
		d.Fatal(err)
	}
	d.save(now)
}

func (d *drawn) save(now time.Time) {
	d.Helper()
	states, err := d.levels.state(now)
	if err != nil {
		d.Fatal(err)
	}
	for _, s := range states {
		d.saved = s.Data
	}
}

// live lets time pass. In a part of it no agent runs.
func (d *drawn) live(minutes int) {
	down, quiet := 0, 0
	for m := range minutes + 1 {
		if quiet--; quiet < -300 && d.rand.IntN(200) == 0 {
			quiet = 30 + d.rand.IntN(60)
		}
		d.windows[m] = quiet > 0
	}
	for m := range minutes {
		now := levelsBegin.Add(time.Duration(m) * time.Minute)
		if down--; down > 0 {
			continue
		} else if down == 0 {
			d.start(now)
		} else if d.rand.IntN(400) == 0 {
			down = 5 + d.rand.IntN(90)
			continue
		}
		d.running[m] = true
		for i := range d.every {
			if m%d.every[i] == 0 && d.rand.IntN(20) != 0 {
				d.result(i, m, now)
			}
		}
		d.levels.pass(now, d.open)
		d.save(now)
	}
}

// open reports whether a maintenance window is open.
func (d *drawn) open(at time.Time) bool { return d.windows[int(at.Sub(levelsBegin)/time.Minute)] }

func (d *drawn) result(i, m int, now time.Time) {
	status := sentinel.Pass
	if n := d.rand.IntN(10); n < 5 {
		status = sentinel.Status(n)
	}
	r := sentinel.Result{Check: d.dataset.Checks[i].Common().ID, Table: d.dataset.Table, Tick: now, Status: status}
	d.levels.take(r, now)
	d.last[r.Check] = r
	d.results[i][m] = status
}

// at returns what the page says of a check in a minute: its last result, until ten minutes
// after the next one was due, and then nothing from when it was due.
func (d *drawn) at(check, minute, end int) (s slo.State, known bool) {
	from := minute
	for ; from >= 0; from-- {
		if _, ran := d.results[check][from]; ran {
			break
		}
	}
	if from < 0 {
		return 0, false
	}
	next := from + 1
	for ; next < end; next++ {
		if _, ran := d.results[check][next]; ran {
			break
		}
	}
	due := from - from%d.every[check] + d.every[check]
	if minute >= due && next-due > 10 {
		return slo.Unjudged, true
	}
	switch d.results[check][from] {
	case sentinel.Fail:
		return slo.Bad, true
	case sentinel.Pass, sentinel.Warn:
		return slo.Good, true
	}
	return slo.Unjudged, true
}

// count is the oracle: minutes in each state in the window that ends at the minute end.
func (d *drawn) count(window, end int) (n [4]float64) {
	excluded := false
	for m := max(0, end-window); m < end; m++ {
		// A window that opens while no agent runs is not known.
		excluded = d.windows[m] && (excluded || d.running[m])
		worst, any := slo.Good, false
		for i := range d.every {
			s, known := d.at(i, m, end)
			any = any || known
			if known && (s == slo.Bad || s == slo.Unjudged && worst == slo.Good) {
				worst = s
			}
		}
		switch {
		case excluded:
			n[slo.Excluded]++
		case any:
			n[worst]++
		}
	}
	return n
}

// TestServiceLevelsAreThoseOfTheOracle draws results of several checks with agents that
// stop and start, results that do not come, and maintenance windows. The oracle goes
// through all minutes.
func TestServiceLevelsAreThoseOfTheOracle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		d := draw(t, seed)
		const minutes = 20 * 60
		d.live(minutes)
		now := levelsBegin.Add(minutes * time.Minute)
		d.start(now)
		d.levels.pass(now, d.open)
		reports := d.levels.Reports(now)
		if len(reports) != 1 || reports[0].Indicator != slo.Checks {
			t.Fatalf("seed %d: %+v", seed, reports)
		}
		got, want := reports[0], d.count(24*60, minutes)
		for state, n := range want {
			if got.Totals[state] != time.Duration(n)*time.Minute {
				t.Errorf("seed %d: totals %v, want %v minutes", seed, got.Totals, want)
				break
			}
		}
		left := 1 - want[slo.Bad]/(.01*(24*60-want[slo.Unjudged]-want[slo.Excluded]))
		if math.Abs(got.Left-left) > 1e-9 {
			t.Errorf("seed %d: %g of the budget is left, want %g", seed, got.Left, left)
		}
		hour := d.count(60, minutes)
		burn := hour[slo.Bad] / (.01 * (60 - hour[slo.Unjudged] - hour[slo.Excluded]))
		if judged := hour[slo.Good] + hour[slo.Bad]; judged > 0 && math.Abs(got.Burn[2]-burn) > 1e-9 {
			t.Errorf("seed %d: burn rate %g, want %g", seed, got.Burn[2], burn)
		} else if judged == 0 && !math.IsNaN(got.Burn[2]) {
			t.Errorf("seed %d: burn rate %g of what was not judged", seed, got.Burn[2])
		}
	}
}

// TestLoadsAreBadFromTheirDeadlineUntilTheyCome: also where no check looked between.
func TestLoadsAreBadFromTheirDeadlineUntilTheyCome(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	at := func(hours float64) time.Time { return levelsBegin.Add(time.Duration(hours * float64(time.Hour))) }
	hourly, err := schedule.Parse("0 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	c := &checks.Freshness{}
	c.Common().ID = "fresh"
	l, err := NewLevels(Dataset{Checks: []Check{{Check: c, Schedule: hourly}}, Risk: &Risk{Check: "fresh"},
		SLO: &slo.Objective{Target: .9, Window: day}}, nil, nil, at(0))
	if err != nil {
		t.Fatal(err)
	}
	see := func(now time.Time, k look) {
		k.at = now
		l.looked(k)
		l.take(sentinel.Result{Check: "fresh", Tick: now}, now)
		l.pass(now, func(time.Time) bool { return false })
	}
	bad := func(now time.Time) time.Duration { return l.Reports(now)[0].Totals[slo.Bad] }
	due := predict.Period{Deadline: at(5.5), Since: at(-10)}
	for hour := range 6 {
		see(at(float64(hour)), look{open: due})
	}
	if got := bad(at(5.9)); got != 0 {
		t.Errorf("after the deadline, before a look: %s", got)
	}
	see(at(6), look{open: due})
	if got := bad(at(6.5)); got != time.Hour {
		t.Errorf("half an hour after a look that found nothing: %s, want 1h since the deadline", got)
	}
	came := predict.Ended{Period: due, Outcome: predict.Outcome{Arrival: at(6.25)}}
	see(at(7), look{ended: []predict.Ended{came}, open: predict.Period{Deadline: at(29.5)}, newest: at(6.25)})
	if got := bad(at(7.5)); got != 45*time.Minute {
		t.Errorf("after the arrival: %s, want 45m", got)
	}
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := NewLevels(l.dataset, data, []sentinel.Result{{Check: "fresh", Tick: at(7)}}, at(10))
	if err != nil {
		t.Fatal(err)
	}
	if r := again.Reports(at(10))[0]; r.Totals[slo.Bad] != 45*time.Minute || r.Totals[slo.Unjudged] != 2*time.Hour {
		t.Errorf("two hours after the agent stopped: %v", r.Totals)
	}
	if _, err := NewLevels(l.dataset, []byte("{"), nil, at(10)); err == nil {
		t.Error("a damaged state is read without a word")
	}
}

// TestOtherSchedulesAreDueByTheirOwnTime: what was judged before a reload stays judged until
// the check is due by its new schedule.
func TestOtherSchedulesAreDueByTheirOwnTime(t *testing.T) {
	t.Parallel()
	at := func(hours float64) time.Time { return levelsBegin.Add(time.Duration(hours * float64(time.Hour))) }
	dataset := func(cron string) Dataset {
		s, err := schedule.Parse(cron, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		c := &checks.SQL{}
		c.Common().ID = "a"
		return Dataset{Checks: []Check{{Check: c, Schedule: s}}, SLO: &slo.Objective{Target: .9, Window: 24 * time.Hour}}
	}
	closed := func(time.Time) bool { return false }
	for name, c := range map[string]struct {
		before, after string
		until         float64 // hours: when the result of 06:00 is judged no more
	}{
		"the same":    {"0 * * * *", "0 * * * *", 7},
		"less often":  {"0 * * * *", "0 */12 * * *", 12},
		"more often":  {"0 6 * * *", "*/5 * * * *", 6.5 + 5./60},
		"other hours": {"0 6 * * *", "0 8 * * *", 8},
	} {
		l, err := NewLevels(dataset(c.before), nil, nil, at(6))
		if err != nil {
			t.Fatal(err)
		}
		l.take(sentinel.Result{Check: "a", Tick: at(6)}, at(6))
		l.configure(dataset(c.after), at(6.5))
		for m := range 12 * 60 {
			l.pass(at(6.5).Add(time.Duration(m)*time.Minute), closed)
		}
		judged := l.Reports(at(18.5))[0].Totals[slo.Good]
		if want := time.Duration((c.until - 6) * float64(time.Hour)); judged.Round(time.Second) != want.Round(time.Second) {
			t.Errorf("%s: judged for %s, want %s", name, judged, want)
		}
	}
}

// TestBudgetOfAMonthThatIsNotOver: the budget is that of the whole month, and what is known is that
// of the time until now.
func TestBudgetOfAMonthThatIsNotOver(t *testing.T) {
	t.Parallel()
	hourly, err := schedule.Parse("0 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	c := &checks.SQL{}
	c.Common().ID = "a"
	from := levelsBegin
	until, to := from.Add(12*time.Hour), from.Add(30*24*time.Hour)
	l, err := NewLevels(Dataset{Checks: []Check{{Check: c, Schedule: hourly}},
		SLO: &slo.Objective{Target: .99, Window: 7 * 24 * time.Hour}}, nil, nil, from.Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for hour := -2; hour < 12; hour++ {
		at := from.Add(time.Duration(hour) * time.Hour)
		r := sentinel.Result{Check: "a", Tick: at, Status: sentinel.Pass}
		if hour == -1 || hour == 3 {
			r.Status = sentinel.Fail
		}
		l.take(r, at)
	}
	got := l.Over(from, until, to)[0]
	if got.Totals[slo.Bad] != time.Hour || got.Totals[slo.Good] != 11*time.Hour {
		t.Errorf("%+v", got.Totals)
	}
	if want := 1 - 1/7.2; math.Abs(got.Left-want) > 1e-9 {
		t.Errorf("%g of the budget is left, want %g", got.Left, want)
	}
}
