package schedule

import "time"

// day is what stretches of [Schedule.Rarer] divide.
const day = 24 * time.Hour

// Rarer returns the schedule that fires once in each stretch of time: at the first of the
// schedule's instants there. Stretches of length every begin at the first instant of each day
// in the schedule's zone. The last one of a day that clocks make longer or shorter is as much
// longer or shorter. every divides a day; another one is shortened to the next that does. A
// schedule that never fires more often is returned as it is, and so is one for an every of 0.
func (s Schedule) Rarer(every time.Duration) Schedule {
	s = s.Configured()
	if s.IsZero() || every <= 0 || s.rule.step >= every {
		return s
	}
	every = day / ((day + every - 1) / every)
	return Schedule{&rule{
		text: s.rule.text + " once in " + shortText(every), loc: s.rule.loc, every: every, all: s.rule,
	}}
}

// Configured returns the schedule that [Schedule.Rarer] was called of, and any other as it is.
func (s Schedule) Configured() Schedule {
	if s.Stretch() == 0 {
		return s
	}
	return Schedule{s.rule.all}
}

// Stretch returns how long the stretches of [Schedule.Rarer] are; 0 for any other schedule.
func (s Schedule) Stretch() time.Duration {
	if s.IsZero() {
		return 0
	}
	return s.rule.every
}

// PerDay returns how often the schedule fires in a day, as a mean of the week that begins
// with from.
func (s Schedule) PerDay(from time.Time) float64 {
	if s.IsZero() {
		return 0
	}
	if s.rule.step > 0 {
		return day.Seconds() / s.rule.step.Seconds()
	}
	n, end := 0, from.AddDate(0, 0, 7)
	for at := s.Next(from); !at.IsZero() && !at.After(end); at = s.Next(at) {
		n++
	}
	return float64(n) / 7
}

// shortText writes a duration without what is zero: "1h", "30m".
func shortText(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(text) > len(zero) && text[len(text)-len(zero):] == zero {
			text = text[:len(text)-len(zero)+1]
		}
	}
	return text
}

// stretch returns the first instant of the stretch that t is in, and that of the next.
func (r *rule) stretch(t time.Time) (from, to time.Time) {
	days := Periods{Unit: Day, Zone: r.loc}
	begin := days.Start(t)
	end := days.Next(begin)
	last := int64(day/r.every) - 1
	i := min(int64(t.Sub(begin)/r.every), last)
	from, to = begin.Add(time.Duration(i)*r.every), begin.Add(time.Duration(i+1)*r.every)
	if i == last || to.After(end) {
		to = end
	}
	return from, to
}

// firstIn returns the first instant of a stretch at which the underlying schedule fires; zero
// where there is none.
func (r *rule) firstIn(from, to time.Time) time.Time {
	at := Schedule{r.all}.Next(from.Add(-time.Nanosecond))
	if at.IsZero() || !at.Before(to) {
		return time.Time{}
	}
	return at
}

// nextRarer is Next of a schedule that [Schedule.Rarer] made.
func (r *rule) nextRarer(t time.Time) time.Time {
	from, to := r.stretch(t)
	if at := r.firstIn(from, to); at.After(t) {
		return at
	}
	return Schedule{r.all}.Next(to.Add(-time.Nanosecond)) // the first one after the stretch
}

// prevRarer is Prev of a schedule that [Schedule.Rarer] made.
func (r *rule) prevRarer(t time.Time) time.Time {
	all := Schedule{r.all}
	at := all.Prev(t)
	if at.IsZero() {
		return at
	}
	return r.firstIn(r.stretch(at)) // at is in the stretch, so that the first one is no later
}
