package exporters

import (
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// samplesOf returns the samples of a result, sorted by metric. The result of a check
// that could not run changes only the status and the time of the last try. The last
// numbers stay, with their age, but not the age of the data, which would stand still. next is
// when the check runs next; absent: never.
func (s *seriesSet) samplesOf(r *sentinel.Result, last []sample, next sentinel.Number) []sample {
	size := len(last) // most results have as many samples as the one before
	if size == 0 {
		size = 5 + len(r.Observations) + 3*len(r.Scores)
	}
	out := make([]sample, 0, size)
	add := func(m Metric, value sentinel.Number, labels ...string) {
		out = append(out, sample{metric: s.index[m.Name], labels: labels, value: value})
	}
	tick := sentinel.Float(float64(r.Tick.UnixMilli()) / 1000)
	add(CheckStatus, sentinel.Int(int64(r.Status)), r.Kind)
	if !next.Absent() {
		add(CheckNextRun, next)
	}
	if r.Status == sentinel.Error {
		add(CheckLastTry, tick)
		out = append(out, s.kept(last)...)
		sortSamples(out)
		return out
	}
	add(CheckLastRun, tick)
	add(CheckLastTry, tick)
	good := tick
	if r.Status != sentinel.Pass {
		good = s.valueOf(CheckLastGood, last)
	}
	if !good.Absent() {
		add(CheckLastGood, good)
	}
	for _, o := range r.Observations {
		m := metricOf(o.Metric)
		difference, rows := strings.CutPrefix(o.Metric, "rows_")
		switch {
		case o.Value.Absent():
		case rows && r.Kind == "reconcile":
			add(ReconcileRows, o.Value, difference)
		case r.Kind == "distribution" && o.Metric == "value":
			add(DistributionDistance, o.Value)
		case m.bySegment():
			add(m, o.Value, o.Segment)
		default:
			add(m, o.Value)
		}
	}
	drifts := countDrifts(r.Drifts)
	for _, kind := range slices.Sorted(maps.Keys(drifts)) {
		add(SchemaDrifts, sentinel.Int(drifts[kind]), string(kind))
	}
	for _, v := range r.Scores {
		add(AnomalyScore, sentinel.Float(v.Score), v.Segment)
		if v.Low != v.Low || v.High != v.High { // NaN: the range is not known yet
			continue
		}
		add(ExpectedLow, sentinel.Float(v.Low), v.Segment)
		add(ExpectedHigh, sentinel.Float(v.High), v.Segment)
	}
	sortSamples(out)
	return out
}

// kept returns the samples that stay when a check could not run.
func (s *seriesSet) kept(last []sample) (kept []sample) {
	replaced := []int{
		s.index[CheckStatus.Name], s.index[CheckLastTry.Name], s.index[CheckNextRun.Name], s.index[Freshness.Name],
	}
	for _, v := range last {
		if !slices.Contains(replaced, v.metric) {
			kept = append(kept, v)
		}
	}
	return kept
}

// valueOf returns the value of a metric without labels of its own; absent if there is none.
func (s *seriesSet) valueOf(m Metric, of []sample) (n sentinel.Number) {
	metric := s.index[m.Name]
	if at := slices.IndexFunc(of, func(v sample) bool { return v.metric == metric }); at >= 0 {
		n = of[at].value
	}
	return n
}

// sortSamples sorts samples by metric.
func sortSamples(of []sample) {
	slices.SortStableFunc(of, func(a, b sample) int { return a.metric - b.metric })
}

// countDrifts counts the differences that are not ignored, by kind.
func countDrifts(all []sentinel.Drift) map[sentinel.DriftKind]int64 {
	if len(all) == 0 {
		return nil
	}
	n := map[sentinel.DriftKind]int64{}
	for _, d := range all {
		if d.Status != sentinel.Pass {
			n[d.Kind]++
		}
	}
	return n
}

// metricOf returns the metric of an observation.
func metricOf(observation string) Metric {
	switch observation {
	case "freshness_seconds":
		return Freshness
	case "newest_timestamp_seconds":
		return NewestTimestamp
	case "row_count":
		return RowCount
	case "failed_rows":
		return FailedRows
	case "examined_rows":
		return ExaminedRows
	case "missing_partitions":
		return MissingPartitions
	}
	return CheckValue
}
