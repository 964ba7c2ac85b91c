package exporters

import (
	"maps"
	"slices"

	"github.com/sentinel-dq/sentinel"
)

// samplesOf returns the samples of a result, sorted by metric. The result of a check
// that could not run changes only the status. The last numbers stay, with their age.
func (s *seriesSet) samplesOf(r *sentinel.Result, last []sample) []sample {
	status := s.index[CheckStatus.Name]
	out := make([]sample, 0, 2+len(r.Observations)+3*len(r.Scores))
	add := func(m Metric, value sentinel.Number, labels ...string) {
		out = append(out, sample{metric: s.index[m.Name], labels: labels, value: value})
	}
	add(CheckStatus, sentinel.Int(int64(r.Status)), r.Kind)
	if r.Status == sentinel.Error {
		for _, v := range last {
			if v.metric != status {
				out = append(out, v)
			}
		}
		return out
	}
	add(CheckLastRun, sentinel.Float(float64(r.Tick.UnixMilli())/1000))
	for _, o := range r.Observations {
		m := metricOf(o.Metric)
		switch {
		case o.Value.Absent():
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
	slices.SortStableFunc(out, func(a, b sample) int { return a.metric - b.metric })
	return out
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
	case "missing_partitions":
		return MissingPartitions
	}
	return CheckValue
}
