package anomaly

import (
	"encoding"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Series names one series of a check.
type Series struct{ Check, Metric, Segment string }

// Watch keeps a detector for each series of each check. It is not safe for concurrent
// use.
type Watch struct {
	checks map[string]map[Series]*watched
}

type watched struct {
	detector Detector
	name     string
	score    sentinel.Score // score of the newest point
	unsaved  int            // number of points since the state was saved
	late     lateness
}

const (
	saveEvery   = 24                   // points between two saved states; a restart replays the rest
	replayLimit = 5000                 // largest number of points that a restart replays
	replaySpan  = 400 * 24 * time.Hour // longest history that a restart replays
)

// LookBack returns how much history [Watch.Restore] uses at most.
func LookBack() (span time.Duration, points int) { return replaySpan, replayLimit }

// Has reports whether the configured detector already watches the series.
func (w *Watch) Has(c Config, s Series) bool {
	k := w.checks[s.Check][s]
	return k != nil && k.name == c.Detector
}

// Restore begins to watch a series. It decodes the saved state, if there is one, and
// replays the points after it; points returns those after a time. For a damaged state
// it replays all points and returns an error that wraps [ErrState].
func (w *Watch) Restore(c Config, s Series, state []byte,
	points func(since time.Time) ([]sentinel.Point, error)) error {
	d, err := New(c.Detector)
	if err != nil {
		return err
	}
	k := &watched{detector: d, name: c.Detector,
		score: sentinel.Score{Segment: s.Segment, State: sentinel.Learning, Reason: learning(0, 0)}}
	var damaged error
	var since time.Time
	if p, can := d.(*Profile); can && len(state) > 0 {
		if damaged = p.UnmarshalBinary(state); damaged == nil {
			since, k.late.usual = p.state.Last, p.state.Late
			k.keep(p.state.Final, s.Segment)
		}
	}
	past, err := k.history(points, since)
	if err != nil {
		return errors.Join(damaged, fmt.Errorf("history of %s %s: %w", s.Check, s.Segment, err))
	}
	for _, p := range past {
		k.observe(c, s, p)
	}
	if w.checks == nil {
		w.checks = map[string]map[Series]*watched{}
	}
	if w.checks[s.Check] == nil {
		w.checks[s.Check] = map[Series]*watched{}
	}
	w.checks[s.Check][s] = k
	if damaged != nil {
		return fmt.Errorf("%s %s: learning again from %d recorded points: %w", s.Check, s.Segment, len(past), damaged)
	}
	return nil
}

// history returns the points to replay. A state of an earlier version, without a model of
// counts, is replaced by what the recorded points teach if there are enough of them.
func (k *watched) history(
	points func(since time.Time) ([]sentinel.Point, error),
	since time.Time,
) ([]sentinel.Point, error) {
	p, can := k.detector.(*Profile)
	if since.IsZero() || !can || !p.outdated() {
		return points(since)
	}
	all, err := points(time.Time{})
	if err != nil {
		return nil, err
	}
	if len(all) < min(p.N, replayLimit)/2 {
		return points(since)
	}
	k.detector = &Profile{}
	k.score = sentinel.Score{Segment: k.score.Segment, State: sentinel.Learning, Reason: learning(0, 0)}
	return all, nil
}

// Merge adds the series of another watch that this one does not have.
func (w *Watch) Merge(other *Watch) {
	if w.checks == nil {
		w.checks = map[string]map[Series]*watched{}
	}
	for check, series := range other.checks {
		if w.checks[check] == nil {
			w.checks[check] = map[Series]*watched{}
		}
		for s, k := range series {
			if known := w.checks[check][s]; known == nil || known.name != k.name {
				w.checks[check][s] = k
			}
		}
	}
}

// observe judges and learns a point, and keeps its score. A point that was judged
// before is not learnt again, but compared with the range it had then: late rows end
// an alarm, and lost rows raise one.
func (k *watched) observe(c Config, s Series, p sentinel.Point) {
	if p.Time.Equal(k.score.Time) {
		k.revise(c, p.Value)
		return
	}
	if p.Time.Before(k.score.Time) {
		return
	}
	k.keep(k.detector.Observe(c, p), s.Segment)
	k.unsaved++
}

// keep keeps the score of the newest point. A point that goes on with an episode is an
// alarm like the first one.
func (k *watched) keep(score sentinel.Score, segment string) {
	k.score = score
	k.score.Segment = segment
	if score.State.Alarm() {
		k.score.Score = max(score.Score, 0.5)
	}
}

// revise judges a new value of the newest point by the range that the point had.
func (k *watched) revise(c Config, v float64) {
	if v == k.score.Value || k.score.State == sentinel.Learning {
		return
	}
	if p, can := k.detector.(*Profile); can {
		k.keep(p.revise(c, k.score, v), k.score.Segment)
	}
}

// SeriesOf returns the series of a result that the configuration watches. They are
// those of its finite values. A result with status Error has none.
func (w *Watch) SeriesOf(c Config, r sentinel.Result) (out []Series) {
	if r.Status == sentinel.Error {
		return nil
	}
	seen := map[string]bool{}
	for _, o := range r.Observations {
		if o.Metric == c.Metric && !seen[o.Segment] && o.Value.Finite() {
			seen[o.Segment] = true
			out = append(out, Series{r.Check, o.Metric, o.Segment})
		}
	}
	return out
}

// Score judges the values of a result, whose series must have been restored. It adds
// scores and findings to the result, and adapts its status and message.
func (w *Watch) Score(c Config, r *sentinel.Result) {
	series := w.SeriesOf(c, *r)
	if len(series) == 0 {
		NotCompared(c, r, "there is no number")
		return
	}
	known := w.checks[r.Check]
	bad := badSegments(*r) // a value beyond the check's own threshold is not normal
	for i, o := range append(append([]sentinel.Observation{}, r.Past...), r.Observations...) {
		k := known[Series{r.Check, o.Metric, o.Segment}]
		if o.Metric != c.Metric || k == nil || !o.Value.Finite() {
			continue
		}
		p := sentinel.Point{Time: o.Bucket, Value: o.Value.Float64(), Bad: bad[o.Segment]}
		ready := []sentinel.Point{p}
		switch {
		case p.Time.IsZero():
			ready[0].Time = r.Tick
		case i >= len(r.Past):
			ready = k.late.count(p, r.Tick)
		}
		for _, p := range ready {
			k.observe(c, Series{Segment: o.Segment}, p)
		}
	}
	var waits time.Duration
	for _, s := range series {
		k := known[s]
		if k == nil { // a later result restores it
			continue
		}
		w.conclude(c, r, k.score)
		waits = max(waits, k.late.waits(r.Tick))
	}
	if len(r.Scores) < len(series) {
		NotCompared(c, r, "its history could not be read")
	}
	if len(r.Scores) == 0 {
		return
	}
	w.summarise(c, r)
	if waits > 0 && r.Status != sentinel.Unknown {
		r.Message += "; " + waitMessage(waits)
	}
}

// badSegments returns the segments whose values crossed the check's own thresholds; "" for
// a check without segments.
func badSegments(r sentinel.Result) map[string]bool {
	bad := map[string]bool{"": r.Status.Bad()}
	for _, f := range r.Findings {
		if f.Status.Bad() {
			bad[f.Key] = true
			_, segment, _ := strings.Cut(f.Key, ":") // "change:country=DE"
			bad[segment] = true
		}
	}
	return bad
}

// conclude adds a score to the result, and a finding if it is an alarm. A value that is
// back in its range is no alarm, but does not end the incident yet.
func (w *Watch) conclude(c Config, r *sentinel.Result, s sentinel.Score) {
	r.Scores = append(r.Scores, s)
	if !s.State.Alarm() && s.State != sentinel.Recovering {
		return
	}
	where := ""
	if s.Segment != "" {
		where = s.Segment + ": "
	}
	f := sentinel.Finding{
		Key:      sentinel.SegmentKey(sentinel.AnomalyKey, s.Segment),
		Status:   sentinel.Fail,
		Message:  where + s.Reason,
		Observed: sentinel.Float(s.Value),
	}
	if e := (expected{low: s.Low, high: s.High}); e.stated() {
		f.Expected = e.text(e.extra(s.Value))
	}
	switch {
	case !s.State.Alarm():
		f.Status = sentinel.Unknown
	case c.Status == "warn":
		f.Status = sentinel.Warn
	}
	r.Findings = append(r.Findings, f)
}

// NotCompared says why a passing result was not compared with what is normal. It is
// unknown if the check has no threshold that judged it.
func NotCompared(c Config, r *sentinel.Result, why string) {
	if r.Status != sentinel.Pass {
		return
	}
	r.Message += "; not compared with the past: " + why
	if c.Alone {
		r.Status = sentinel.Unknown
	}
}

// summarise sets the result's status and message by its scores.
func (w *Watch) summarise(c Config, r *sentinel.Result) {
	first := r.Scores[0]
	if first.Segment != "" {
		summariseLearning(c, r)
	}
	switch worst := sentinel.Worst(r.Findings); {
	case worst.Worse(r.Status):
		for _, f := range r.Findings {
			if f.Status == worst {
				r.Message = f.Message
				break
			}
		}
		r.Status = worst
	case r.Status != sentinel.Pass || len(r.Scores) > 1:
	case first.State == sentinel.Learning:
		r.Message += "; " + first.Reason
		if c.Alone {
			r.Status = sentinel.Unknown
		}
	default:
		if e := (expected{low: first.Low, high: first.High}); e.stated() {
			r.Message += fmt.Sprintf("; %s expected", e.text(e.extra(first.Value)))
		}
	}
}

// summariseLearning says how many segments have no range yet. The check has judged
// nothing of them, so if it has no other rule it does not pass.
func summariseLearning(c Config, r *sentinel.Result) {
	n, why := 0, ""
	for _, s := range r.Scores {
		if s.State == sentinel.Learning {
			n++
			why = s.Segment + " " + s.Reason
		}
	}
	if n == 0 {
		return
	}
	if r.Status == sentinel.Pass || r.Status == sentinel.Unknown {
		r.Message += fmt.Sprintf("; %d of %d segments have too short a past: %s", n, len(r.Scores), why)
	}
	if r.Status == sentinel.Pass && c.Alone {
		r.Status = sentinel.Unknown
	}
}

// Saved is the encoded state of a series.
type Saved struct {
	Series Series
	Data   []byte
}

// Unsaved returns the states of a check's series that should be saved now, because
// many points have come since the last time. It counts them as saved.
func (w *Watch) Unsaved(check string) (out []Saved, err error) {
	for s, k := range w.checks[check] {
		if k.unsaved < saveEvery {
			continue
		}
		m, can := k.detector.(encoding.BinaryMarshaler)
		if !can {
			continue // its history is replayed
		}
		if p, can := k.detector.(*Profile); can {
			p.state.Late = k.late.usual
		}
		data, err := m.MarshalBinary()
		if err != nil {
			return out, err
		}
		out = append(out, Saved{s, data})
		k.unsaved = 0
	}
	return out, nil
}

// Forget removes the series of one check.
func (w *Watch) Forget(check string) { delete(w.checks, check) }

// Retain removes the series of all checks that are not in the set.
func (w *Watch) Retain(checks map[string]bool) {
	for id := range w.checks {
		if !checks[id] {
			delete(w.checks, id)
		}
	}
}
