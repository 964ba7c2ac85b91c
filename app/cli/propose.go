package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// past is what a table's rows say of its last weeks.
type past struct {
	hours, days []sentinel.Observation // rows an hour and a day, oldest first
	age         time.Duration          // of the newest row; negative when it is not known
}

// readPast reads the past of all tables with a time column: one GROUP BY a table
// over a bounded window, as a new check with `anomaly:` would.
func readPast(ctx context.Context, db *warehouse.DB, c *warehouse.Catalog) (map[warehouse.TableName]past, error) {
	var jobs []checks.Job
	for _, key := range slices.SortedFunc(maps.Keys(c.Tables), compareNames) {
		t := c.Tables[key]
		column := timeColumn(t)
		if column == "" || t.Kind == warehouse.View {
			continue
		}
		j := checks.Job{
			Table:      sentinel.Table{Warehouse: db.Config.Name, Schema: key.Schema, Name: key.Name},
			TimeColumn: column,
			Location:   time.UTC,
			Tick:       clock.Now(),
		}
		for _, bucket := range []checks.Period{"hour", "day"} {
			count := &checks.RowCount{Bucketed: checks.Bucketed{Bucket: bucket}}
			count.ID, count.Anomaly = string(bucket), &anomaly.Config{}
			if err := count.Validate(); err != nil {
				return nil, err
			}
			j.Checks = append(j.Checks, count)
		}
		fresh := &checks.Freshness{Fail: checks.Duration(time.Hour)}
		fresh.ID = "age"
		if err := fresh.Validate(); err != nil {
			return nil, err
		}
		j.Checks = append(j.Checks, fresh)
		jobs = append(jobs, j)
	}
	env := checks.Env{
		Warehouse: func(string) (*warehouse.DB, error) { return db, nil },
		History:   noHistory{},
		Clock:     clock,
		Cache:     &checks.Cache{},
	}
	out := map[warehouse.TableName]past{}
	for _, o := range checks.Run(ctx, env, db.Config.Name, jobs) {
		p := past{age: -1}
		for _, r := range o.Results {
			switch r.Check {
			case "hour":
				p.hours = r.Past
			case "day":
				p.days = r.Past
			case "age":
				for _, ob := range r.Observations {
					if ob.Metric == "freshness_seconds" {
						p.age = time.Duration(ob.Value.Float64() * float64(time.Second))
					}
				}
			}
		}
		out[warehouse.TableName{Schema: o.Job.Table.Schema, Name: o.Job.Table.Name}] = p
	}
	return out, nil
}

// freshness proposes thresholds above the longest gap between hours with rows,
// and says how often they would have warned.
func (p past) freshness() (check string) {
	const fallback = "freshness: {warn: 1d, fail: 2d}"
	gaps := p.gaps()
	if len(gaps) < 20 {
		return fallback + "   # too few rows to measure how often they arrive"
	}
	slices.Sort(gaps)
	usual := gaps[len(gaps)*99/100]
	warn, fail := usual+usual/4+time.Hour, 2*usual+2*time.Hour
	over := 0
	for _, g := range gaps {
		if g > warn {
			over++
		}
	}
	if p.age > warn {
		over++
	}
	return fmt.Sprintf("freshness: {warn: %s, fail: %s}   # rows come every %s; would have warned %s in %s",
		hoursText(warn), hoursText(fail), hoursText(usual), counted(over, "time"), weeksOf(p.hours))
}

// gaps are the times between hours with rows.
func (p past) gaps() (gaps []time.Duration) {
	var last time.Time
	for _, o := range p.hours {
		if n, ok := o.Value.Int64(); !ok || n == 0 {
			continue
		}
		if !last.IsZero() {
			gaps = append(gaps, o.Bucket.Sub(last))
		}
		last = o.Bucket
	}
	return gaps
}

// volume proposes to watch the rows a day, where there are enough days, and says
// how many alarms that would have raised.
func (p past) volume() (check string, ok bool) {
	c := anomaly.Config{}
	if err := c.Validate(); err != nil || len(p.days) < 21 {
		return "", false
	}
	d, err := anomaly.New(c.Detector)
	if err != nil {
		return "", false
	}
	alarms, sum := 0, 0.0
	for _, o := range p.days {
		sum += o.Value.Float64()
		if d.Observe(c, sentinel.Point{Time: o.Bucket, Value: o.Value.Float64()}).Score >= 0.5 {
			alarms++
		}
	}
	mean := sum / float64(len(p.days))
	if mean < 1 {
		return "", false
	}
	const text = "row_count: {bucket: day, delay: 1h, anomaly: {}}   # about %.0f a day; would have raised %s in %s"
	return fmt.Sprintf(text, mean, counted(alarms, "alarm"), weeksOf(p.days)), true
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

func compareNames(a, b warehouse.TableName) int {
	return strings.Compare(a.Schema+"\x00"+a.Name, b.Schema+"\x00"+b.Name)
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
