package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/settings"
)

// The blocks of the reference, with an example of each. An example is the
// content of a file beside a warehouse named shop and a dataset.
var blocks = []struct {
	title, where, example string
	of                    reflect.Type
}{
	{"The file", "At the top of the file.", "listen: 0.0.0.0:9780\nretention: 30d\n", reflect.TypeFor[file]()},
	{"Warehouse", "Under `warehouses:`, as the value of a name.",
		"warehouses:\n  shop:\n    dsn_file: /run/secrets/shop\n    max_connections: 8\n", reflect.TypeFor[warehouseEntry]()},
	{"Web", "Under `web:`. [Security](security.md) explains it.",
		"listen: 0.0.0.0:9780\nweb: {read: token, hosts: [sentinel.example.com], tokens: [{name: on-call, token_file: " +
			"/run/secrets/shop}]}\n",
		reflect.TypeFor[access.Access]()},
	{"Client", "Under `client:` of `web:`. [The command line](security.md#the-command-line).",
		"web: {client: {url: https://sentinel.example.com, username: ann, password_file: /run/secrets/shop}}\n",
		reflect.TypeFor[access.Client]()},
	{"Outbound", "Under `outbound:` of the file, of a channel and of an item of `repair:`. [Security](security.md#requests).",
		"outbound: {proxy_url: \"http://proxy.example.com:3128\", no_proxy: [.example.com]}\n",
		reflect.TypeFor[outbound.Rules]()},
	{"Token", "Under `tokens:` of `web:`, as an item.",
		"web: {tokens: [{name: grafana, role: viewer, token: 7f4d1c0b9a8e6f5d4c3b2a19}]}\n", reflect.TypeFor[access.Token]()},
	{"Defaults", "Under `defaults:`, in an item of `datasets:` and in a check. A check inherits from its dataset, " +
		"a dataset from `defaults:`; `null` switches an inherited value off.",
		"defaults: {timezone: Europe/Berlin, owner: data-platform}\n", reflect.TypeFor[inheritable]()},
	{"Dataset", "Under `datasets:`, as an item of the list.",
		"datasets:\n  - table: shop.public.orders\n    time_column: created_at\n    checks: [row_count > 0]\n",
		reflect.TypeFor[datasetEntry]()},
	{"Check", "Under `checks:` of a dataset, in the value of every kind.",
		check(
			"- row_count: {id: orders_today, bucket: day, tier: critical, fail: \"< 10\"}",
		), reflect.TypeFor[checks.Options]()},
	{"Confirm", "Under `confirm:`.", "defaults: {confirm: {failures: 2, of: 3}}\n", reflect.TypeFor[checks.Confirm]()},
	{"Samples", "Under `samples:`. [Samples of bad rows](samples.md).",
		"defaults: {samples: {columns: [id, status], mask: {status: hash}}}\n", reflect.TypeFor[checks.Samples]()},
	{"SLO", "Under `slo:`. [Service levels](slo.md).", "defaults: {slo: {objective: 99.9%, window: 30d}}\n", reflect.TypeFor[SLO]()},
	{"Time", "Under `time:` of a dataset, or of a check that reads rows by their time ([more](time.md)).",
		"datasets:\n  - table: shop.public.events\n    time: {column: ts, unit: ms}\n    checks: [freshness: {fail: 1h}]\n",
		reflect.TypeFor[checks.TimeColumn]()},
	{"Anomaly", "Under `anomaly:` of a check.",
		check("- row_count: {bucket: day, anomaly: {false_alarms: 1/month}}"), reflect.TypeFor[anomaly.Config]()},
	{"Ignore below", "Under `ignore_below:` of `anomaly:`.",
		check("- row_count: {anomaly: {ignore_below: {relative: 0.1}}}"), reflect.TypeFor[anomaly.Floors]()},
	{"Change", "Under `change:` of a row_count check.",
		check(
			"- row_count: {bucket: day, change: {against: same_weekday, fail: \"< -50%\"}}",
		), reflect.TypeFor[checks.Change]()},
	{"Against", "Under `against:` of a distribution check.",
		check("- distribution: {column: country, bucket: day, against: {last: 28}}"), reflect.TypeFor[checks.Against]()},
	{"Expected partitions", "Under `expected_partitions:` of a row_count check.",
		check("- row_count: {expected_partitions: {every: day, last: 14}}"), reflect.TypeFor[checks.Partitions]()},
	{
		"Declared column",
		"Under `columns:` of a schema check, as an item. A list of names, or a mapping of name to type, is as good.",
		check("- schema: {columns: [{name: id, type: bigint, nullable: false}]}"),
		reflect.TypeFor[checks.DeclaredColumn](),
	},
	{"Duration", "Wherever a duration is wanted: 30m, 1d6h, 2w, or this mapping.",
		check("- freshness: {column: created_at, fail: {count: 12, period: hour}}"), reflect.TypeFor[counted]()},
	{"Risk", "Under `risk:` of a dataset. `off` switches it off.",
		"datasets:\n  - table: shop.public.orders\n    checks: [freshness: {column: at, fail: 26h}]\n" +
			"    risk: {deadline: \"06:00\"}\n",
		reflect.TypeFor[Risk]()},
	{"Repair", "Under `repair:` of a dataset, as an item of the list, beside the name of one action.",
		inBlock(
			"repair",
			"- on: [row_count]\n  mode: auto\n  sql: {do: [\"CALL reload()\"]}",
		), reflect.TypeFor[repair.Policy]()},
	{"Clear", "Under `clear:` of the action airflow.",
		inBlock(
			"repair",
			"- on: [row_count]\n  airflow: {url: \"https://a.example.com\", dag: d, token: t, clear: {run: "+
				"\"scheduled__{day}\"}}",
		),
		reflect.TypeFor[hooks.AirflowClear]()},
	{"dbt Cloud", "Under `cloud:` of the action dbt.",
		inBlock(
			"repair",
			"- on: [row_count]\n  dbt: {cloud: {account: 1, job: 2, token: t}}",
		), reflect.TypeFor[hooks.DBTCloud]()},
	{"Channel", "Under `notify:`, as the value of a name, beside one kind of channel.",
		inBlock("notify", "slack: {webhook_url: \"https://hooks.example.com/x\"}\nrate: {burst: 5, every: 1m}"),
		reflect.TypeFor[channelEntry]()},
	{"Rate", "Under `rate:` of a channel.",
		inBlock("notify", "log: {}\nrate: {burst: 20, every: 15s}"), reflect.TypeFor[notify.Rate]()},
	{"Route", "Under `routes:`, as an item of the list.",
		"routes: [{tier: critical, to: [team]}]\n", reflect.TypeFor[notify.Route]()},
	{"Flapping", "Under `flapping:` ([what it means](incidents.md)).", "flapping: {openings: 5, within: 2h}\n",
		reflect.TypeFor[notify.Flaps]()},
	{"Backup", "Under `backup:`.",
		"backup: {to: \"s3://backups/sentinel\", schedule: \"0 3 * * *\"}\n", reflect.TypeFor[backup.Config]()},
	{"Hours", "Under `during:` of a route, as an item of the list.",
		"routes: [{to: [team], during: [{days: [mon-fri], from: \"09:00\", to: \"17:00\"}]}]\n",
		reflect.TypeFor[notify.Times]()},
	{"Maintenance window", "Under `maintenance:`, as an item of the list.",
		"maintenance: [{name: vacuum, from: \"02:00\", to: \"04:00\"}]\n", reflect.TypeFor[notify.Window]()},
}

func check(item string) string { return inBlock("checks", item) }

// inBlock puts the example of a page where it stands in a file.
func inBlock(folder, example string) string {
	indent := func(spaces int) string {
		lines := strings.Split(strings.TrimRight(example, "\n"), "\n")
		for i, l := range lines {
			if l != "" {
				lines[i] = strings.Repeat(" ", spaces) + l
			}
		}
		return strings.Join(lines, "\n") + "\n"
	}
	switch folder {
	case "checks":
		return "datasets:\n  - table: shop.public.orders\n    checks:\n" + indent(6)
	case "repair":
		return "datasets:\n  - table: shop.public.orders\n    checks: [row_count > 0]\n    repair:\n" + indent(6)
	case "notify":
		return "notify:\n  team:\n" + indent(4)
	}
	return "exporters:\n  -" + indent(4)[3:]
}

// reference writes the page of all keys.
func reference(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Configuration reference\n\nEvery key of the configuration file. " +
		"The [guide](configuration.md) explains how they work together.\n" +
		"This page is generated from the program: `make docs` writes it.\n")
	for _, k := range blocks {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```yaml\n%s```\n", k.title, k.where, k.example)
		table(&b, settings.AllKeys(k.of))
	}
	for _, section := range []struct {
		title string
		of    reflect.Type
	}{
		{"Checks", reflect.TypeFor[checks.Check]()},
		{"Channels", reflect.TypeFor[notify.Notifier]()},
		{"Repair actions", reflect.TypeFor[repair.Action]()},
		{"Exporters", registryType("exporter")},
	} {
		fmt.Fprintf(&b, "\n## %s\n", section.title)
		reg := registries[section.of]
		for _, name := range reg.names() {
			page := "../docs/" + reg.page + "/" + name + ".md"
			fmt.Fprintf(&b, "\n### %s %s\n\nMore: [%s](%s/%s.md).\n\n```yaml\n%s```\n",
				reg.title, name, name, reg.page, name, inBlock(reg.page, firstExample(t, page)))
			table(&b, own(kindType(reg, name)))
		}
	}
	return b.String()
}

func registryType(word string) reflect.Type {
	for t, reg := range registries {
		if reg.word == word {
			return t
		}
	}
	return nil
}

var yamlExample = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func firstExample(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := yamlExample.FindStringSubmatch(string(text))
	if found == nil {
		t.Fatalf("%s has no example", page)
	}
	return found[1]
}

// own leaves out the keys that every check has.
func own(t reflect.Type) (keys []settings.Key) {
	common := map[string]bool{}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[checks.Check]()) {
		for _, k := range settings.Keys(reflect.TypeFor[checks.Options]()) {
			common[k.Name] = true
		}
	}
	for _, k := range settings.AllKeys(t) {
		if !common[k.Name] {
			keys = append(keys, k)
		}
	}
	return keys
}

func table(b *strings.Builder, keys []settings.Key) {
	if len(keys) == 0 {
		return
	}
	b.WriteString("\n| key | type | default | meaning |\n|---|---|---|---|\n")
	for _, k := range keys {
		byDefault := ""
		switch {
		case k.Required:
			byDefault = "required"
		case k.Default != "":
			byDefault = "`" + k.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.Name, typeName(k), byDefault, strings.ReplaceAll(k.Doc, "*", "\\*"))
	}
}

func typeName(k settings.Key) string {
	if words := wordsOfKey(k); words != nil {
		return "`" + strings.Join(words, "`, `") + "`"
	}
	return nameOf(k.Type)
}

func nameOf(t reflect.Type) string {
	if d, ok := reflect.Zero(t).Interface().(describer); ok && t.Kind() != reflect.Pointer {
		if inner := d.describe(); inner.of != t {
			return nameOf(inner.of)
		}
	}
	switch t {
	case reflect.TypeFor[checks.Duration](), reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[checks.Bound]():
		return "condition"
	case reflect.TypeFor[checks.Tolerance](), reflect.TypeFor[repair.Share](), reflect.TypeFor[share]():
		return "percentage"
	case reflect.TypeFor[byteSize]():
		return "size"
	case reflect.TypeFor[sentinel.Secret]():
		return "secret"
	case reflect.TypeFor[settings.Command]():
		return "command"
	case reflect.TypeFor[sentinel.Table](), reflect.TypeFor[sentinel.Pattern]():
		return "table"
	case reflect.TypeFor[checks.DeclaredColumns]():
		return "list of [declared column](#declared-column)"
	}
	for _, k := range blocks {
		if k.of == t || t == reflect.TypeFor[checkEntry]() && k.title == "Check" ||
			t.Kind() == reflect.Struct && t.NumField() > 1 && t.Field(1).Type == k.of {
			return fmt.Sprintf("[%s](#%s)", strings.ToLower(k.title), strings.ReplaceAll(strings.ToLower(k.title), " ", "-"))
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nameOf(t.Elem())
	case reflect.Slice:
		return "list of " + nameOf(t.Elem())
	case reflect.Map:
		return "mapping of name to " + nameOf(t.Elem())
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct:
		return "[exporters](#exporters)"
	}
	return "text"
}

// TestReferenceIsGenerated holds docs/reference.md to the structs' tags.
// -update writes it.
func TestReferenceIsGenerated(t *testing.T) {
	t.Parallel()
	const page = "../docs/reference.md"
	want := reference(t)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the program has (%v): run `make docs`", page, err)
	}
}

// TestReferenceExamplesLoad loads every example of the reference.
func TestReferenceExamplesLoad(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) { return "https://example.com/" + name, true }
	for _, found := range yamlExample.FindAllStringSubmatch(reference(t), -1) {
		text := FileWithExample("", strings.ReplaceAll(found[1], "dsn_file: /run/secrets/shop", "dsn: sqlite:x.db"))
		text = strings.ReplaceAll(text, "password_file: /run/secrets/shop", "password: x")
		text = strings.ReplaceAll(text, "token_file: /run/secrets/shop", "token: 7f4d1c0b9a8e6f5d4c3b2a19")
		if _, err := Parse("example.yaml", []byte(text), env); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// TestEveryStructOfKeysIsInTheReference walks all structs with keys.
func TestEveryStructOfKeysIsInTheReference(t *testing.T) {
	t.Parallel()
	page := reference(t)
	count := 0
	walkStructs(reflect.TypeFor[file](), map[reflect.Type]bool{}, func(at reflect.Type, k settings.Key) {
		count++
		if k.Doc == "" {
			t.Errorf("%s of %s has no description", k.Name, at)
		}
		if !strings.Contains(page, "| `"+k.Name+"` | "+typeName(k)+" |") {
			t.Errorf("%s of %s is not in the reference", k.Name, at)
		}
	})
	t.Logf("%d keys", count)
}

// walkStructs visits the keys of a struct and of all that it holds.
func walkStructs(t reflect.Type, seen map[reflect.Type]bool, visit func(reflect.Type, settings.Key)) {
	if d, ok := reflect.Zero(t).Interface().(describer); ok && t.Kind() != reflect.Pointer {
		if inner := d.describe(); inner.of != t {
			walkStructs(inner.of, seen, visit)
			return
		}
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		walkStructs(t.Elem(), seen, visit)
		return
	case reflect.Struct:
	default:
		return
	}
	if seen[t] {
		return
	}
	seen[t] = true
	for _, k := range settings.AllKeys(t) {
		visit(t, k)
		walkStructs(k.Type, seen, visit)
	}
	if kinds, ok := reflect.New(t).Interface().(kinded); ok {
		reg := kinds.registry()
		for _, name := range reg.names() {
			walkStructs(kindType(reg, name), seen, visit)
		}
	}
}

var (
	fieldRow = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|")
	codeWord = regexp.MustCompile("`([a-z_]+)`")
)

// TestPagesNameKeysThatExist holds the tables of fields in the pages of kinds to
// the kinds' keys, and each page to the block that its example stands in.
func TestPagesNameKeysThatExist(t *testing.T) {
	t.Parallel()
	for _, reg := range registries {
		for _, name := range reg.names() {
			page := "../docs/" + reg.page + "/" + name + ".md"
			text, err := os.ReadFile(page)
			if err != nil {
				t.Error(err)
				continue
			}
			if !strings.Contains(string(text), "Write it under `"+reg.page+":`") {
				t.Errorf("%s does not say where its example stands", page)
			}
			known := map[string]bool{}
			walkStructs(
				kindType(reg, name),
				map[reflect.Type]bool{},
				func(_ reflect.Type, k settings.Key) { known[k.Name] = true },
			)
			_, fields, _ := strings.Cut(string(text), "| field | meaning |")
			fields, _, _ = strings.Cut(fields, "\n\n")
			for _, row := range fieldRow.FindAllStringSubmatch(fields, -1) {
				for _, word := range codeWord.FindAllStringSubmatch(row[1], -1) {
					if !known[word[1]] {
						t.Errorf("%s: %s has no key %s", page, name, word[1])
					}
				}
			}
		}
	}
}
