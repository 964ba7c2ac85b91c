package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// Scorer compares results with what is normal for their series. The store may hold an
// older state of a detector; a restart then replays the observations since. A Scorer is
// not safe for concurrent use.
type Scorer struct {
	Store *store.Store // nil: nothing is remembered
	watch anomaly.Watch
}

// anomalyState is the kind of the states of detectors in the store.
const anomalyState = "anomaly"

// Forget drops the detectors of a check, so that they learn again. Call it after a part
// of the check's series has been labelled.
func (s *Scorer) Forget(check string) { s.watch.Forget(check) }

// emptyStates returns the states of a check's series without their detectors. Record
// them after the scorer has forgotten the check.
func (s *Scorer) emptyStates(ctx context.Context, check string) (states []store.State, err error) {
	series, err := s.Store.SeriesOf(ctx, check)
	for _, v := range series {
		states = append(states, store.State{Kind: anomalyState, Key: seriesKey(anomaly.Series(v))})
	}
	return states, err
}

// Score adds scores, and the findings from them, to a result of a check with
// `anomaly:`. The caller must record the states together with the result. The error
// names the detectors that could not be restored. A result without its detectors says so,
// and the others are applied.
func (s *Scorer) Score(ctx context.Context, c anomaly.Config, r *sentinel.Result) (states []store.State, err error) {
	restored, err := s.load(ctx, c, s.missing(c, *r), r)
	s.watch.Merge(restored)
	states, scored := s.score(c, r)
	return states, errors.Join(err, scored)
}

// missing returns the series of a result that have no detector in memory.
func (s *Scorer) missing(c anomaly.Config, r sentinel.Result) (list []anomaly.Series) {
	for _, series := range s.watch.SeriesOf(c, r) {
		if !s.watch.Has(c, series) {
			list = append(list, series)
		}
	}
	return list
}

// load restores the detectors of a result's series from the store, and marks the result if
// they cannot be restored. It does not change the scorer, so it needs no lock.
func (s *Scorer) load(
	ctx context.Context, c anomaly.Config, list []anomaly.Series, r *sentinel.Result,
) (*anomaly.Watch, error) {
	restored := &anomaly.Watch{}
	var problems []error
	for _, series := range list {
		problems = append(problems, s.restore(ctx, restored, c, series))
	}
	err := errors.Join(problems...)
	if err != nil {
		notJudged(restored, c, list, r, err)
	}
	return restored, err
}

// notJudged marks a result whose detectors could not be restored, so that it ends no finding
// of them and verifies no repair. A result that is bad by other rules stays bad.
func notJudged(restored *anomaly.Watch, c anomaly.Config, list []anomaly.Series, r *sentinel.Result, err error) {
	text := fmt.Sprintf("could not restore what is normal: %v", err)
	for _, series := range list {
		switch {
		case restored.Has(c, series):
		case r.Status.Bad():
			key := sentinel.SegmentKey(sentinel.AnomalyKey, series.Segment)
			r.Findings = append(r.Findings, sentinel.Finding{Key: key, Status: sentinel.Unknown, Message: text})
		default:
			r.Status, r.Message, r.Findings = sentinel.Error, text, nil
			return
		}
	}
}

// score scores a result with the detectors in memory.
func (s *Scorer) score(c anomaly.Config, r *sentinel.Result) (states []store.State, err error) {
	s.watch.Score(c, r)
	saved, err := s.watch.Unsaved(r.Check)
	for _, v := range saved {
		states = append(states, store.State{Kind: anomalyState, Key: seriesKey(v.Series), Data: v.Data})
	}
	return states, err
}

func (s *Scorer) restore(ctx context.Context, to *anomaly.Watch, c anomaly.Config, series anomaly.Series) error {
	if s.Store == nil {
		return to.Restore(c, series, nil, func(time.Time) ([]sentinel.Point, error) { return nil, nil })
	}
	state, _, err := s.Store.State(ctx, anomalyState, seriesKey(series))
	if err != nil {
		state = nil // its history is replayed instead
	}
	span, limit := anomaly.LookBack()
	return errors.Join(err, to.Restore(c, series, state, func(since time.Time) ([]sentinel.Point, error) {
		if since.IsZero() {
			newest, err := s.Store.Points(ctx, store.Series(series), time.Time{}, 1)
			if err != nil || len(newest) == 0 {
				return nil, err
			}
			since = newest[0].Time.Add(-span)
		}
		return s.Store.Points(ctx, store.Series(series), since, limit)
	}))
}

func seriesKey(s anomaly.Series) string {
	return fmt.Sprintf("%s\x1f%s\x1f%s", s.Check, s.Metric, s.Segment)
}

// loadDetectors restores the detectors of a part that are not in memory. It reads the
// store before the part is judged under the lock. A result without its detectors says so.
func (a *Agent) loadDetectors(ctx context.Context, b *batch, outcomes []checks.Outcome) *anomaly.Watch {
	all := &anomaly.Watch{}
	for _, s := range a.missingDetectors(b, outcomes) {
		some, err := a.scorer.load(ctx, s.config, s.list, s.result)
		if err != nil {
			a.log.ErrorContext(ctx, "restoring detectors", "check", s.result.Check, "error", err)
		}
		all.Merge(some)
	}
	return all
}

// detectorSeries are series that one kind of detector scores.
type detectorSeries struct {
	config anomaly.Config
	list   []anomaly.Series
	result *sentinel.Result // of the check whose series they are
}

// missingDetectors returns the series whose detectors are not in memory.
func (a *Agent) missingDetectors(b *batch, outcomes []checks.Outcome) (missing []detectorSeries) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, o := range outcomes {
		for k := range o.Results {
			r, c := &o.Results[k], b.checks[i][k].Common().Anomaly
			if c == nil {
				continue
			}
			if list := a.scorer.missing(*c, *r); len(list) > 0 {
				missing = append(missing, detectorSeries{*c, list, r})
			}
		}
	}
	return missing
}
