package exporters

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("jsonl", func() Exporter { return &JSONL{} }) }

// JSONL writes every result as one line of JSON, which Elastic, Splunk and Loki read.
type JSONL struct {
	File    string `yaml:"file" doc:"File to append to. Default: standard output."`
	MaxSize int64  `yaml:"max_size" default:"104857600" doc:"Bytes at which the file becomes FILE.1."`

	lines lines
}

// Line is the JSON form of one result.
type Line struct {
	Time            time.Time     `json:"time"` // tick of the result
	Warehouse       string        `json:"warehouse"`
	Dataset         string        `json:"dataset"`
	Check           string        `json:"check"`
	Kind            string        `json:"kind"`
	Status          string        `json:"status"`
	Message         string        `json:"message"`
	DurationSeconds float64       `json:"duration_seconds"`
	Source          string        `json:"source,omitempty"`
	Values          []lineValue   `json:"values,omitempty"`
	Findings        []lineFinding `json:"findings,omitempty"`
	Drifts          []lineDrift   `json:"drifts,omitempty"`
}

type lineValue struct {
	Metric  string     `json:"metric"`
	Segment string     `json:"segment,omitempty"`
	Bucket  *time.Time `json:"bucket,omitempty"`
	Value   exact      `json:"value"`
	Anomaly *float64   `json:"anomaly_score,omitempty"`
}

type lineFinding struct {
	Key      string `json:"key"`
	Status   string `json:"status"`
	Message  string `json:"message"`
	Expected string `json:"expected,omitempty"`
	// Statement is the DDL that would undo a drift.
	Statement string `json:"statement,omitempty"`
	Observed  exact  `json:"observed"`
}

type lineDrift struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

// Files implements settings.FileUser.
func (j *JSONL) Files() []*string { return []*string{&j.File} }

// Validate implements Exporter.
func (j *JSONL) Validate() error {
	if err := settings.Complete(j); err != nil {
		return err
	}
	return positive("max_size", j.MaxSize)
}

// Export implements Exporter.
func (j *JSONL) Export(_ context.Context, results []sentinel.Result) error {
	out := make([]Line, len(results))
	for i, r := range results {
		out[i] = lineOf(r)
	}
	data, err := encodeLines(out)
	if err != nil {
		return err
	}
	return j.lines.write(j.File, j.MaxSize, data)
}

// Close implements Exporter.
func (j *JSONL) Close(context.Context) error { return j.lines.close() }

func lineOf(r sentinel.Result) Line {
	l := Line{
		Time: r.Tick.UTC(), Warehouse: r.Table.Warehouse, Dataset: DatasetLabel(r.Table), Check: r.Check, Kind: r.Kind,
		Status: r.Status.String(), Message: r.Message, DurationSeconds: r.Duration.Seconds(), Source: r.Evidence.Source,
	}
	scores := map[string]float64{}
	for _, s := range r.Scores {
		scores[s.Segment] = s.Score
	}
	for _, o := range r.Observations {
		v := lineValue{Metric: o.Metric, Segment: o.Segment, Value: exact(o.Value)}
		if !o.Bucket.IsZero() {
			at := o.Bucket.UTC()
			v.Bucket = &at
		}
		if s, scored := scores[o.Segment]; scored {
			v.Anomaly = &s
		}
		l.Values = append(l.Values, v)
	}
	for _, f := range r.Findings {
		l.Findings = append(l.Findings, lineFinding{
			Key: f.Key, Status: f.Status.String(), Message: f.Message, Expected: f.Expected, Statement: f.Statement,
			Observed: exact(f.Observed),
		})
	}
	for _, d := range r.Drifts {
		l.Drifts = append(l.Drifts, lineDrift{string(d.Kind), d.Object, d.Status.String()})
	}
	return l
}
