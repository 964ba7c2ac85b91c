package format

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// resultsForm is the first byte of encoded results. Those of earlier versions are JSON, and
// begin with a bracket.
const resultsForm = 1

// kindText follows the kinds of a value: results keep the text of what is no finite float.
const kindText = kindFloat + 1

// restOfResult holds what few results have. It is kept as JSON.
type restOfResult struct {
	Lag      sentinel.Number    `json:"lag,omitzero"`
	Server   string             `json:"server,omitempty"`
	Note     string             `json:"note,omitempty"`
	Findings []sentinel.Finding `json:"findings,omitempty"`
	Drifts   []sentinel.Drift   `json:"drifts,omitempty"`
	Scores   []sentinel.Score   `json:"scores,omitempty"`
}

func (r restOfResult) empty() bool {
	return r.Lag == sentinel.Number{} && r.Server == "" && r.Note == "" &&
		len(r.Findings)+len(r.Drifts)+len(r.Scores) == 0
}

// AppendResults appends the results of one dataset at one tick to b. It leaves out the dataset and
// the tick, and the values of earlier buckets.
func AppendResults(b []byte, results []*sentinel.Result) ([]byte, error) {
	b = binary.AppendUvarint(append(b, resultsForm), uint64(len(results)))
	for _, r := range results {
		b = appendText(b, r.Check)
		b = appendText(b, r.Kind)
		b = binary.AppendVarint(b, int64(r.Duration))
		b = binary.AppendVarint(b, int64(r.Status))
		b = appendText(b, r.Message)
		b = appendText(b, r.Evidence.Source)
		b = appendText(b, string(r.Evidence.Confidence))
		b = appendTime(b, r.Evidence.AsOf)
		b = binary.AppendUvarint(b, uint64(len(r.Observations)))
		for _, o := range r.Observations {
			b = appendObservation(b, o)
		}
		var err error
		if b, err = appendRest(b, r); err != nil {
			return nil, fmt.Errorf("the result of %s: %w", r.Check, err)
		}
	}
	return b, nil
}

func appendRest(b []byte, r *sentinel.Result) ([]byte, error) {
	e := r.Evidence
	rest := restOfResult{
		Lag: e.Lag, Server: e.Server, Note: e.Note, Findings: r.Findings, Drifts: r.Drifts, Scores: r.Scores,
	}
	if rest.empty() {
		return appendText(b, ""), nil
	}
	text, err := json.Marshal(rest)
	return appendText(b, string(text)), err
}

func appendObservation(b []byte, o sentinel.Observation) []byte {
	b = appendText(b, o.Metric)
	b = appendText(b, o.Segment)
	gone := byte(0)
	if o.Gone {
		gone = 1
	}
	return appendNumber(appendTime(append(b, gone), o.Bucket), o.Value)
}

// appendTime appends the seconds since 1970 and the nanoseconds after them.
func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

// appendNumber appends a value that keeps what blocks do not: decimals, NaN and the infinities.
func appendNumber(b []byte, n sentinel.Number) []byte {
	_, exact := n.Int64()
	if exact || n.Absent() || n.Finite() && n == sentinel.Float(n.Float64()) {
		return appendValue(b, n, 0)
	}
	return appendText(append(b, kindText), n.String())
}

// DecodeResults decodes the output of [AppendResults], and the JSON of earlier versions. Times are
// in UTC. Its error is [ErrDamaged].
func DecodeResults(b []byte) (results []sentinel.Result, err error) {
	if len(b) > 0 && b[0] == '[' {
		if err := json.Unmarshal(b, &results); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return results, nil
	}
	if len(b) == 0 || b[0] != resultsForm {
		return nil, fmt.Errorf("%w: results of an unknown form", ErrDamaged)
	}
	r := reader{rest: b[1:]}
	results = make([]sentinel.Result, r.count())
	for i := range results {
		if err := r.result(&results[i]); err != nil {
			return nil, err
		}
	}
	return results, r.end("row of results")
}

func (r *reader) result(to *sentinel.Result) error {
	to.Check, to.Kind = r.text(), r.text()
	to.Duration = time.Duration(r.varint())
	to.Status = sentinel.Status(r.varint())
	to.Message = r.text()
	e := &to.Evidence
	e.Source, e.Confidence, e.AsOf = r.text(), sentinel.Confidence(r.text()), r.time()
	if n := r.count(); n > 0 {
		to.Observations = make([]sentinel.Observation, n)
	}
	for i := range to.Observations {
		to.Observations[i] = r.observation()
	}
	text := r.text()
	if text == "" {
		return nil
	}
	var rest restOfResult
	if err := json.Unmarshal([]byte(text), &rest); err != nil {
		return fmt.Errorf("%w: the rest of a result: %w", ErrDamaged, err)
	}
	e.Lag, e.Server, e.Note = rest.Lag, rest.Server, rest.Note
	to.Findings, to.Drifts, to.Scores = rest.Findings, rest.Drifts, rest.Scores
	return nil
}

func (r *reader) observation() (o sentinel.Observation) {
	o.Metric, o.Segment = r.text(), r.text()
	o.Gone = r.uvarint() == 1
	o.Bucket, o.Value = r.time(), r.number()
	return o
}

func (r *reader) time() time.Time {
	seconds, nanoseconds := r.varint(), r.uvarint()
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

func (r *reader) number() sentinel.Number {
	if len(r.rest) == 0 || r.rest[0] != kindText {
		return r.value(0)
	}
	r.rest = r.rest[1:]
	n, err := sentinel.ParseNumber(r.text())
	r.damaged = r.damaged || err != nil
	return n
}
