package sentinel

import (
	"encoding/json"
	"math"
	"time"
)

// Observation is one number at one tick.
type Observation struct {
	Metric  string `json:"metric"`            // row_count, freshness_seconds, value, ...
	Segment string `json:"segment,omitempty"` // "" for the whole, else "column=value, ..." (see checks)
	// Start of the closed time window the number covers; zero when it covers none.
	Bucket time.Time `json:"bucket,omitzero"`
	Value  Number    `json:"value"`
}

// Point is one value of a series, oldest first wherever points come in slices.
type Point struct {
	Time  time.Time // the bucket's start, or the tick where there is no bucket
	Value float64
	Bad   bool // labelled by people or a resolved incident: never part of a baseline
}

// Result is one run of one check at one tick.
type Result struct {
	Check    string        `json:"check"` // the check's stable id
	Kind     string        `json:"kind"`  // freshness, row_count, schema, sql, ...
	Table    Table         `json:"dataset,omitzero"`
	Tick     time.Time     `json:"tick,omitzero"` // the scheduled instant, not the wall clock
	Duration time.Duration `json:"-"`             // time spent asking and judging
	Status   Status        `json:"status"`        // the worst of Findings, pass without any
	Message  string        `json:"message"`       // one line for people: what was seen and what was expected
	Evidence Evidence      `json:"evidence,omitzero"`

	Observations []Observation `json:"observations,omitempty"`
	// Values of earlier buckets, oldest first: read once, when nothing was remembered of the check.
	Past []Observation `json:"past,omitempty"`
	// What is not as it must be, one per segment or drift; empty on pass.
	Findings []Finding `json:"findings,omitempty"`
	Drifts   []Drift   `json:"drifts,omitempty"` // schema checks: all differences, also the ignored ones
	Scores   []Score   `json:"scores,omitempty"` // anomaly scores, where a detector looked
}

// Finding is one thing wrong. Its Key is stable from tick to tick: incidents
// open, stay and resolve by (check, key).
type Finding struct {
	// "" for the check as a whole; "country=DE", "future_timestamp", "column_removed:note", ...
	Key      string `json:"key"`
	Status   Status `json:"status"`
	Message  string `json:"message"` // one line: observed, expected, since when
	Observed Number `json:"observed"`
	Expected string `json:"expected,omitempty"` // the bound in words: "> 0", "at most 1h"
}

// MarshalJSON writes the duration in seconds, as duration_seconds.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(resultJSON{(*plainResult)(&r), r.Duration.Seconds()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Result) UnmarshalJSON(b []byte) error {
	v := resultJSON{plainResult: (*plainResult)(r)}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	r.Duration = time.Duration(math.Round(v.Seconds * float64(time.Second)))
	return nil
}

// plainResult has the fields of a Result without its methods.
type plainResult Result

// resultJSON is a Result as it is written.
type resultJSON struct {
	*plainResult
	Seconds float64 `json:"duration_seconds"`
}

// Evidence says where an answer came from and how far to trust it.
type Evidence struct {
	Source     string     `json:"source,omitempty"` // scan, index, catalog_estimate, change_counters, control_query, ...
	Confidence Confidence `json:"confidence,omitempty"`
	// The database's clock when it was read; zero if it was not asked.
	AsOf time.Time `json:"as_of,omitzero"`
	// Of the standby that answered; NaN when it does not say, absent for a primary.
	Lag Number `json:"replication_lag_seconds,omitzero"`
	// What a reader should know: "standby", "unchanged since 11:05".
	Note string `json:"note,omitempty"`
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
	Segment string     `json:"segment,omitempty"`
	Time    time.Time  `json:"time,omitzero"` // the point's time
	Value   float64    `json:"value"`
	Score   float64    `json:"score"` // 0 (as usual) to 1; an alarm at 0.5 and above
	Low     float64    `json:"low"`   // expected range; NaN while learning
	High    float64    `json:"high"`
	State   ScoreState `json:"state"`
	Reason  string     `json:"reason,omitempty"` // one line: "812 rows, expected 9,400 to 11,200 for a Monday 02:00"
}

// MarshalJSON writes a range that is not known yet (NaN) as null.
func (s Score) MarshalJSON() ([]byte, error) {
	return json.Marshal(scoreJSON{plainScore(s), Float(s.Value), Float(s.Score), orAbsent(s.Low), orAbsent(s.High)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Score) UnmarshalJSON(b []byte) error {
	var v scoreJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*s = Score(v.plainScore)
	s.Value, s.Score, s.Low, s.High = v.Value.Float64(), v.Score.Float64(), v.Low.Float64(), v.High.Float64()
	return nil
}

type plainScore Score

// scoreJSON shadows the floats by numbers, which also write what JSON cannot.
type scoreJSON struct {
	plainScore
	Value Number `json:"value"`
	Score Number `json:"score"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

func orAbsent(v float64) Number {
	if math.IsNaN(v) {
		return Number{}
	}
	return Float(v)
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
