package config_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
)

// fileWith is a file of one dataset with some keys, and a check.
func fileWith(keys, check string) []byte {
	return []byte("warehouses: {w: {dsn: \"sqlite:a.db\"}}\ndatasets:\n- table: w.main.t\n  " + keys + "\n  checks: [" +
		check + "]\n")
}

func TestTimeOfADatasetAndOfACheck(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("f.yaml", fileWith("time: {column: ts, unit: ms}",
		`{row_count: {bucket: day, time: {column: d, format: "%Y%m%d"}, fail: "< 1"}}, {freshness: {fail: 1h}}`), env())
	if err != nil {
		t.Fatal(err)
	}
	d := c.Datasets[0]
	if d.TimeColumn != "ts" || d.Time == nil || d.Time.Unit != "ms" || len(c.Warnings) != 0 {
		t.Errorf("%+v, %v", d.Time, c.Warnings)
	}
	if own := d.Checks[0].Check.(*checks.RowCount).Time; own == nil || own.Format != "%Y%m%d" {
		t.Errorf("%+v", own)
	}
}

func TestMistakesOfTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dataset, check, want string }{
		{"time: {unit: ms}", "row_count > 0", "4:9: time: column: want the column"},
		{"time: {column: ts, unit: h}", "row_count > 0", "4:28: time: unit: unknown word"},
		{"time: {column: ts, unit: ms, format: \"%Y%m%d\"}", "row_count > 0", "4:40: time: format: unit and format exclude"},
		{"time: {column: ts, format: \"%d.%m\"}", "row_count > 0", "4:30: time: format: %m needs %Y too"},
		{"time: {column: ts, format: \"%Y-%m-%dT%H:%M:%SZ\"}", "row_count > 0", "4:30: time: format: it ends in a word for UTC"},
		{"time: {column: ts, expression: now()}", "row_count > 0", "4:34: time: expression: replaces column"},
		{"time: {expression: now(), utc: true}", "row_count > 0", "4:34: time: utc: has no effect on an expression"},
		{"time: {column: ts, unit: s, utc: true}", "row_count > 0", "4:36: time: utc: has no effect on unit"},
		{"time: {column: ts}\n  time_column: ts", "row_count > 0", "4:9: time: replaces time_column"},
		{"time: {expression: to_timestamp(?)}", "row_count > 0", "4:22: time: expression: it has the parameter ?"},
		{"time: ts", "row_count > 0", "4:9: want a mapping with keys such as column, unit, format"},
		{"time_column: ts", "{freshness: {column: a, time: {column: b}, fail: 1h}}", "5:42: freshness: time: column, time"},
		{"time_column: ts", "{row_count: {column: a, time: {column: b}, bucket: day, fail: \"< 1\"}}",
			"5:42: row_count: time: column and time exclude"},
		{"time_column: ts", "{reconcile: {with: w.u, bucket: day, time: {column: b, unit: hours}}}", "time.unit: unknown word"},
	} {
		_, err := config.Parse("f.yaml", fileWith(c.dataset, c.check), env())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.dataset, c.check, err, c.want)
		}
	}
}
