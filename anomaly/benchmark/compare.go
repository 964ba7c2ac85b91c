package benchmark

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// Replayed is what one detector says of one series.
type Replayed struct {
	Detector string
	Scores   []sentinel.Score
	Weeks    float64 // that the series spans
	Learning int     // points nothing could be said of
	Alarms   []sentinel.Score
	Labelled *Labelled // nil without labels
}

// Labelled is what labels say of a replay.
type Labelled struct {
	Windows, Found, False int
	Delays                []time.Duration // from a window's start to its first alarm, in the order of the windows found
}

// Precision is the share of alarms' episodes that lie in a window.
func (l Labelled) Precision() float64 { return float64(l.Found) / float64(max(1, l.Found+l.False)) }

// Recall is the share of windows with an alarm.
func (l Labelled) Recall() float64 { return float64(l.Found) / float64(max(1, l.Windows)) }

// Compare replays a series through one detector. Windows may be nil. Unlike
// [Score] every point counts, also those a detector has just begun to judge.
func Compare(detector string, c anomaly.Config, rows []Row, windows []Window) (Replayed, error) {
	c.Detector = detector
	scores, err := Replay(detector, c, rows)
	if err != nil {
		return Replayed{}, err
	}
	r := Replayed{Detector: detector, Scores: scores}
	if len(rows) > 1 {
		r.Weeks = rows[len(rows)-1].Point.Time.Sub(rows[0].Point.Time).Hours() / (24 * 7)
	}
	for _, s := range scores {
		if s.State == sentinel.Learning {
			r.Learning++
		}
		if s.Score >= 0.5 {
			r.Alarms = append(r.Alarms, s)
		}
	}
	if windows == nil {
		return r, nil
	}
	r.Labelled = &Labelled{Windows: len(windows)}
	told := make([]bool, len(r.Alarms))
	for _, w := range windows {
		from, to, err := w.times()
		if err != nil {
			return r, fmt.Errorf("labels: %w", err)
		}
		found := false
		for i, a := range r.Alarms {
			if !a.Time.Before(from) && !a.Time.After(to) {
				if told[i] = true; !found {
					found = true
					r.Labelled.Delays = append(r.Labelled.Delays, a.Time.Sub(from))
				}
			}
		}
		if found {
			r.Labelled.Found++
		}
	}
	for _, t := range told {
		if !t {
			r.Labelled.False++
		}
	}
	return r, nil
}
