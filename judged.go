package sentinel

import (
	"slices"
	"strings"
	"time"
)

// Keys of findings that say why there was nothing to judge.
const (
	MissingTableKey = "missing_table" // the table does not exist
	EmptyKey        = "empty"         // no row, or none of a segment, has a timestamp
	NullKey         = "null"          // a statement has no value
	// UnjudgedSegmentsKey has status unknown: there are segments that were not judged.
	UnjudgedSegmentsKey = "segments"
	// UnreadSchemaKey has status unknown: parts of a schema were not compared.
	UnreadSchemaKey = "unread"
)

// Keys of findings of a rule beside bounds.
const (
	AnomalyKey = "anomaly"
	ChangeKey  = "change"
	// NotFiniteKey is of values that are NaN or infinite.
	NotFiniteKey = "not_finite"
	futureKey    = "future_timestamp"
)

// segmentRules are the rules whose findings of a segment have the key "rule:segment". The
// key of a bound is the segment itself.
var segmentRules = []string{AnomalyKey, ChangeKey, NotFiniteKey, "deadline", EmptyKey, futureKey}

// SegmentKey returns the key of a finding of a segment by a rule; "" is a bound. For all
// rows it is the rule.
func SegmentKey(rule, segment string) string {
	if rule == "" || segment == "" {
		return rule + segment
	}
	return rule + ":" + segment
}

// SegmentOf returns the segment that a finding of a check with segments is about.
func SegmentOf(key string) string {
	_, segment := splitKey(key)
	return segment
}

// RuleOf returns the rule of a finding's key beside bounds; "" if it is of a bound.
func RuleOf(key string) string {
	rule, _ := splitKey(key)
	return rule
}

// splitKey divides the key of a finding into rule and segment.
func splitKey(key string) (rule, segment string) {
	rule, segment, _ = strings.Cut(key, ":")
	if slices.Contains(segmentRules, rule) {
		return rule, segment
	}
	return "", key
}

// JudgesSegments reports whether the result judges segments one by one.
func (r Result) JudgesSegments() bool {
	return slices.ContainsFunc(r.Observations, func(o Observation) bool { return o.Segment != "" })
}

// Observes reports whether the result has an observation of the segment.
func (r Result) Observes(segment string) bool {
	return slices.ContainsFunc(r.Observations, func(o Observation) bool { return o.Segment == segment })
}

// DataTime returns the time at which the data was current that the result is about: on a
// standby that is its lag before the tick. known is false if the lag is unknown.
func (r Result) DataTime() (at time.Time, known bool) {
	switch lag := r.Evidence.Lag; {
	case lag.Absent():
		return r.Tick, true
	case !lag.Finite():
		return time.Time{}, false
	default:
		return r.Tick.Add(-time.Duration(lag.Float64() * float64(time.Second))), true
	}
}

// Predates reports whether a standby answered that may not have had yet what happened at a
// time. A server of `dsn` that is a replica and does not tell its lag is trusted: otherwise
// nothing that its checks find could end.
func (r Result) Predates(t time.Time) bool {
	at, known := r.DataTime()
	if !known {
		return r.Evidence.Server != ""
	}
	return !r.Evidence.Lag.Absent() && at.Before(t)
}

// Judges reports whether the result has judged what a finding of its check with this key is
// about: whether it found it bad, or good. Only such a result ends the finding. What could
// not be read, is still learning, or has nothing to judge leaves the finding as it is. The
// schema of a table that is gone is not judged, and neither is its data.
func (r Result) Judges(key string) bool {
	rule, segment := splitKey(key)
	segments := r.JudgesSegments()
	known, unjudged := false, false
	for _, f := range r.Findings {
		switch {
		case f.Key == key && f.Status.Bad():
			return true
		case f.Key == key:
			known = true
		case f.Key == UnjudgedSegmentsKey:
			unjudged = !r.Observes(segment)
		}
	}
	switch {
	case known || r.Status == Error || r.Status == Unknown && !segments || segments && unjudged:
		return false
	case r.nothingToJudge(rule, segment):
		return false
	case rule == AnomalyKey && (!segments || r.Observes(segment)):
		return slices.ContainsFunc(r.Scores, func(s Score) bool { return s.Segment == segment && s.State != Learning })
	}
	return true
}

// nothingToJudge reports whether a finding says that there is nothing which the rule can
// judge.
func (r Result) nothingToJudge(rule, segment string) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool {
		switch of, which := splitKey(f.Key); {
		case of == EmptyKey:
			return rule != futureKey && rule != EmptyKey && (which == "" || which == segment)
		case f.Key == NullKey || f.Key == MissingTableKey || f.Key == UnreadSchemaKey || f.Key == string(TableDropped):
			return true
		}
		return false
	})
}
