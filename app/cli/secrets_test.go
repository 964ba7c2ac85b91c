package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// asksAWarehouse are the commands that need the secrets of warehouses, and why.
var asksAWarehouse = map[string]string{
	"sentinel check":         "checks",
	"sentinel run":           "checks",
	"sentinel plan":          "reads the catalog",
	"sentinel doctor":        "reads the privileges of each DSN",
	"sentinel schema diff":   "reads the catalog",
	"sentinel schema accept": "reads the catalog",
	"sentinel validate":      "reports a variable that is not set and a DSN that cannot work",
}

// ownWarehouse are commands that read no configuration.
var ownWarehouse = []string{"sentinel demo", "sentinel drill", "sentinel init"}

// commandsBelow returns all commands that can be run.
func commandsBelow(c *cobra.Command) (all []*cobra.Command) {
	if c.Runnable() {
		all = append(all, c)
	}
	for _, sub := range c.Commands() {
		all = append(all, commandsBelow(sub)...)
	}
	return all
}

// argumentsOf returns arguments with which a command gets as far as reading its
// configuration.
func argumentsOf(t *testing.T, c *cobra.Command, config string) []string {
	args := append(strings.Fields(c.CommandPath())[1:], "-c", config)
	switch c.CommandPath() {
	case "sentinel state restore":
		return append(args, "latest")
	case "sentinel backtest":
		return append(args, "--check", "w.main.t/row_count", "--metric", "row_count")
	case "sentinel risk explain":
		return append(args, "w.main.t")
	case "sentinel segments list", "sentinel segments accept":
		return append(args, "--check", "w.main.t/row_count")
	case "sentinel gate", "sentinel notify route":
		return append(args, "--dataset", "w.main.t")
	case "sentinel history label":
		return append(args, "--check", "rows", "--from", "2026-01-01", "--to", "2026-01-02", "--why", "x")
	case "sentinel notify test":
		return append(args, "log")
	case "sentinel silence add":
		return append(args, "--dataset", "w.main.t", "--for", "1h", "--why", "x")
	case "sentinel incidents silence":
		return append(args, "x", "--for", "1h", "--why", "x")
	case "sentinel notify dead drop", "sentinel notify dead retry":
		return append(args, "--all")
	}
	_, positions, _ := strings.Cut(c.Use, " ")
	for range strings.Fields(positions) {
		args = append(args, filepath.Join(t.TempDir(), "x"))
	}
	return args
}

// TestCommandsReadNoSecretInVain runs every command that asks no warehouse with warehouses whose
// secrets are not there: a variable that is not set, a file that does not exist, and a command
// that leaves a mark. A new command is either on the list above, or this holds for it.
func TestCommandsReadNoSecretInVain(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "sentinel.yaml")
	mark := filepath.Join(dir, "mark")
	text := fmt.Sprintf(`
state: sqlite:sentinel.db
listen: 127.0.0.1:1
token: a-token-of-this-test
warehouses:
  w: {dsn: "${SECRET_OF_A_WAREHOUSE}", repair_dsn: "${SECRET_OF_A_WAREHOUSE}"}
  v: {dsn_file: secret-of-a-warehouse}
  u: {dsn_command: [touch, %q]}
notify: {log: {log: {}}}
datasets:
  - {table: w.main.t, checks: [{row_count: {id: rows, min: 1}}, {freshness: {column: c, expected: "0 6 * * *"}}], slo: {objective: 99%%, window: 30d}}
  - {table: v.main.t, checks: [schema]}
  - {table: u.main.t, checks: [schema]}
`, mark)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range commandsBelow(newRoot()) {
		path := c.CommandPath()
		seen[path] = true
		if asksAWarehouse[path] != "" || slices.Contains(ownWarehouse, path) {
			continue
		}
		var out bytes.Buffer
		root := newRoot()
		root.SetArgs(argumentsOf(t, c, config))
		root.SetOut(&out)
		root.SetErr(&out)
		err := root.ExecuteContext(t.Context())
		said := fmt.Sprint(out.String(), err)
		if strings.Contains(said, "SECRET_OF") || strings.Contains(said, "secret-of") {
			t.Errorf("%s reads a secret of a warehouse: %s", path, said)
		}
		if strings.Contains(said, "arg(s)") || strings.Contains(said, "required flag") || strings.Contains(said, "usage") {
			t.Errorf("%s does not get as far as its configuration: %s", path, said)
		}
		if _, err := os.Stat(mark); err == nil {
			t.Fatalf("%s has run the command of a secret", path)
		}
	}
	for path := range asksAWarehouse {
		if !seen[path] {
			t.Errorf("there is no command %s", path)
		}
	}
}
