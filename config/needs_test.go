package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// examplePages returns the pages whose YAML blocks are configurations.
func examplePages(t *testing.T) (pages []string) {
	t.Helper()
	for _, folder := range []string{"checks", "repair", "notify", "exporters"} {
		found, err := filepath.Glob("../docs/" + folder + "/*.md")
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	return append(pages, "../README.md", "../docs/configuration.md", "../docs/notifications.md", "../docs/failover.md")
}

// TestWhatIsNotNeededIsNotRead loads every documented example without the variables that it
// names, as a command that reads the state alone does. It has the same datasets, checks,
// channels and repairs as with the variables, and no secret was asked for.
func TestWhatIsNotNeededIsNotRead(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	count := func(c *Config) [6]int {
		n := [6]int{len(c.Warehouses), len(c.Datasets), len(c.Channels), len(c.Routes), len(c.Exporters)}
		for _, d := range c.Datasets {
			n[5] += len(d.Checks) + len(d.Repairs)
		}
		return n
	}
	with := 0
	for _, page := range examplePages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(b[1], "${") {
				continue
			}
			with++
			block := []byte(FileWithExample(filepath.Base(filepath.Dir(page)), b[1]))
			all, err := parse(newReader(page, block, func(name string) (string, bool) {
				if strings.HasSuffix(name, "_DSN") {
					return "postgres://reader@db/shop", true
				}
				return "https://hooks.example.com/x", true
			}), needs{})
			if err != nil {
				t.Fatal(err)
			}
			none := func(string) (string, bool) { return "", false }
			some, err := parse(newReader(page, block, none), needs{some: true})
			if err != nil {
				t.Errorf("%v\n%s", err, block)
				continue
			}
			if count(some) != count(all) {
				t.Errorf("%s: %v, want %v\n%s", page, count(some), count(all), block)
			}
		}
	}
	if with < 20 {
		t.Errorf("%d examples name a variable", with)
	}
}

// TestNoSourceOfASecretIsOpenedInVain loads a file whose secrets are in files that are not
// there and come from commands that leave a mark.
func TestNoSourceOfASecretIsOpenedInVain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sentinel.yaml")
	const text = `
state_file: state.txt
token: "${TOKEN}"
warehouses:
  a: {dsn: "${A_DSN}", repair_dsn: "${A_DSN}", standby_dsn: ["${B_DSN}"], max_connections: "${N}"}
  b: {dsn_file: none, standby_dsn_file: [none]}
  c: {dsn_command: [touch, mark], dialect: postgres}
  d: {dsn: "mysql://reader:${PASSWORD}@db/shop"}
notify:
  mail: {email: {host: "${HOST}", from: "${FROM}", to: ["${TO}"], password_file: none}}
  hook: {webhook: {url_command: [touch, mark], headers: {A: "${X}"}, headers_file: {B: none}}}
exporters: [{influx: {url: "${ES}", token: "${ES_TOKEN}", bucket: x}}]
datasets:
  - table: a.public.t
    checks: [row_count > 0]
    repair: [{on: [row_count], webhook: {url: "${HOOK}", secret_file: none}}]
  - table: d.public.t
    checks: [{row_count: {where: "n > 0"}}]
`
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sentinel.yaml", text)
	write("state.txt", "sqlite:other.db\n")
	env := func(name string) (string, bool) {
		if slices.Contains([]string{"TO", "N", "HOST", "FROM"}, name) { // no secrets
			return "", false
		}
		t.Errorf("the variable %s was read", name)
		return "x", true
	}
	c, err := LoadFor(path, env, "state")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.State.Reveal(); !strings.HasSuffix(got, "other.db") || len(c.Datasets[0].Repairs) != 1 ||
		len(c.Channels) != 2 {
		t.Errorf("state %s, %d channels", got, len(c.Channels))
	}
	for i, want := range []string{"", "", "postgres", "mysql"} {
		if got := c.Warehouses[i].Dialect; got != want {
			t.Errorf("%s is of the dialect %q, want %q", c.Warehouses[i].Name, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "mark")); err == nil {
		t.Error("a command was run")
	}
	if _, err := LoadFor(path, func(string) (string, bool) { return "", false }, "state", "token"); err == nil ||
		!strings.Contains(err.Error(), "TOKEN is not set") || strings.Contains(err.Error(), "DSN") {
		t.Errorf("%v", err)
	}
	write("sentinel.yaml", strings.Replace(text, "row_count > 0", "row_cuont > 0", 1))
	if _, err := LoadFor(path, env); err == nil {
		t.Error("a mistake of a dataset is not told")
	}
}
