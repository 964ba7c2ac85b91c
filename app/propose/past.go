package propose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Past is what a table's rows say of its last weeks.
type Past struct {
	time        timeColumn             // zero: no column tells when a row came
	tried       []string               // columns that could not be read
	hours, days []sentinel.Observation // rows an hour and a day, oldest first
	yesterday   []sentinel.Observation // rows of the last whole day
	age         time.Duration          // of the newest row; negative when it is not known
}

// Read reads the past of all tables that checks are proposed for: one statement a table over a
// bounded window, as a new check with `anomaly:` would. Where a column cannot be read in one
// form, the next form or column is tried.
func Read(ctx context.Context, db *warehouse.DB, s Source, clock sentinel.Clock) (map[warehouse.TableName]Past, error) {
	out := map[warehouse.TableName]Past{}
	waiting := map[warehouse.TableName][]timeColumn{}
	names, _ := s.Names()
	for _, n := range names {
		if t := s.Catalog.Tables[n]; t.Kind != warehouse.View {
			out[n] = Past{age: -1}
			waiting[n] = timeColumns(t)
		}
	}
	env := checks.Env{
		Warehouse: func(string) (*warehouse.DB, error) { return db, nil },
		History:   noHistory{},
		Clock:     clock,
		Cache:     &checks.Cache{},
	}
	for {
		var jobs []checks.Job
		for _, n := range names {
			if of := waiting[n]; len(of) > 0 {
				j, err := jobOf(s.table(n), of[0], clock.Now())
				if err != nil {
					return nil, err
				}
				jobs = append(jobs, j)
			}
		}
		if len(jobs) == 0 {
			return out, nil
		}
		for _, o := range checks.Run(ctx, env, s.Warehouse, jobs) {
			n := warehouse.TableName{Schema: o.Job.Table.Schema, Name: o.Job.Table.Name}
			of := waiting[n][0]
			waiting[n] = waiting[n][1:]
			p := pastOf(o)
			if p.plausible(of) {
				p.time = of
				out[n], waiting[n] = p, nil
			} else if tried := out[n]; !slices.Contains(tried.tried, of.Column) {
				tried.tried = append(tried.tried, of.Column)
				out[n] = tried
			}
		}
	}
}

// oldest is the age of a newest row above which a number or text is read in a wrong form.
const oldest = 30 * 365 * 24 * time.Hour

// plausible reports whether the column was read, and has times that rows may come at.
func (p Past) plausible(of timeColumn) bool {
	return p.age >= 0 && (of.typed() || p.age < oldest)
}

// jobOf asks for the rows an hour and a day, and the age of the newest row.
func jobOf(table sentinel.Table, of timeColumn, now time.Time) (checks.Job, error) {
	j := checks.Job{Table: table, Location: time.UTC, Tick: now, TimeColumn: of.Column}
	if !of.typed() {
		read := checks.TimeColumn(of)
		if err := read.Validate(); err != nil {
			return j, err
		}
		j.Time = &read
	}
	for _, bucket := range []checks.Period{"hour", "day"} {
		count := &checks.RowCount{Bucketed: checks.Bucketed{Bucket: bucket}}
		count.ID, count.Anomaly = string(bucket), &anomaly.Config{}
		if err := count.Validate(); err != nil {
			return j, err
		}
		j.Checks = append(j.Checks, count)
	}
	fresh := &checks.Freshness{Fail: checks.Duration(time.Hour)}
	fresh.ID = "age"
	j.Checks = append(j.Checks, fresh)
	return j, fresh.Validate()
}

func pastOf(o checks.Outcome) Past {
	p := Past{age: -1}
	for _, r := range o.Results {
		switch r.Check {
		case "hour":
			p.hours = r.Past
		case "day":
			p.days, p.yesterday = r.Past, r.Observations
		case "age":
			for _, ob := range r.Observations {
				if ob.Metric == "freshness_seconds" && ob.Value.Float64() >= 0 {
					p.age = time.Duration(ob.Value.Float64() * float64(time.Second))
				}
			}
		}
	}
	return p
}

// checks proposes checks of how rows come.
func (p Past) checks() (out []Check) {
	if p.time.Column == "" {
		if len(p.tried) > 0 {
			out = append(out, Check{Off: "no freshness: no time could be read from " + strings.Join(p.tried, ", ")})
		}
		return out
	}
	fresh, ok := p.deadline()
	if !ok {
		fresh = p.freshness()
	}
	out = append(out, fresh)
	if volume, ok := p.volume(); ok {
		out = append(out, volume)
	}
	return out
}

// freshness proposes thresholds above the longest usual gap between rows, and says how often
// they would have warned.
func (p Past) freshness() Check {
	gaps, unit, span := gapsOf(p.hours), time.Hour, weeksOf(p.hours)
	if len(gaps) < 20 {
		gaps, unit, span = gapsOf(p.days), 24*time.Hour, weeksOf(p.days)
	}
	if len(gaps) < 4 {
		return Check{Off: fmt.Sprintf("no freshness: %s has too few times in the last weeks to tell how often rows come",
			p.time.Column)}
	}
	slices.Sort(gaps)
	usual := gaps[len(gaps)*99/100]
	warn := usual + max(usual/4, unit)
	over := 0
	for _, g := range gaps {
		if g > warn {
			over++
		}
	}
	return Check{
		Text: fmt.Sprintf("freshness: {warn: %s, fail: %s}", hoursText(warn), hoursText(2*usual+unit)),
		Note: fmt.Sprintf("rows come every %s; would have warned %s in %s", hoursText(usual), counted(over, "time"), span),
	}
}

// gapsOf are the times between buckets with rows.
func gapsOf(buckets []sentinel.Observation) (gaps []time.Duration) {
	var last time.Time
	for _, at := range withRows(buckets) {
		if !last.IsZero() {
			gaps = append(gaps, at.Sub(last))
		}
		last = at
	}
	return gaps
}

// withRows are the beginnings of the buckets that have rows.
func withRows(buckets []sentinel.Observation) (out []time.Time) {
	for _, o := range buckets {
		if n, ok := o.Value.Int64(); ok && n > 0 {
			out = append(out, o.Bucket)
		}
	}
	return out
}

// volume proposes to watch the rows a day, where there are enough days, and says
// how many alarms that would have raised.
func (p Past) volume() (Check, bool) {
	c := anomaly.Config{}
	if err := c.Validate(); err != nil || len(p.days) < 21 {
		return Check{}, false
	}
	d, err := anomaly.New(c.Detector)
	if err != nil {
		return Check{}, false
	}
	alarms, sum, now := 0, 0.0, false
	for i, o := range append(slices.Clone(p.days), p.yesterday...) {
		if i < len(p.days) {
			sum += o.Value.Float64()
		}
		now = d.Observe(c, sentinel.Point{Time: o.Bucket, Value: o.Value.Float64()}).Score >= 0.5
		if now {
			alarms++
		}
	}
	mean := sum / float64(len(p.days))
	if mean < 1 {
		return Check{}, false
	}
	out := Check{
		Text: "row_count: {bucket: day, delay: 1h, anomaly: {}}",
		Note: fmt.Sprintf("about %.0f a day; would have raised %s in %s", mean, counted(alarms, "alarm"), weeksOf(p.days)),
	}
	if now {
		out.Off = fmt.Sprintf("yesterday's rows are unusual, of %.0f a day", mean)
	}
	return out, true
}

func weeksOf(o []sentinel.Observation) string {
	if len(o) < 2 {
		return "no time"
	}
	return counted(max(1, int(o[len(o)-1].Bucket.Sub(o[0].Bucket).Hours()/168+0.5)), "week")
}

// counted writes a number of things: 1 week, 2 weeks.
func counted(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// hoursText writes a duration in whole hours and days.
func hoursText(d time.Duration) string {
	h := int((d + time.Hour - 1) / time.Hour)
	text := ""
	if h >= 48 {
		text, h = fmt.Sprintf("%dd", h/24), h%24
	}
	if h > 0 || text == "" {
		text += fmt.Sprintf("%dh", h)
	}
	return text
}

// noHistory remembers nothing: every check is new, and reads its past from the table.
type noHistory struct{}

func (noHistory) Points(context.Context, string, checks.Series) ([]sentinel.Point, error) {
	return nil, nil
}

func (noHistory) Baselines(context.Context, []string) (map[string][]byte, error) { return nil, nil }

func (noHistory) BaselineDigests(context.Context, []string) (map[string][]byte, error) {
	return nil, nil
}

func (noHistory) Segments(context.Context, []string) (map[string]checks.StoredSegments, error) {
	return nil, nil
}

func (noHistory) IsNew(context.Context, string) bool { return true }
