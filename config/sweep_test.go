package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/settings"
)

// A kind's fields that are right, beside the one that is set wrong.
var right = map[string]string{
	"checks/aggregate":               "column: c, function: avg, fail: '> 5'",
	"checks/distribution":            "column: c, bucket: day",
	"checks/duplicate":               "column: c",
	"checks/failed_rows":             "expression: a > b",
	"checks/freshness":               "warn: 1h",
	"checks/invalid":                 "column: c, valid_values: [a]",
	"checks/missing":                 "column: c",
	"checks/reconcile":               "with: shop.other",
	"checks/reference":               "column: c, to: shop.other",
	"checks/row_count":               "bucket: day",
	"checks/sql":                     "query: select 1, fail: '> 5'",
	"notify/email":                   "host: h, from: a@example.com, to: [b@example.com]",
	"notify/alertmanager":            "url: https://example.com",
	"notify/opsgenie":                "api_key: k",
	"notify/jira_service_management": "api_key: k",
	"notify/discord":                 "webhook_url: https://example.com",
	"notify/mattermost":              "webhook_url: https://example.com",
	"notify/googlechat":              "webhook_url: https://example.com",
	"notify/ntfy":                    "topic: t",
	"notify/pagerduty":               "routing_key: k",
	"notify/slack":                   "webhook_url: https://example.com",
	"notify/teams":                   "webhook_url: https://example.com",
	"exporters/influx":               "url: https://example.com, bucket: b",
	"exporters/openlineage":          "url: https://example.com",
	"repair/airflow":                 "url: https://example.com, dag: d, token: t",
	"repair/dbt":                     "project: /p, select: [m]",
	"repair/exec":                    "command: [/bin/true]",
	"repair/kubernetes":              "cronjob: c",
	"repair/reload_partition":        "from: [shop.other]",
	"repair/sql":                     "do: [select 1]",
	"repair/webhook":                 "url: https://example.com",
	"notify/webhook":                 "url: https://example.com",
}

// rightBeside are the fields beside a field that needs others than its kind does.
var rightBeside = map[string]string{
	"notify/slack.url":              "token: t, channel: c",
	"notify/email.password":         "host: h, from: a@example.com, to: [b@example.com], username: u",
	"notify/email.username":         "host: h, from: a@example.com, to: [b@example.com], password: p",
	"notify/email.password_file":    "host: h, from: a@example.com, to: [b@example.com], username: u",
	"notify/email.password_command": "host: h, from: a@example.com, to: [b@example.com], username: u",
}

// wrongValues are values that are wrong for most fields. A field may take some
// of them; a mistake that one of them makes must stand at the field.
var wrongValues = []string{
	"{not_a_key: 1}", "[{not_a_key: 1}]", "nonsense", "-7", "'> 20%'", "'> 20'", "1h", "[nonsense]", "''", "shop.other",
	`{"A.b": "{dya}"}`,
}

// TestC23MistakesStandAtTheirField sets every field of every kind to wrong
// values. At least one is refused. All other fields are right, so every mistake stands
// at the field.
func TestC23MistakesStandAtTheirField(t *testing.T) {
	t.Parallel()
	for _, reg := range registries {
		for _, name := range reg.names() {
			for _, k := range settings.AllKeys(kindType(reg, name)) {
				sweepField(t, reg, name, k)
			}
		}
	}
}

func sweepField(t *testing.T, reg registry, name string, k settings.Key) {
	t.Helper()
	refused := false
	for _, value := range wrongValues {
		text, line, column := withField(reg, name, k.Name, value)
		_, err := Parse("f.yaml", []byte(text), func(string) (string, bool) { return "x", true })
		var mistakes *Errors
		if !errors.As(err, &mistakes) {
			continue
		}
		for _, m := range mistakes.List {
			if m.Line == line && m.Column >= column {
				refused = true
			} else {
				t.Errorf("%s.%s: %s is refused at %d:%d, want %d:%d: %s\n%s",
					name, k.Name, value, m.Line, m.Column, line, column, m.Message, text)
			}
		}
	}
	if !refused {
		t.Errorf("%s.%s takes every value", name, k.Name)
	}
}

// withField writes a file in which one field of a kind stands on a line of its
// own. It returns the text, the number of that line, and where its value begins.
func withField(reg registry, name, field, value string) (text string, line, column int) {
	var fields []string
	kind := reg.page + "/" + name
	plain := strings.TrimSuffix(strings.TrimSuffix(field, settings.FileSuffix), settings.CommandSuffix)
	for _, f := range strings.Split(cmp.Or(rightBeside[kind+"."+field], right[kind]), ", ") {
		if f != "" && !strings.HasPrefix(f, field+":") && !strings.HasPrefix(f, plain+":") {
			fields = append(fields, "    "+f)
		}
	}
	fields = append(fields, fmt.Sprintf("    %s: %s", field, value))
	item := "- " + name + ":\n" + strings.Join(fields, "\n")
	switch reg.page {
	case "repair":
		item = "- on: [x]\n  " + name + ":\n" + strings.Join(fields, "\n")
	case "notify":
		item = name + ":\n" + strings.Join(fields, "\n")
	case "exporters":
		item = name + ":\n" + strings.Join(fields, "\n")
	}
	text = FileWithExample(reg.page, item)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(strings.TrimSpace(l), field+": ") {
			line = i + 1
			column = strings.Index(l, field) + len(field+": ") + 1
		}
	}
	return text, line, column
}

// TestC23PositionOfNestedFields follows paths into lists, mappings and blocks.
func TestC23PositionOfNestedFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ folder, item, at string }{
		{"checks", "- row_count: {bucket: day, fail: \"> 20%\"}", "\"> 20%\""},
		{"checks", "- row_count: {anomaly: {detector: profil}}", "profil"},
		{"checks", "- row_count: {anomaly: {ignore_below: {relative: -1}}}", "-1"},
		{"checks", "- row_count: {change: {against: tomorrow, fail: \"> 1%\"}}", "tomorrow"},
		{"checks", "- schema: {columns: [{name: a}, {name: b}, {name: c, type: [x]}]}", "[x]"},
		{"checks", "- schema: {columns: [a, b, a]}", "a]"},
		{"checks", "- sql: {query: select 1, fail: \"> 5\", confirm: {failures: 3, of: 2}}", "2}"},
		{"notify", "email: {host: h, from: a@x.org, to: [b@x.org, nobody]}", "nobody"},
		{
			"repair", "- on: [x]\n  airflow: {url: \"https://x.org\", dag: d, token: t, conf: {\"a.b\": \"{dya}\"}}",
			"\"{dya}\"",
		},
		{"repair", "- on: [x]\n  mode: automatic\n  sql: {do: [x]}", "automatic"},
		{"docs", "routes: [{to: [team, pigeon]}]", "pigeon"},
		{"docs", "maintenance: [{from: \"02:00\", to: \"04:00\", days: [mon], tier: [urgent]}]", "urgent"},
	} {
		text := FileWithExample(c.folder, c.item)
		_, err := Parse("f.yaml", []byte(text), func(string) (string, bool) { return "x", true })
		var mistakes *Errors
		if !errors.As(err, &mistakes) || len(mistakes.List) != 1 {
			t.Errorf("%s: %v, want one mistake", c.item, err)
			continue
		}
		m := mistakes.List[0]
		if got := strings.Split(text, "\n")[m.Line-1][m.Column-1:]; !strings.HasPrefix(got, c.at) {
			t.Errorf("%s: told at %q, want %q", c.item, got, c.at)
		}
	}
}

// TestDefaultsAreOfTheirFieldsTypes completes the zero value of every struct of
// keys: a default in a tag that cannot be read panics.
func TestDefaultsAreOfTheirFieldsTypes(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	walkStructs(reflect.TypeFor[file](), seen, func(reflect.Type, settings.Key) {})
	for s := range seen {
		if s.Kind() == reflect.Struct && s != reflect.TypeFor[checks.Confirm]() {
			settings.Defaults(reflect.New(s).Interface())
		}
	}
}

// TestWarnings holds what is allowed but seldom meant to a warning with its line.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const head = "warehouses: {shop: {dsn: \"sqlite:x.db\", repair_dsn: \"sqlite:x.db\"}}\ndatasets:\n" +
		"  - table: shop.main.orders\n"
	for tail, want := range map[string]string{
		"    exclude: [x]\n    checks: " +
			"[schema]\n": "f.yaml:4: exclude has no effect",
		"    checks: [freshness: {fail: 1h}]\n": "f.yaml:4: freshness has no time column",
		"    checks: [row_count: {fail: \">= " +
			"0\"}]\n": "f.yaml:4: row_count always fails",
		"    checks: [row_count: {fail: \"< " +
			"0\"}]\n": "f.yaml:4: row_count never fails",
		"    checks: [row_count: {warn: \"< 5\", fail: \"< " +
			"10\"}]\n": "f.yaml:4: warn has no effect",
		"    checks: [invalid: {column: a, min: 10, max: 5" +
			"}]\n": "f.yaml:4: invalid: no number is in the range from min (10) to max (5)",
		"    checks: [invalid: {column: a, valid_values: [1], invalid_values: [1, 2" +
			"]}]\n": "f.yaml:4: invalid: every value of valid_values is one of invalid_values",
		"    checks: [missing: {column: a, fail: \"> -1" +
			"\"}]\n": "f.yaml:4: missing always fails",
		"    checks: [missing: {column: a, warn: \"<= 100" +
			"%\"}]\n": "f.yaml:4: missing always warns",
		"    checks: [missing: {column: a, fail: \"> 100" +
			"%\"}]\n": "f.yaml:4: missing never fails",
		"    checks: [invalid: {column: a, min: 1, warn: \"> 5%\", fail: \"> 1" +
			"%\"}]\n": "f.yaml:4: warn has no effect",
		"    checks: [aggregate: {function: avg, column: a, warn: \"> 5\", fail: \"> 1" +
			"\"}]\n": "f.yaml:4: warn has no effect",
		"    checks: [schema]\n" +
			"    repair: [{on: [shema], sql: {do: [x]}}]\n": "did you mean \"schema\"",
		"    checks: [schema]\n" +
			"  - {table: shop.main.x, depends_on: [shop.main.order], checks: [schema]}\n": "did you mean \"shop.main.orders\"",
	} {
		c, err := Parse("f.yaml", []byte(head+tail), func(string) (string, bool) { return "", false })
		if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], want) {
			t.Errorf("%s: %v, %+v, want the warning %q", tail, err, c, want)
		}
	}
}
