package exporters

import (
	"context"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("cloudwatch", func() Exporter { return &CloudWatch{} }) }

// CloudWatch writes CloudWatch's embedded metric format, with one JSON object per line.
// It writes to standard output, which Lambda and ECS collect, or to a file that the
// CloudWatch agent reads.
type CloudWatch struct {
	File      string `yaml:"file" doc:"File to append to. Default: standard output."`
	MaxSize   int64  `yaml:"max_size" default:"104857600" doc:"Bytes at which the file becomes FILE.1."`
	Namespace string `yaml:"namespace" default:"Sentinel" doc:"Namespace of the metrics."`

	lines lines
}

// Files implements settings.FileUser.
func (c *CloudWatch) Files() []*string { return []*string{&c.File} }

// Validate implements Exporter.
func (c *CloudWatch) Validate() error {
	if err := settings.Complete(c); err != nil {
		return err
	}
	return positive("max_size", c.MaxSize)
}

type emfMetric struct {
	Name string
	Unit string
}

// Export implements Exporter. It writes a line per result and per segment.
func (c *CloudWatch) Export(_ context.Context, results []sentinel.Result) error {
	var out []map[string]any
	for _, r := range results {
		out = append(out, c.emf(r)...)
	}
	data, err := encodeLines(out)
	if err != nil {
		return err
	}
	return c.lines.write(c.File, c.MaxSize, data)
}

// Close implements Exporter.
func (c *CloudWatch) Close(context.Context) error { return c.lines.close() }

func (c *CloudWatch) emf(r sentinel.Result) (out []map[string]any) {
	bySegment := map[string][]sentinel.Observation{"": nil}
	for _, o := range r.Observations {
		if o.Value.Finite() {
			bySegment[o.Segment] = append(bySegment[o.Segment], o)
		}
	}
	for _, segment := range sortedKeys(bySegment) {
		dimensions := []string{"warehouse", "dataset", "check"}
		line := map[string]any{"warehouse": r.Table.Warehouse, "dataset": DatasetLabel(r.Table), "check": r.Check,
			"kind": r.Kind, "message": r.Message}
		var metrics []emfMetric
		if segment == "" {
			line["status"] = int(r.Status)
			metrics = append(metrics, emfMetric{"status", "None"})
		} else {
			line["segment"] = segment
			dimensions = append(dimensions, "segment")
		}
		for _, o := range bySegment[segment] {
			unit := "None"
			switch o.Metric {
			case "row_count":
				unit = "Count"
			case "freshness_seconds":
				unit = "Seconds"
			}
			line[o.Metric] = exact(o.Value)
			metrics = append(metrics, emfMetric{o.Metric, unit})
		}
		line["_aws"] = map[string]any{"Timestamp": r.Tick.UnixMilli(),
			"CloudWatchMetrics": []map[string]any{{"Namespace": c.Namespace, "Dimensions": [][]string{dimensions},
				"Metrics": metrics}}}
		out = append(out, line)
	}
	return out
}
