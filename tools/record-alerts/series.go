package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rules"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

var metricName = regexp.MustCompile(`\b(sentinel_[a-z_]+|process_start_time_seconds)\b`)

// objective is that of the situations with one.
var objective = slo.Objective{Target: .999, Window: 30 * 24 * time.Hour}

// usedByRules returns the names of the metrics in the rules.
func usedByRules() (map[string]bool, error) {
	names := map[string]bool{}
	texts := [][]byte{}
	files, err := rules.Files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := rules.Files.ReadFile(f.Name())
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	text, err := rules.ForObjectives([]slo.Objective{objective})
	if err != nil {
		return nil, err
	}
	for _, text := range append(texts, text) {
		for _, name := range metricName.FindAllString(string(text), -1) {
			names[name] = true
		}
	}
	return names, nil
}

// recording has the values of series, one a step; NaN with the mark missing where there is
// none.
type recording struct {
	steps  int
	series map[string][]string
}

const missing = "_"

// add adds the value of a series at a step.
func (r *recording) add(name string, step int, value float64) {
	values := r.series[name]
	for len(values) < step {
		values = append(values, missing)
	}
	r.series[name] = append(values, strconv.FormatFloat(math.Round(value*1e4)/1e4, 'f', -1, 64))
}

// scraped adds one scrape of an agent. Times are seconds after the start of the recording.
func (r *recording) scraped(m scaled.Metrics, used map[string]bool, instance string, s scrape) {
	for name, family := range m {
		if !used[name] {
			continue
		}
		for _, series := range family.GetMetric() {
			value := scaled.Value(series)
			switch {
			case name == "process_start_time_seconds": // the only time that is the machine's
				value = s.clock.At(time.UnixMilli(int64(value * 1000))).Sub(s.begin).Seconds()
			case name == "sentinel_time_seconds": // as if the scrape was in time
				value = math.Round(s.ideal().Seconds() + s.skew(time.UnixMilli(int64(value*1000))).Seconds())
			case strings.HasSuffix(name, "_timestamp_seconds"):
				value -= float64(s.begin.UnixMilli()) / 1000
			}
			r.add(name+labels(series, instance), s.step, value)
		}
	}
}

// scrape says when a scrape was, and when it should have been.
type scrape struct {
	clock    sentinel.ScaledClock
	begin    time.Time // of the recording
	from, to time.Time // when the scrape began and ended
	step     int
	every    time.Duration
}

// skew returns by how much a clock is ahead that showed a time during the scrape. What the
// scrape takes itself is much on a fast clock, and is none.
func (s scrape) skew(shown time.Time) time.Duration {
	switch {
	case shown.After(s.to):
		return shown.Sub(s.to)
	case shown.Before(s.from):
		return shown.Sub(s.from)
	}
	return 0
}

func (s scrape) ideal() time.Duration { return time.Duration(s.step) * s.every }

// labels writes the labels of a series, with those that Prometheus adds.
func labels(series *dto.Metric, instance string) string {
	parts := []string{`job="sentinel"`, fmt.Sprintf("instance=%q", instance)}
	for _, l := range series.GetLabel() {
		parts = append(parts, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// text writes the recording as promtool reads it: VALUExN stands for a value and N more of
// it, _xN for N steps without one. A series ends with a mark of staleness.
func (r *recording) text() string {
	var b strings.Builder
	names := make([]string, 0, len(r.series))
	for name := range r.series {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := r.series[name]
		if len(values) < r.steps {
			values = append(values, missing)
		}
		var runs []string
		for i := 0; i < len(values); {
			n := 1
			for i+n < len(values) && values[i+n] == values[i] {
				n++
			}
			switch {
			case values[i] == missing && i == 0:
				runs = append(runs, fmt.Sprintf("_x%d", n))
			case values[i] == missing && n == 1:
				runs = append(runs, "stale")
			case values[i] == missing:
				runs = append(runs, fmt.Sprintf("stale _x%d", n-1))
			case n == 1:
				runs = append(runs, values[i])
			default:
				runs = append(runs, fmt.Sprintf("%sx%d", values[i], n-1))
			}
			i += n
		}
		fmt.Fprintf(&b, "%s %s\n", name, strings.Join(runs, " "))
	}
	return b.String()
}
