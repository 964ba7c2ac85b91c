package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/store"
)

// Scorer compares results with what is normal for their series. The store has the
// state of a detector as of a while ago; a restart replays the observations since.
// It must not be used concurrently.
type Scorer struct {
	Store *store.Store
	watch anomaly.Watch
}

// anomalyState is the kind of the states of detectors in the store.
const anomalyState = "anomaly"

// Forget drops the detectors of a check, so that they learn again. It is for a check
// a part of whose series has been labelled.
func (s *Scorer) Forget(check string) { s.watch.Forget(check) }

// emptyStates returns the states of a check's series without their detectors. They
// are to be recorded once the scorer has forgotten the check.
func (s *Scorer) emptyStates(ctx context.Context, check string) (states []store.State, err error) {
	series, err := s.Store.SeriesOf(ctx, check)
	for _, v := range series {
		states = append(states, store.State{Kind: anomalyState, Key: seriesKey(anomaly.Series(v))})
	}
	return states, err
}

// Score adds scores, and the findings from them, to a result of a check with
// `anomaly:`. The states are to be recorded with the result. An error says which
// detectors could not be restored; they start again, and the others are applied.
func (s *Scorer) Score(ctx context.Context, c anomaly.Config, r *sentinel.Result) (states []store.State, err error) {
	restored, err := s.load(ctx, c, s.missing(c, *r))
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

// load restores the detectors of series from the store. It does not change the
// scorer, so it needs no lock.
func (s *Scorer) load(ctx context.Context, c anomaly.Config, list []anomaly.Series) (*anomaly.Watch, error) {
	restored := &anomaly.Watch{}
	var problems []error
	for _, series := range list {
		problems = append(problems, s.restore(ctx, restored, c, series))
	}
	return restored, errors.Join(problems...)
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
	state, _, err := s.Store.State(ctx, anomalyState, seriesKey(series))
	if err != nil {
		state = nil // its history is replayed instead
	}
	span, limit := anomaly.LookBack()
	return errors.Join(err, to.Restore(c, series, state, func(since time.Time) ([]sentinel.Point, error) {
		if since.IsZero() {
			newest, err := s.Store.Points(ctx, series.Check, series.Metric, series.Segment, time.Time{}, 1)
			if err != nil || len(newest) == 0 {
				return nil, err
			}
			since = newest[0].Time.Add(-span)
		}
		return s.Store.Points(ctx, series.Check, series.Metric, series.Segment, since, limit)
	}))
}

func seriesKey(s anomaly.Series) string {
	return fmt.Sprintf("%s\x1f%s\x1f%s", s.Check, s.Metric, s.Segment)
}
