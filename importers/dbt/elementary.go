package dbt

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// The monitors of Elementary compare with what was normal before: they become `anomaly`.
func init() {
	const shared = "timestamp_column time_bucket where_expression sensitivity anomaly_sensitivity anomaly_direction " +
		"training_period days_back detection_period backfill_days seasonality min_training_set_size " +
		"fail_on_zero ignore_small_changes anomaly_exclude_metrics update_timestamp_column"
	for name, k := range map[string]kind{
		"volume_anomalies":             {volumeAnomalies, shared},
		"table_anomalies":              {volumeAnomalies, shared},
		"freshness_anomalies":          {freshnessAnomalies, shared},
		"event_freshness_anomalies":    {freshnessAnomalies, shared + " event_timestamp_column"},
		"dimension_anomalies":          {dimensionAnomalies, shared + " dimensions"},
		"column_anomalies":             {columnAnomalies, shared + " column_anomalies"},
		"schema_changes":               {schemaChanges, ""},
		"schema_changes_from_baseline": {schemaChanges, "fail_on_added enforce_types"},
	} {
		kinds["elementary."+name] = k
	}
}

// monitor returns a setting of a monitor: of the test, else of its table.
func (t *test) monitor(name string) *yaml.Node {
	return cmp.Or(importers.Under(t.args, name), importers.Under(t.on.elementary, name))
}

// anomaly returns the sensitivity and the direction of a monitor.
func (t *test) anomaly() importers.Fields {
	f := importers.Fields{}
	f.Set("direction", importers.Plain(importers.Word(t.monitor("anomaly_direction"))))
	sensitivity := cmp.Or(importers.Word(t.monitor("anomaly_sensitivity")), importers.Word(t.monitor("sensitivity")))
	f.Set("sensitivity", importers.Plain(sensitivity))
	return f
}

// bucket returns the period of a monitor, or why it is left. Elementary's default is a day.
func (t *test) bucket() (period, why string) {
	at := t.monitor("time_bucket")
	period = cmp.Or(importers.Word(importers.Under(at, "period")), "day")
	if n := cmp.Or(importers.Word(importers.Under(at, "count")), "1"); n != "1" {
		return "", "time_bucket of " + n + " " + period + "s: want one hour, day, week or month"
	}
	if !contains([]string{"hour", "day", "week", "month"}, period) {
		return "", "time_bucket: want an hour, day, week or month"
	}
	return period, ""
}

func (t *test) timestamp() string {
	return cmp.Or(importers.Word(importers.Under(t.args, "timestamp_column")), t.on.timestamp)
}

// counted begins a count of rows in buckets of the monitor's time column, if it has one.
func (t *test) counted() (importers.Check, string) {
	c := importers.Check{Kind: "row_count"}
	if column := t.timestamp(); column != "" {
		period, why := t.bucket()
		if why != "" {
			return c, why
		}
		c.Keys.Set("bucket", importers.Plain(period))
		c.Keys.Set("column", column)
	}
	return c, ""
}

func volumeAnomalies(p *project, t *test) ([]importers.Check, string) {
	c, why := t.counted()
	if why != "" {
		return nil, why
	}
	c.Keys.Set("anomaly", t.anomaly())
	return t.rows(c, p.plain(importers.Word(t.monitor("where_expression"))))
}

func dimensionAnomalies(p *project, t *test) ([]importers.Check, string) {
	c, why := t.counted()
	dimensions := t.words("dimensions")
	if why != "" || len(dimensions) == 0 {
		return nil, cmp.Or(why, "it names no dimensions")
	}
	c.Keys.Set("by", dimensions)
	c.Keys.Set("anomaly", t.anomaly())
	return t.rows(c, p.plain(importers.Word(t.monitor("where_expression"))))
}

func freshnessAnomalies(p *project, t *test) ([]importers.Check, string) {
	column := cmp.Or(importers.Word(importers.Under(t.args, "event_timestamp_column")), t.timestamp())
	if column == "" {
		return nil, "it has no timestamp_column"
	}
	c := importers.Check{Kind: "freshness"}
	c.Keys.Set("column", column)
	c.Keys.Set("anomaly", t.anomaly())
	return t.rows(c, p.plain(importers.Word(t.monitor("where_expression"))))
}

func schemaChanges(_ *project, _ *test) ([]importers.Check, string) {
	return []importers.Check{{Kind: "schema"}}, ""
}

// columnAnomalies takes over the monitors of a column that have a check of their own.
func columnAnomalies(p *project, t *test) ([]importers.Check, string) {
	if why := t.wanted(); why != "" {
		return nil, why
	}
	monitors := t.words("column_anomalies")
	if len(monitors) == 0 {
		return nil, "it names no monitors"
	}
	where := importers.And(t.where, p.plain(importers.Word(t.monitor("where_expression"))))
	var out []importers.Check
	for _, m := range monitors {
		c := t.check("missing")
		switch m {
		case "null_count", "null_percent":
		case "missing_count", "missing_percent":
			c.Keys.Set("blank", true)
		default:
			function, known := columnMonitors[m]
			if !known {
				return nil, "the monitor " + m + " has no check"
			}
			c = t.check("aggregate")
			c.Keys.Set("function", importers.Plain(function))
		}
		if at := t.timestamp(); at != "" {
			period, why := t.bucket()
			if why != "" {
				return nil, why
			}
			c.Keys.Set("bucket", importers.Plain(period))
			c.Keys.Set("time_column", strings.Trim(at, "\"`"))
		}
		c.Keys.Set("where", where)
		c.Keys.Set("anomaly", t.anomaly())
		out = append(out, c)
	}
	return out, ""
}

// columnMonitors are functions by the names of Elementary's monitors.
var columnMonitors = map[string]string{
	"min": "min", "max": "max", "average": "avg", "sum": "sum", "standard_deviation": "stddev", "variance": "variance",
	"min_length": "min_length", "max_length": "max_length", "average_length": "avg_length", "zero_percent": "zero_percent",
	"count_true": "count_true",
}
