package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// Risk is the rule by which a dataset's next deadline is watched.
type Risk struct {
	Check     string            // the freshness check whose newest row tells of arrivals
	Deadline  schedule.Schedule // zero: Age decides
	Grace     time.Duration
	Holiday   func(time.Time) bool // deadlines on these days are none; nil: no day is
	Age       time.Duration        // the newest row must not become older
	Threshold float64              // an early warning at this risk and above
	Clear     float64              // and ended below this one
	Horizon   time.Duration        // warn only this long before the deadline; 0: whenever
	Status    sentinel.Status      // of a warning
	Meta      Meta
}

// RiskKind is the kind of the results that early warnings come from.
const RiskKind = "risk"

// RiskCheck is the id under which a dataset's early warnings are kept.
func RiskCheck(t sentinel.Table) string { return t.String() + "/" + RiskKind }

const riskState = "risk"

// next is the first period whose deadline is after a time.
func (r *Risk) next(after, newest time.Time) predict.Period {
	if r.Deadline.IsZero() {
		if newest.IsZero() {
			return predict.Period{}
		}
		return predict.Period{Deadline: newest.Add(r.Age), Since: newest}
	}
	due := r.skip(r.Deadline.Next(after.Add(-r.Grace)), r.Deadline.Next)
	if due.IsZero() {
		return predict.Period{}
	}
	before := r.skip(r.Deadline.Prev(due.Add(-time.Second)), func(t time.Time) time.Time { return r.Deadline.Prev(t.Add(-time.Second)) })
	return predict.Period{Deadline: due.Add(r.Grace), Since: before}
}

// skip goes on until a day that is no holiday.
func (r *Risk) skip(t time.Time, on func(time.Time) time.Time) time.Time {
	for range 400 {
		if t.IsZero() || r.Holiday == nil || !r.Holiday(t) {
			return t
		}
		t = on(t)
	}
	return time.Time{}
}

// Forecast is what is known of one dataset's next deadline.
type Forecast struct {
	Dataset Dataset
	Tracker *predict.Tracker
	alarm   predict.Alarm
	anomaly float64 // largest score since the last arrival
	unsaved bool
}

// forecasts are those of all datasets with a deadline.
type forecasts map[sentinel.Table]*Forecast

// NewForecast restores a dataset's forecast from what the store remembers, or
// learns it from the newest rows seen before. The error says what could not be
// used; the forecast is usable all the same.
func NewForecast(ctx context.Context, memory *store.Store, d Dataset) (*Forecast, error) {
	f := &Forecast{Dataset: d, Tracker: &predict.Tracker{Model: predict.New(predict.DefaultPrior()), Next: d.Risk.next}}
	data, ok, err := memory.State(ctx, riskState, d.Table.String())
	if err == nil && ok {
		if err = f.Tracker.UnmarshalBinary(data); err == nil {
			return f, nil
		}
	}
	points, pointsErr := memory.Points(ctx, d.Risk.Check, "newest_timestamp_seconds", "", time.Time{}, 50000)
	for _, p := range points {
		f.Tracker.Observe(p.Time, time.UnixMicro(int64(p.Value*1e6)), predict.Context{})
	}
	return f, errors.Join(err, pointsErr)
}

// setForecasts takes over the datasets' deadlines; forecasts that are there go on.
func (a *Agent) setForecasts(ctx context.Context, datasets []Dataset) {
	a.mu.Lock()
	known := maps.Clone(a.forecasts)
	a.mu.Unlock()
	next := forecasts{}
	for _, d := range datasets {
		if d.Risk == nil {
			continue
		}
		f := known[d.Table]
		if f == nil {
			var err error
			if f, err = NewForecast(ctx, a.store, d); err != nil {
				a.log.Warn("the risk of a dataset is learnt anew", "dataset", d.Table, "error", err)
			}
		}
		next[d.Table] = f
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range datasets {
		if f := next[d.Table]; f != nil {
			f.Dataset = d
			f.Tracker.Next = d.Risk.next
			f.alarm.Raise, f.alarm.Clear = d.Risk.Threshold, d.Risk.Clear
		}
	}
	for t := range a.forecasts {
		if next[t] == nil {
			for _, m := range []exporters.Metric{exporters.Risk, exporters.Deadline, exporters.ExpectedArrival} {
				a.metrics.Forget(m, t.Warehouse, exporters.DatasetLabel(t))
			}
		}
	}
	a.forecasts = next
}

// watchRisks judges every open period once a minute: risk grows while nothing
// arrives, also between the checks.
func (a *Agent) watchRisks(ctx context.Context) {
	for sleep(ctx, time.Minute) {
		a.mu.Lock()
		rec := a.submit(ctx, a.judgeRisks(a.now(), nil), a.incidents.take())
		a.mu.Unlock()
		if err := a.await(rec); err != nil && !errors.Is(err, errBehind) && ctx.Err() == nil {
			a.log.Error("recording an early warning; it is kept in memory", "error", err)
		}
		if len(rec.batch.Results) > 0 {
			a.publish(ctx, rec.batch)
			a.triggerRepairs(rec.batch)
		}
	}
}

// learnArrivals teaches a dataset's forecast what arrived, and notes in observed
// that it did. The lock is held.
func (a *Agent) learnArrivals(o checks.Outcome, observed map[sentinel.Table]bool) {
	f := a.forecasts[o.Job.Table]
	if f == nil {
		return
	}
	for _, r := range o.Results {
		for _, s := range r.Scores {
			f.anomaly = math.Max(f.anomaly, s.Score)
		}
		for _, v := range r.Observations {
			switch {
			case v.Metric == "row_count" && v.Segment == "" && !v.Bucket.IsZero():
				f.Tracker.Volume(v.Value)
			case v.Metric == "newest_timestamp_seconds" && r.Check == f.Dataset.Risk.Check && (r.Evidence.Lag.Absent() || r.Evidence.Lag.Finite()):
				// A standby has what was there before its lag.
				asOf := o.Job.Tick
				if !r.Evidence.Lag.Absent() {
					asOf = asOf.Add(-time.Duration(r.Evidence.Lag.Float64() * float64(time.Second)))
				}
				a.arrived(f, asOf, time.UnixMicro(int64(v.Value.Float64()*1e6)))
				observed[o.Job.Table] = true
			}
		}
	}
}

// arrived hands the newest row on to the tracker.
func (a *Agent) arrived(f *Forecast, now, newest time.Time) {
	c := predict.Context{Anomaly: sentinel.Float(f.anomaly)}
	for _, up := range f.Dataset.DependsOn {
		u := a.forecasts[up]
		if u == nil {
			continue
		}
		state := predict.Upstream{Name: up.String(), Late: u.Tracker.Late(now)}
		if r, ok := u.Tracker.Risk(now); ok {
			state.Risk = sentinel.Float(r.Probability)
		}
		c.Upstreams = append(c.Upstreams, state)
	}
	c.Holiday = f.Dataset.Risk.Holiday != nil && f.Dataset.Risk.Holiday(f.Tracker.Open().Deadline)
	before := f.Tracker.Open()
	if ended := f.Tracker.Observe(now, newest, c); len(ended) > 0 || f.Tracker.Open() != before {
		f.unsaved, f.anomaly = true, 0
		a.exportRecord(f)
	}
}

// judgeRisks exports the risks, raises and clears early warnings, and returns what
// is to be recorded: the results of observed datasets, and of those whose warning
// changed. The lock is held.
func (a *Agent) judgeRisks(now time.Time, observed map[sentinel.Table]bool) (batch store.Batch) {
	for t, f := range a.forecasts {
		risk, ok := f.Tracker.Risk(now)
		if !ok {
			continue
		}
		risk.Table = t
		a.exportRisk(risk)
		quiet := f.Dataset.Risk.Horizon > 0 && risk.Left > f.Dataset.Risk.Horizon
		counted := risk
		if quiet {
			counted.Probability = 0
		}
		changed := f.alarm.Update(counted, now)
		if changed && !f.alarm.Since.IsZero() {
			f.Tracker.Warned(now)
			f.unsaved = true
		}
		if changed || observed[t] {
			r := f.result(risk, now)
			batch.Results = append(batch.Results, r)
			batch.Incidents = append(batch.Incidents, a.incidents.apply(r, f.Dataset.Risk.Meta)...)
		}
		if f.unsaved {
			data, err := f.Tracker.MarshalBinary()
			if err != nil {
				a.log.Error("writing down the risk model", "dataset", t, "error", err)
				continue
			}
			f.unsaved = false
			batch.States = append(batch.States, store.State{Kind: riskState, Key: t.String(), Data: data})
		}
	}
	return batch
}

// result is a risk in the form that incidents, exporters and repairs take.
func (f *Forecast) result(risk sentinel.Risk, now time.Time) sentinel.Result {
	r := sentinel.Result{
		Check: RiskCheck(risk.Table), Kind: RiskKind, Table: risk.Table, Tick: now.UTC().Truncate(time.Second), Status: sentinel.Pass, Message: RiskText(risk, now),
		Evidence: sentinel.Evidence{Source: "model", Confidence: sentinel.Estimated, Note: risk.Model}, Observations: []sentinel.Observation{{Metric: "risk", Value: sentinel.Float(risk.Probability)}},
	}
	if !f.alarm.Since.IsZero() && risk.Left > 0 { // past the deadline the freshness check speaks
		r.Status = f.Dataset.Risk.Status
		r.Findings = []sentinel.Finding{{Key: "early_warning", Status: r.Status, Message: r.Message, Observed: sentinel.Float(risk.Probability), Expected: "new rows by " + deadlineText(risk.Deadline)}}
	}
	return r
}

// RiskText words a risk: "82 % chance that shop.orders misses Fri 06:00, 25m left; ...".
func RiskText(risk sentinel.Risk, now time.Time) string {
	text := fmt.Sprintf("%.0f %% chance that %s misses %s", 100*risk.Probability, risk.Table, deadlineText(risk.Deadline))
	if risk.Left > 0 {
		text += fmt.Sprintf(", %s left", shortDuration(risk.Left))
	} else {
		text = fmt.Sprintf("%s has missed %s, %s ago", risk.Table, deadlineText(risk.Deadline), shortDuration(-risk.Left))
	}
	if len(risk.Reasons) > 0 && risk.Left > 0 {
		text += "; " + strings.Join(risk.Reasons, "; ")
	}
	return text
}

func deadlineText(t time.Time) string { return t.Format("Mon 2006-01-02 15:04 MST") }

func shortDuration(d time.Duration) string {
	d = d.Round(time.Minute)
	if d >= 24*time.Hour {
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
	return strings.TrimSuffix(d.String(), "0s")
}

func (a *Agent) exportRisk(r sentinel.Risk) {
	labels := []string{r.Table.Warehouse, exporters.DatasetLabel(r.Table)}
	a.metrics.Set(exporters.Risk, r.Probability, labels...)
	a.metrics.Set(exporters.Deadline, float64(r.Deadline.Unix()), labels...)
	if r.Arrival.IsZero() {
		a.metrics.Forget(exporters.ExpectedArrival, labels...)
	} else {
		a.metrics.Set(exporters.ExpectedArrival, float64(r.Arrival.Unix()), labels...)
	}
}

// exportRecord exports how good the predictions have been.
func (a *Agent) exportRecord(f *Forecast) {
	r := f.Tracker.Model.Report()
	t := f.Dataset.Table
	labels := []string{t.Warehouse, exporters.DatasetLabel(t)}
	for m, v := range map[*exporters.Metric]float64{&exporters.RiskBrier: r.Brier, &exporters.RiskSkill: r.Skill, &exporters.RiskCalibration: r.Calibration} {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			a.metrics.Set(*m, v, labels...)
		}
	}
	if r.Warned > 0 {
		a.metrics.Set(exporters.RiskLead, r.Lead.Seconds(), labels...)
	}
	active := 1.0
	if r.Off {
		active = 0
	}
	a.metrics.Set(exporters.RiskModel, active, labels...)
}

// riskNow is the verification of a repair that an early warning started.
func (a *Agent) riskNow(id string) (sentinel.Result, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t, f := range a.forecasts {
		if RiskCheck(t) != id {
			continue
		}
		now := a.now()
		risk, ok := f.Tracker.Risk(now)
		risk.Table = t
		if ok {
			f.alarm.Update(risk, now)
		}
		return f.result(risk, now), ok
	}
	return sentinel.Result{}, false
}
