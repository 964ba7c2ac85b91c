package sentinel

import (
	"encoding/json"
	"math"
	"time"
)

// Observation is one number at one tick.
type Observation struct {
	Metric  string `json:"metric"`            // row_count, freshness_seconds, value, ...
	Segment string `json:"segment,omitempty"` // "column=value, ..."; "" for all rows
	// Bucket is the start of the closed time window that the number covers; zero if it covers none.
	Bucket time.Time `json:"bucket,omitzero"`
	Value  Number    `json:"value"`
	// Gone means that the segment had rows before and has none now.
	Gone bool `json:"gone,omitempty"`
}

// Point is one value of a series. Slices of points are in order of time, oldest first.
type Point struct {
	Time  time.Time // start of the bucket, or the tick if there is no bucket
	Value float64
	Bad   bool // a person or a resolved incident labelled the value as bad; a baseline leaves it out
}

// Result is the outcome of one run of one check at one tick.
type Result struct {
	Check    string        `json:"check"` // id of the check
	Kind     string        `json:"kind"`  // freshness, row_count, schema, sql, ...
	Table    Table         `json:"dataset,omitzero"`
	Tick     time.Time     `json:"tick,omitzero"` // scheduled instant, not the wall clock
	Duration time.Duration `json:"-"`             // time spent on queries and judgement
	Status   Status        `json:"status"`        // worst status of Findings; Pass without findings
	Message  string        `json:"message"`       // one line for people: observed and expected
	Evidence Evidence      `json:"evidence,omitzero"`

	Observations []Observation `json:"observations,omitempty"`
	// Past holds the values of earlier buckets, oldest first. A check reads them once, when the state knows none.
	Past []Observation `json:"past,omitempty"`
	// Findings holds one finding per bad segment or drift; empty on pass.
	Findings []Finding `json:"findings,omitempty"`
	Drifts   []Drift   `json:"drifts,omitempty"` // schema checks: all differences, also the ignored ones
	Scores   []Score   `json:"scores,omitempty"` // anomaly scores; empty without a detector
}

// Finding is one problem that a check found. Its Key is the same at every tick:
// (check, key) identifies the incident that it opens.
type Finding struct {
	// Key is "" for the check as a whole, else "country=DE", "future_timestamp", "column_removed:note", ...
	Key      string `json:"key"`
	Status   Status `json:"status"`
	Message  string `json:"message"` // one line: observed, expected, since when
	Observed Number `json:"observed"`
	Expected string `json:"expected,omitempty"` // the bound as text: "> 0", "at most 1h"
	// Statement is the SQL statement that would mend what was found; "" where none is known. See [Drift.Statement].
	Statement string `json:"statement,omitempty"`
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

// resultJSON is the JSON form of a Result.
type resultJSON struct {
	*plainResult
	Seconds float64 `json:"duration_seconds"`
}

// Evidence says where an answer came from and how reliable it is.
type Evidence struct {
	Source     string     `json:"source,omitempty"` // scan, index, catalog_estimate, change_counters, control_query, ...
	Confidence Confidence `json:"confidence,omitempty"`
	// AsOf is the database's clock at the time of the query; zero if nothing was queried.
	AsOf time.Time `json:"as_of,omitzero"`
	// Lag is the replication lag of the standby that answered; NaN if unknown, absent for a primary.
	Lag Number `json:"replication_lag_seconds,omitzero"`
	// Server is the standby that answered in the place of the server of `dsn`: "standby 1"; "" if
	// that one answered.
	Server string `json:"server,omitempty"`
	// Note qualifies the answer: "standby", "unchanged since 11:05".
	Note string `json:"note,omitempty"`
}

// Confidence grades evidence.
type Confidence string

const (
	Exact     Confidence = "exact"     // the engine computed the number
	Bounded   Confidence = "bounded"   // the rows that were read decide the question for certain
	Estimated Confidence = "estimated" // the engine's estimate
	Partial   Confidence = "partial"   // row security hides rows from the user of the DSN
)

// Worst returns the worst status of the findings; Pass without findings.
func Worst(findings []Finding) Status {
	worst := Pass
	for _, f := range findings {
		if f.Status.Worse(worst) {
			worst = f.Status
		}
	}
	return worst
}

// Score is an anomaly detector's judgement of one point.
type Score struct {
	Segment string     `json:"segment,omitempty"`
	Time    time.Time  `json:"time,omitzero"` // time of the point
	Value   float64    `json:"value"`
	Score   float64    `json:"score"` // 0 (normal) to 1; an alarm at 0.5 and above
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

// scoreJSON shadows the floats of a Score by Numbers, which can write NaN and infinities.
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

// ScoreState is a detector's view of a series.
type ScoreState string

const (
	Learning   ScoreState = "learning"   // too few points; the status is unknown
	Normal     ScoreState = "normal"     // inside the expected range
	Onset      ScoreState = "onset"      // first alarm of an episode
	Ongoing    ScoreState = "ongoing"    // inside an episode that has had its alarm
	Recovering ScoreState = "recovering" // back in range, but not long enough yet
	LevelShift ScoreState = "level_shift"
	SlowDrift  ScoreState = "slow_drift"
)

// Alarm reports whether the newest point of the series is an alarm.
func (s ScoreState) Alarm() bool {
	switch s {
	case Onset, Ongoing, LevelShift, SlowDrift:
		return true
	}
	return false
}

// Risk is the probability that a dataset misses its next deadline.
type Risk struct {
	Table       Table
	Deadline    time.Time
	Probability float64       // 0 to 1
	Arrival     time.Time     // expected arrival; zero if unknown
	Left        time.Duration // deadline - now
	Reasons     []string      // the largest contributions as text, most important first
	Model       string        // the model that answered: own, pooled or base_rate
}
