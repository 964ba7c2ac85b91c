package backtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// Replayed is the outcome of one detector on one series.
type Replayed struct {
	Detector string
	Scores   []sentinel.Score // one score per row
	Weeks    float64          // length of the series
	Learning int              // number of points that were not judged
	Alarms   []sentinel.Score // scores of 0.5 and above
	Labelled *Labelled        // nil without labels
}

// Labelled compares alarms with labelled windows. The first 15 % of the points, at most
// 750, are not scored, as in the Numenta Anomaly Benchmark.
type Labelled struct {
	Windows int             // number of labelled windows that are scored
	Found   int             // number of windows with an alarm
	False   int             // number of episodes outside all windows; alarms close to each other are one
	Delays  []time.Duration // time from the start of each found window to its first alarm
}

// Precision returns the share of found windows among these and the false alarms.
func (l Labelled) Precision() float64 { return float64(l.Found) / float64(max(1, l.Found+l.False)) }

// Recall returns the share of windows with an alarm.
func (l Labelled) Recall() float64 { return float64(l.Found) / float64(max(1, l.Windows)) }

// Compare replays a series through one detector, and compares its alarms with the
// windows. Windows may be nil.
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
	if windows != nil {
		r.Labelled, err = judge(scores, windows)
	}
	return r, err
}

// The points that are not scored, and the distance of alarms that are one episode.
const (
	probation    = 0.15
	maxProbation = 750
	mergePoints  = 2
	mergeTime    = 6 * time.Hour
	longestMerge = 24 * time.Hour
)

// judge compares alarms with labelled windows by the rules of tools/bench-anomaly.
func judge(scores []sentinel.Score, windows []Window) (*Labelled, error) {
	begin := int(min(probation*float64(len(scores)), maxProbation))
	l := &Labelled{}
	inside := make([]bool, len(scores))
	for _, w := range windows {
		from, to, err := w.Times()
		if err != nil {
			return nil, fmt.Errorf("labels: %w", err)
		}
		if begin >= len(scores) || to.Before(scores[begin].Time) {
			continue
		}
		l.Windows++
		found := false
		for i, s := range scores {
			if s.Time.Before(from) || s.Time.After(to) {
				continue
			}
			inside[i] = true
			if i >= begin && !found && s.Score >= 0.5 {
				found = true
				l.Found++
				l.Delays = append(l.Delays, s.Time.Sub(from))
			}
		}
	}
	l.False = falseEpisodes(scores, inside, begin)
	return l, nil
}

// falseEpisodes counts the episodes outside all windows.
func falseEpisodes(scores []sentinel.Score, inside []bool, begin int) (n int) {
	last, start := -1, -1
	for i := begin; i < len(scores); i++ {
		switch {
		case scores[i].Score < 0.5:
			continue
		case inside[i]:
			last = -1
			continue
		}
		near := last >= 0 && (i-last <= mergePoints || scores[i].Time.Sub(scores[last].Time) <= mergeTime)
		if !near || i-start >= 7 && scores[i].Time.Sub(scores[start].Time) >= longestMerge {
			n++
			start = i
		}
		last = i
	}
	return n
}

// Replay runs a detector over a series. The detector judges each point before it learns
// it. Replay returns one score per row.
func Replay(detector string, c anomaly.Config, rows []Row) ([]sentinel.Score, error) {
	d, err := anomaly.New(detector)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	out := make([]sentinel.Score, len(rows))
	for i, r := range rows {
		out[i] = d.Observe(c, r.Point)
	}
	return out, nil
}

// WriteFolder replays every file below dir that the labels file names. It writes
// timestamp,value,score to the same relative path below out. A score of 0.5 and above
// is an alarm, which only the first point of an episode has. It ignores the windows of
// the labels. It returns the number of files written.
func WriteFolder(dir, labels, out string, c anomaly.Config) (files int, err error) {
	names, err := Names(labels)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if !filepath.IsLocal(name) {
			return files, fmt.Errorf("%s: %q leads out of the folder", labels, name)
		}
		rows, err := ReadSeries(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) { // nab_windows.json may name files relative to nab/
			set, _, _ := strings.Cut(filepath.Base(labels), "_windows")
			rows, err = ReadSeries(filepath.Join(dir, set, name))
		}
		if err != nil {
			return files, err
		}
		scores, err := Replay(c.Detector, c, rows)
		if err != nil {
			return files, err
		}
		if err := writeScored(filepath.Join(out, name), rows, scores); err != nil {
			return files, err
		}
		files++
	}
	return files, nil
}

func writeScored(path string, rows []Row, scores []sentinel.Score) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return WriteScores(f, rows, scores)
}
