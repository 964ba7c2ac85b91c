package config

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// policyExamples has an example of each key of a policy.
var policyExamples = map[string]string{
	"id": "id: reload-orders", "on": "on: [row_count, schema.column_added, alert.OrdersLate]", "mode": "mode: auto",
	"dry_run": "dry_run: true", "rollout": "rollout: 10%", "attempts": "attempts: 2", "window": "window: 6h",
	"cooldown": "cooldown: 30m", "flap_window": "flap_window: 1h", "retries": "retries: 3",
	"max_rows": "max_rows: 100000", "max_lost": "max_lost: 10", "approval_within": "approval_within: 8h",
	"settle": "settle: 5m", "on_failure": "on_failure: escalate", "escalate": "escalate: at_once",
}

const (
	repairPage  = "../docs/repair/README.md"
	policyTitle = "## Keys of a policy\n"
)

// policyTable is the table of a policy's keys, by the tags of its fields.
func policyTable() string {
	var b strings.Builder
	b.WriteString("| key | default | example | meaning |\n|---|---|---|---|\n")
	for _, k := range settings.Keys(reflect.TypeFor[repair.Policy]()) {
		value := k.Default
		if value == "" && !k.Required {
			value = map[reflect.Kind]string{reflect.Bool: "false", reflect.Int64: "0"}[k.Type.Kind()]
		}
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | %s |\n", k.Name, value, policyExamples[k.Name], k.Doc)
	}
	return b.String()
}

// TestPageOfRepairsHasAllKeys holds the page to the tags of a policy's fields. -update
// writes the table.
func TestPageOfRepairsHasAllKeys(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(repairPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(page), policyTitle)
	_, tail, found := strings.Cut(rest, "\n## ")
	want := head + policyTitle + "\nThey stand beside the key of the action.\n\n" + policyTable()
	if found {
		want += "\n## " + tail
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(repairPage, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is not what the program has: run `make docs`", repairPage)
	}
	for _, k := range settings.Keys(reflect.TypeFor[repair.Policy]()) {
		example := policyExamples[k.Name]
		item := "- on: [row_count]\n  sql: {do: [\"SELECT 1\"]}\n  " + example + "\n"
		if k.Name == "on" {
			item = "- " + example + "\n  sql: {do: [\"SELECT 1\"]}\n"
		}
		if _, err := Parse("example.yaml", []byte(FileWithExample("repair", item)), nil); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

// TestPageOfRepairsHasAllStates holds the page to the states in the code.
func TestPageOfRepairsHasAllStates(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile("../plan.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(repairPage)
	if err != nil {
		t.Fatal(err)
	}
	states := regexp.MustCompile(`RepairState = "(\w+)"`).FindAllStringSubmatch(string(code), -1)
	if len(states) < 18 {
		t.Fatalf("%d states", len(states))
	}
	for _, s := range states {
		if !strings.Contains(string(page), s[1]) {
			t.Errorf("%s does not explain the state %s", repairPage, s[1])
		}
	}
}
