package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// Risk configures the prediction of the risk that a dataset misses its next deadline.
type Risk struct {
	// Check is the id of the freshness check that observes the newest row.
	Check string
	// Deadline says when new rows are due. Zero: Age applies instead.
	Deadline schedule.Schedule
	// Grace is how late rows may be after Deadline.
	Grace time.Duration
	// Calendar has the days without a deadline. Nil: there are none.
	Calendar Calendar
	// Age is how old the newest row may become, where there is no Deadline.
	Age time.Duration
	// Threshold is the risk, 0 to 1, at which an early warning is raised.
	Threshold float64
	// Clear is the risk below which an early warning ends.
	Clear float64
	// Horizon is how long before the deadline warnings may be raised. 0: at any time.
	Horizon time.Duration
	// Status is the status of an early warning.
	Status sentinel.Status
	// Meta describes the incidents of early warnings.
	Meta Meta
}

// Calendar says which days are holidays. [schedule.Calendar] is one.
type Calendar interface {
	// Holiday reports whether the date of t, in t's own zone, is a holiday.
	Holiday(t time.Time) bool
}

// RiskKind is the kind of the results of risks.
const RiskKind = "risk"

// RiskCheck returns the check id of a dataset's risk.
func RiskCheck(t sentinel.Table) string { return t.String() + "/" + RiskKind }

// riskState is the kind of the states of predictors in the store.
const riskState = "risk"

// next returns the first period whose deadline is after a time. Without a schedule the
// deadline is Age after newest, the time of the newest row.
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
	earlier := func(t time.Time) time.Time { return r.Deadline.Prev(t.Add(-time.Second)) }
	before := r.skip(earlier(due), earlier)
	return predict.Period{Deadline: due.Add(r.Grace), Since: before}
}

// skip returns t, or the first later time by next that is not on a holiday. It returns
// zero if there is none within 400 steps.
func (r *Risk) skip(t time.Time, next func(time.Time) time.Time) time.Time {
	for range 400 {
		if t.IsZero() || !r.holiday(t) {
			return t
		}
		t = next(t)
	}
	return time.Time{}
}

func (r *Risk) holiday(t time.Time) bool { return r.Calendar != nil && r.Calendar.Holiday(t) }

// Forecast predicts whether one dataset misses its next deadline.
type Forecast struct {
	Dataset Dataset
	Tracker *predict.Tracker
	alarm   predict.Alarm
	anomaly float64 // the largest score since the last arrival
	unsaved bool    // the tracker has changed since it was last recorded
}

// forecasts holds the forecasts of all datasets with a deadline.
type forecasts map[sentinel.Table]*Forecast

// watchRisks judges the risks once a minute, because a risk grows between checks while
// no rows arrive.
func (a *Agent) watchRisks(ctx context.Context) {
	for wait.For(ctx, wait.On(a.clock, time.Minute)) {
		rec, err := a.submitRisks(ctx)
		if err != nil {
			a.log.Error("judging risks", "error", err)
		}
		if err := a.await(rec); err != nil && !errors.Is(err, errBehind) && ctx.Err() == nil {
			a.log.Error("an early warning could not be recorded; it is kept in memory", "error", err)
		}
		if len(rec.batch.Results) > 0 {
			a.export(ctx, rec.batch)
			a.triggerRepairs(rec.batch)
		}
	}
}

// submitRisks judges the risks now, and submits the record of them.
func (a *Agent) submitRisks(ctx context.Context) (*record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	risks, err := a.judgeRisks(a.now(), nil)
	return a.submit(ctx, risks, a.incidents.takeChanges()), err
}

// observeArrivals updates a dataset's forecast from the outcome of its checks, and adds
// the dataset to observed. The lock is held.
func (a *Agent) observeArrivals(o checks.Outcome, observed map[sentinel.Table]bool) {
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
			case v.Metric == "newest_timestamp_seconds" && r.Check == f.Dataset.Risk.Check:
				asOf, known := r.DataTime()
				if !known {
					continue
				}
				a.observeNewest(f, asOf, time.UnixMicro(int64(v.Value.Float64()*1e6)))
				observed[o.Job.Table] = true
			}
		}
	}
}

// observeNewest updates a forecast with the time of the newest row.
func (a *Agent) observeNewest(f *Forecast, now, newest time.Time) {
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
	c.Holiday = f.Dataset.Risk.holiday(f.Tracker.Open().Deadline)
	before := f.Tracker.Open()
	ended := f.Tracker.Observe(now, newest, c)
	if l := a.levels[f.Dataset.Table]; l != nil {
		l.looked(look{now, newest, ended, f.Tracker.Open()})
	}
	if len(ended) > 0 || f.Tracker.Open() != before {
		f.unsaved, f.anomaly = true, 0
		a.exportAccuracy(f)
	}
}

// judgeRisks exports the risks, and raises and clears early warnings. The batch has the
// results of the observed datasets, and of those whose warning has changed. The error
// names the trackers that are not recorded. The lock is held.
func (a *Agent) judgeRisks(now time.Time, observed map[sentinel.Table]bool) (batch store.Batch, err error) {
	for t, f := range a.forecasts {
		risk, ok := f.Tracker.Risk(now)
		if !ok {
			continue
		}
		risk.Table = t
		a.exportRisk(risk, f.Tracker.Observed())
		quiet := f.Dataset.Risk.Horizon > 0 && risk.Left > f.Dataset.Risk.Horizon
		counted := risk
		if quiet {
			counted.Probability = 0
		}
		changed := f.alarm.Update(counted, now)
		if changed {
			f.noteWarning(now)
		}
		if changed || observed[t] {
			r := f.result(risk, now)
			batch.Results = append(batch.Results, r)
			batch.Incidents = append(batch.Incidents, a.incidents.apply(r, f.Dataset.Risk.Meta)...)
		}
		if f.unsaved {
			data, encodeErr := f.Tracker.MarshalBinary()
			if encodeErr != nil {
				err = errors.Join(err, fmt.Errorf("encoding the risk model of %s: %w", t, encodeErr))
				continue
			}
			f.unsaved = false
			batch.States = append(batch.States, store.State{Kind: riskState, Key: t.String(), Data: data})
		}
	}
	return batch, err
}

// noteWarning records that the early warning was raised or taken back. Only what happens
// before the deadline counts.
func (f *Forecast) noteWarning(now time.Time) {
	if f.alarm.Since.IsZero() {
		f.Tracker.Withdrawn(now)
	} else {
		f.Tracker.Warned(now)
	}
	f.unsaved = true
}

// result converts a risk to a result, for incidents, exporters and repairs.
func (f *Forecast) result(risk sentinel.Risk, now time.Time) sentinel.Result {
	r := sentinel.Result{
		Check:        RiskCheck(risk.Table),
		Kind:         RiskKind,
		Table:        risk.Table,
		Tick:         now.UTC().Truncate(time.Second),
		Status:       sentinel.Pass,
		Message:      RiskText(risk, now),
		Evidence:     sentinel.Evidence{Source: "model", Confidence: sentinel.Estimated, Note: risk.Model},
		Observations: []sentinel.Observation{{Metric: "risk", Value: sentinel.Float(risk.Probability)}},
	}
	if risk.Left <= 0 { // the freshness check judges now, and the next arrival ends a warning
		r.Status = sentinel.Unknown
	} else if !f.alarm.Since.IsZero() {
		r.Status = f.Dataset.Risk.Status
		r.Findings = []sentinel.Finding{{
			Key:      "early_warning",
			Status:   r.Status,
			Message:  r.Message,
			Observed: sentinel.Float(risk.Probability),
			Expected: "new rows by " + deadlineText(risk.Deadline),
		}}
	}
	return r
}

// RiskText describes a risk: "82 % chance that shop.orders misses Fri 06:00, 25m left;
// ...".
func RiskText(risk sentinel.Risk, now time.Time) string {
	text := fmt.Sprintf("%.0f %% chance that %s misses %s", 100*risk.Probability, risk.Table, deadlineText(risk.Deadline))
	switch {
	case risk.Left > 0:
		text += fmt.Sprintf(", %s left", shortDuration(risk.Left))
	case risk.Probability < 1:
		text += fmt.Sprintf(", %s ago: no check has looked since", shortDuration(-risk.Left))
	default:
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

// currentRisk returns the result of a risk now. It serves to verify a repair that an
// early warning has started.
func (a *Agent) currentRisk(id string) (sentinel.Result, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t, f := range a.forecasts {
		if RiskCheck(t) != id {
			continue
		}
		now := a.now()
		risk, ok := f.Tracker.Risk(now)
		risk.Table = t
		if ok && f.alarm.Update(risk, now) {
			f.noteWarning(now)
		}
		return f.result(risk, now), ok
	}
	return sentinel.Result{}, false
}
