package sentinel

import "time"

// Observation is one number at one tick.
type Observation struct {
	Metric  string    // row_count, freshness_seconds, value, ...
	Segment string    // "" for the whole, else "column=value, ..." (see checks)
	Bucket  time.Time // start of the closed time window the number covers; zero when it covers none
	Value   Number
}

// Point is one value of a series, oldest first wherever points come in slices.
type Point struct {
	Time  time.Time // the bucket's start, or the tick where there is no bucket
	Value float64
	Bad   bool // labelled by people or a resolved incident: never part of a baseline
}

// Result is one run of one check at one tick.
type Result struct {
	Check    string // the check's stable id
	Kind     string // freshness, row_count, schema, sql, ...
	Table    Table
	Tick     time.Time     // the scheduled instant, not the wall clock
	Duration time.Duration // time spent asking and judging
	Status   Status        // the worst of Findings, pass without any
	Message  string        // one line for people: what was seen and what was expected
	Evidence Evidence

	Observations []Observation
	Past         []Observation // values of earlier buckets, oldest first: read once, when nothing was remembered of the check
	Findings     []Finding     // what is not as it must be, one per segment or drift; empty on pass
	Drifts       []Drift       // schema checks: all differences, also the ignored ones
	Scores       []Score       // anomaly scores, where a detector looked
}

// Finding is one thing wrong. Its Key is stable from tick to tick: incidents
// open, stay and resolve by (check, key).
type Finding struct {
	Key      string // "" for the check as a whole; "country=DE", "future_timestamp", "column_removed:note", ...
	Status   Status
	Message  string // one line: observed, expected, since when
	Observed Number
	Expected string // the bound in words: "> 0", "at most 1h"
}

// Evidence says where an answer came from and how far to trust it.
type Evidence struct {
	Source     string // scan, index, catalog_estimate, change_counters, control_query, ...
	Confidence Confidence
	AsOf       time.Time // the database's clock when it was read; zero if it was not asked
	Note       string    // what a reader should know: "standby", "unchanged since 11:05"
}

// Confidence grades evidence.
type Confidence string

const (
	Exact     Confidence = "exact"     // the number itself was computed
	Bounded   Confidence = "bounded"   // a part was read that decides the question for certain
	Estimated Confidence = "estimated" // the engine's own estimate
)

// Worst folds findings into the status of a result.
func Worst(findings []Finding) Status {
	worst := Pass
	for _, f := range findings {
		if f.Status.Worse(worst) {
			worst = f.Status
		}
	}
	return worst
}

// Score is what an anomaly detector says of one point.
type Score struct {
	Segment string
	Time    time.Time // the point's time
	Value   float64
	Score   float64 // 0 (as usual) to 1; an alarm at 0.5 and above
	Low     float64 // expected range; NaN while learning
	High    float64
	State   ScoreState
	Reason  string // one line: "812 rows, expected 9,400 to 11,200 for a Monday 02:00"
}

// ScoreState is where a series stands.
type ScoreState string

const (
	Learning   ScoreState = "learning"   // not enough points yet: the status is unknown
	Normal     ScoreState = "normal"     // inside the expected range
	Onset      ScoreState = "onset"      // first alarm of an episode
	Ongoing    ScoreState = "ongoing"    // inside an episode already told
	Recovering ScoreState = "recovering" // back in range, not yet for long enough
	LevelShift ScoreState = "level_shift"
	SlowDrift  ScoreState = "slow_drift"
)

// Risk is the probability that a dataset misses its next deadline.
type Risk struct {
	Table       Table
	Deadline    time.Time
	Probability float64       // 0 to 1
	Arrival     time.Time     // expected arrival; zero when it cannot be told
	Left        time.Duration // deadline - now
	Reasons     []string      // the largest contributions, in plain words, most important first
	Model       string        // which model answered: own, pooled, base_rate
}
