package sentinel

import (
	"encoding/json"
	"strconv"
	"time"
)

// AppendJSON appends the result to b as [Result.MarshalJSON] writes it. What every
// result holds is written without reflection: an agent writes thousands of them a
// tick. The error is of a time or text that JSON cannot hold.
func (r *Result) AppendJSON(b []byte) (_ []byte, err error) {
	j := jsonWriter{b: append(b, '{')}
	j.text("check", r.Check)
	j.text("kind", r.Kind)
	if r.Table != (Table{}) {
		j.text("dataset", r.Table.String())
	}
	j.time("tick", r.Tick)
	j.text("status", r.Status.String())
	j.text("message", r.Message)
	if r.Evidence != (Evidence{}) {
		j.key("evidence")
		j.evidence(r.Evidence)
	}
	if len(r.Observations) > 0 {
		j.key("observations")
		j.observations(r.Observations)
	}
	if len(r.Past) > 0 {
		j.key("past")
		j.observations(r.Past)
	}
	if len(r.Findings) > 0 {
		j.any("findings", r.Findings)
	}
	if len(r.Drifts) > 0 {
		j.any("drifts", r.Drifts)
	}
	if len(r.Scores) > 0 {
		j.any("scores", r.Scores)
	}
	j.key("duration_seconds")
	if f := r.Duration.Seconds(); f == 0 || 1e-6 <= f && f < 1e21 {
		j.b = strconv.AppendFloat(j.b, f, 'f', -1, 64)
	} else {
		j.value(f)
	}
	return append(j.b, '}'), j.err
}

// jsonWriter appends the members of objects, and keeps its first error.
type jsonWriter struct {
	b   []byte
	err error
}

func (j *jsonWriter) key(name string) {
	j.b = AppendJSONKey(j.b, name)
}

// AppendJSONKey appends the name of an object's next member, a plain word.
func AppendJSONKey(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func (j *jsonWriter) any(name string, v any) {
	j.key(name)
	j.value(v)
}

func (j *jsonWriter) value(v any) {
	data, err := json.Marshal(v)
	if j.b = append(j.b, data...); j.err == nil {
		j.err = err
	}
}

func (j *jsonWriter) text(name, s string) {
	j.key(name)
	j.b = AppendJSONText(j.b, s)
}

// AppendJSONText appends s as a JSON text. What is no UTF-8 is replaced; <, > and &
// stay as they are, which [json.Marshal] escapes.
func AppendJSONText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // of a text there is none
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func (j *jsonWriter) textUnlessEmpty(name, s string) {
	if s != "" {
		j.text(name, s)
	}
}

// time writes an instant other than the zero one.
func (j *jsonWriter) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	j.key(name)
	var err error
	j.b = append(j.b, '"')
	if j.b, err = t.AppendText(j.b); j.err == nil {
		j.err = err
	}
	j.b = append(j.b, '"')
}

func (j *jsonWriter) number(name string, n Number) {
	j.key(name)
	if v, ok := n.Int64(); ok && -maxExactFloat <= v && v <= maxExactFloat {
		j.b = strconv.AppendInt(j.b, v, 10)
		return
	} else if !ok && n.Finite() {
		j.b = strconv.AppendFloat(j.b, n.Float64(), 'g', -1, 64)
		return
	}
	j.value(n)
}

func (j *jsonWriter) evidence(e Evidence) {
	j.b = append(j.b, '{')
	j.textUnlessEmpty("source", e.Source)
	j.textUnlessEmpty("confidence", string(e.Confidence))
	j.time("as_of", e.AsOf)
	if e.Lag != (Number{}) {
		j.number("replication_lag_seconds", e.Lag)
	}
	j.textUnlessEmpty("note", e.Note)
	j.b = append(j.b, '}')
}

func (j *jsonWriter) observations(all []Observation) {
	j.b = append(j.b, '[')
	for i, o := range all {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.b = append(j.b, '{')
		j.text("metric", o.Metric)
		j.textUnlessEmpty("segment", o.Segment)
		j.time("bucket", o.Bucket)
		j.number("value", o.Value)
		j.b = append(j.b, '}')
	}
	j.b = append(j.b, ']')
}
