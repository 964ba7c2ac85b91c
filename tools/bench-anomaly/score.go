package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel/anomaly/backtest"
)

// Profiles are the weights of NAB v1.1 for a detected window, a false alarm and a
// missed window.
var Profiles = map[string][3]float64{"standard": {1, 0.11, 1}, "reward_low_FP_rate": {1, 0.22, 1}, "reward_low_FN_rate": {1, 0.11, 2}}

// Report holds the scores of a set of files.
type Report struct {
	NAB                   map[string]float64 // by profile
	Windows, Detected     int
	FalseEpisodes         int
	Precision, Recall, F1 float64
	FalsePerWeek          float64 // per week of a series, outside of windows
	SeriesWeeks           float64
	Delays                []int // points from a window's start to its first alarm, one a detected window, sorted
}

// scored is one result file with its windows as index ranges.
type scored struct {
	name    string
	times   []time.Time
	scores  []float64
	windows [][2]int
}

// probation returns the number of first points of a file that are not scored.
func probation(n int) float64 { return min(math.Floor(0.15*float64(n)), 0.15*5000) }

func (s *scored) begin() int { return int(math.Ceil(probation(len(s.times)))) }

// Score scores the results under dir against labels at an alarm threshold. Alarms in
// neutral windows have no effect.
func Score(dir string, labels, neutral backtest.Labels, threshold float64) (Report, error) {
	var all []scored
	var names []string
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s, err := readScored(filepath.Join(dir, name), name, labels[name])
		if err != nil {
			return Report{}, err
		}
		all = append(all, s)
	}
	r := Report{NAB: map[string]float64{}}
	for profile, weights := range Profiles {
		r.NAB[profile] = nab(all, threshold, weights)
	}
	return r, r.detect(all, neutral, threshold)
}

func readScored(path, name string, windows []backtest.Window) (s scored, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil || len(records) == 0 {
		return s, fmt.Errorf("%s: no rows (%w)", path, err)
	}
	at, score := slices.Index(records[0], "timestamp"), slices.Index(records[0], "score")
	if at < 0 || score < 0 {
		return s, fmt.Errorf("%s: want the columns timestamp and score", path)
	}
	s.name = name
	for _, rec := range records[1:] {
		t, err := backtest.ParseTime(rec[at])
		if err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
		v, err := strconv.ParseFloat(rec[score], 64)
		if err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
		s.times, s.scores = append(s.times, t), append(s.scores, v)
	}
	for _, w := range windows {
		a, b, err := w.Times()
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		if from, to, ok := s.span(a, b); ok {
			s.windows = append(s.windows, [2]int{from, to})
		}
	}
	return s, nil
}

// span returns the first row at or after a and the last at or before b. If both times
// have rows of their own, it returns the first row of each.
func (s *scored) span(a, b time.Time) (from, to int, ok bool) {
	first := func(t time.Time) int { return slices.IndexFunc(s.times, t.Equal) }
	if from, to = first(a), first(b); from >= 0 && to >= 0 {
		return from, to, true
	}
	from = slices.IndexFunc(s.times, func(t time.Time) bool { return !t.Before(a) })
	to = -1
	for i := len(s.times) - 1; i >= 0 && to < 0; i-- {
		if !s.times[i].After(b) {
			to = i
		}
	}
	return from, to, from >= 0 && to >= from
}

// sigmoid is the scaled sigmoid of NAB.
func sigmoid(x float64) float64 {
	if x > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*x)) - 1
}

// place is the value of an alarm at a point before weighting, and its window.
type place struct {
	value  float64
	window int // -1: none
}

func (s *scored) places() []place {
	out := make([]place, len(s.times))
	next, current, previous := 0, -1, -1
	for i := range s.times {
		if current < 0 && next < len(s.windows) && i >= s.windows[next][0] {
			current = next
			next++
		}
		switch {
		case current >= 0:
			a, b := s.windows[current][0], s.windows[current][1]
			out[i] = place{sigmoid(-float64(b-i+1)/float64(b-a+1)) / sigmoid(-1), current}
			if i == b {
				previous, current = current, -1
			}
		case previous < 0:
			out[i] = place{-1, -1}
		default:
			a, b := s.windows[previous][0], s.windows[previous][1]
			out[i] = place{sigmoid(math.Abs(float64(b-i)) / max(float64(b-a), 1)), -1}
		}
	}
	return out
}

// nab returns the normalised score of NAB v1.1: 0 without any alarm, 100 for perfect
// detection.
func nab(all []scored, threshold float64, weights [3]float64) float64 {
	raw, windows, live := 0.0, 0, 0
	for i := range all {
		s := &all[i]
		best := map[int]float64{}
		for k, p := range s.places() {
			if float64(k) < probation(len(s.times)) {
				continue
			}
			if p.window >= 0 {
				if _, seen := best[p.window]; !seen {
					best[p.window] = -weights[2]
				}
			}
			if s.scores[k] < threshold {
				continue
			}
			if p.window < 0 {
				raw += p.value * weights[1]
			} else {
				best[p.window] = max(best[p.window], p.value*weights[0])
			}
		}
		for _, v := range best {
			raw += v
		}
		windows += len(s.windows)
		for _, w := range s.windows {
			if float64(w[1]) >= probation(len(s.times)) {
				live++
			}
		}
	}
	null := -weights[2] * float64(live)
	return 100 * (raw - null) / (float64(windows)*weights[0] - null)
}

// Alarms closer than these limits are one episode. An episode ends after a day and
// seven points.
const (
	mergePoints = 2
	mergeTime   = 6 * time.Hour
)

func (r *Report) detect(all []scored, neutral backtest.Labels, threshold float64) error {
	for i := range all {
		s := &all[i]
		inside := make([]int, len(s.times)) // window + 1; 0: none, -1: neutral
		for k, w := range s.windows {
			for j := w[0]; j <= w[1]; j++ {
				inside[j] = k + 1
			}
		}
		for _, w := range neutral[s.name] {
			a, b, err := w.Times()
			if err != nil {
				return err
			}
			for j, t := range s.times {
				if !t.Before(a) && !t.After(b) && inside[j] == 0 {
					inside[j] = -1
				}
			}
		}
		r.file(s, inside, threshold)
	}
	if r.Detected+r.FalseEpisodes > 0 {
		r.Precision = float64(r.Detected) / float64(r.Detected+r.FalseEpisodes)
	}
	if r.Windows > 0 {
		r.Recall = float64(r.Detected) / float64(r.Windows)
	}
	if r.Precision+r.Recall > 0 {
		r.F1 = 2 * r.Precision * r.Recall / (r.Precision + r.Recall)
	}
	if r.SeriesWeeks > 0 {
		r.FalsePerWeek = float64(r.FalseEpisodes) / r.SeriesWeeks
	}
	sort.Ints(r.Delays)
	return nil
}

func (r *Report) file(s *scored, inside []int, threshold float64) {
	hit := map[int]int{}
	last, start := -1, -1
	for i := s.begin(); i < len(s.times); i++ {
		if s.scores[i] < threshold || inside[i] < 0 {
			continue
		}
		if k := inside[i]; k > 0 {
			if _, seen := hit[k]; !seen {
				hit[k] = i
			}
			last = -1
			continue
		}
		chained := last >= 0 && (i-last <= mergePoints || s.times[i].Sub(s.times[last]) <= mergeTime)
		if chained && i-start >= 7 && s.times[i].Sub(s.times[start]) >= 24*time.Hour {
			chained = false
		}
		if !chained {
			r.FalseEpisodes++
			start = i
		}
		last = i
	}
	for _, w := range s.windows {
		if float64(w[1]) >= probation(len(s.times)) {
			r.Windows++
		}
	}
	r.Detected += len(hit)
	for k, i := range hit {
		r.Delays = append(r.Delays, max(0, i-s.windows[k-1][0]))
	}
	for i := s.begin() + 1; i < len(s.times); i++ {
		if inside[i] == 0 {
			r.SeriesWeeks += min(s.times[i].Sub(s.times[i-1]).Hours(), 7*24) / (7 * 24)
		}
	}
}
