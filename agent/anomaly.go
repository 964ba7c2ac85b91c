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

// Scorer holds results against what is normal for their series. What the
// detectors learnt is kept in the store now and then; a restart replays the
// observations remembered since.
type Scorer struct {
	Store *store.Store
	watch anomaly.Watch
}

const anomalyState = "anomaly"

// Forget makes the scorer learn a check's series anew, because people have
// labelled a part of it.
func (s *Scorer) Forget(check string) { s.watch.Forget(check) }

// forgotten are the states of a check's series without what was learnt. They are
// to be recorded once the scorer has forgotten the check.
func (s *Scorer) forgotten(ctx context.Context, check string) (states []store.State, err error) {
	series, err := s.Store.SeriesOf(ctx, check)
	for _, v := range series {
		states = append(states, store.State{Kind: anomalyState, Key: seriesKey(anomaly.Series(v))})
	}
	return states, err
}

// Score adds scores and what they find to a result of a check with `anomaly:`.
// The states are to be recorded with it. An error says which series start anew;
// the result is scored all the same where it can be.
func (s *Scorer) Score(ctx context.Context, c anomaly.Config, r *sentinel.Result) (states []store.State, err error) {
	learnt, err := s.load(ctx, c, s.unknown(c, *r))
	s.watch.Merge(learnt)
	states, scored := s.score(c, r)
	return states, errors.Join(err, scored)
}

// unknown are the series of a result that have no detector yet.
func (s *Scorer) unknown(c anomaly.Config, r sentinel.Result) (list []anomaly.Series) {
	for _, series := range s.watch.SeriesOf(c, r) {
		if !s.watch.Has(c, series) {
			list = append(list, series)
		}
	}
	return list
}

// load reads what is remembered of series. It does not change the scorer, so that
// it needs no lock.
func (s *Scorer) load(ctx context.Context, c anomaly.Config, list []anomaly.Series) (*anomaly.Watch, error) {
	learnt := &anomaly.Watch{}
	var problems []error
	for _, series := range list {
		problems = append(problems, s.restore(ctx, learnt, c, series))
	}
	return learnt, errors.Join(problems...)
}

// score judges a result from memory alone.
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
