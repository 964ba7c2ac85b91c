package app_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
)

// program is a built executable and a folder with a configuration and its warehouse.
type program struct {
	*testing.T
	dir  string
	path string
}

// newProgram makes the folder. The warehouse's settings lead to its file shop.db.
func newProgram(t *testing.T, warehouse string) *program {
	t.Helper()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"),
		"CREATE TABLE orders (id INTEGER PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
	config := `
warehouses: {shop: {` + warehouse + `}}
datasets: [{table: shop.main.orders, checks: [row_count > 0, schema]}]
`
	if err := os.WriteFile(filepath.Join(dir, "sentinel.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return &program{T: t, dir: dir, path: filepath.Join(dir, "sentinel")}
}

// goRun runs the go command in a folder.
func goRun(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s go %s: %v\n%s", strings.Join(env, " "), strings.Join(args, " "), err, out)
	}
}

// want runs the program and holds its output to a regular expression.
func (p *program) want(expression string, args ...string) {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), p.path, args...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(expression).Match(out) {
		p.Errorf("sentinel %s: %v\n%s\nwant a match of %s", strings.Join(args, " "), err, out, expression)
	}
}

// TestBuildModes builds the program as packagers do, and with a C library, and
// runs it. Both lay out memory in another way than `go build`.
func TestBuildModes(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]struct {
		env  []string
		args []string
	}{
		"pie":           {[]string{"CGO_ENABLED=0"}, []string{"-buildmode=pie"}},
		"external link": {[]string{"CGO_ENABLED=1"}, []string{"-ldflags=-linkmode=external"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if mode.env[0] == "CGO_ENABLED=1" {
				requireCompiler(t)
			}
			p := newProgram(t, `dsn: "sqlite:shop.db"`)
			goRun(t, "..", mode.env, append(append([]string{"build", "-o", p.path}, mode.args...), "./cmd/sentinel")...)
			p.want("valid: 1 warehouses, 1 datasets, 2 checks", "validate")
			p.want("2 checks, 2 pass", "check")
			p.want("10 incidents staged, 10 seen and cleared", "demo", "--once")
		})
	}
}

// requireCompiler fails the test where there is no C compiler.
func requireCompiler(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "CC").Output()
	if err != nil {
		t.Fatal(err)
	}
	compiler := strings.Fields(string(out))
	if len(compiler) == 0 {
		t.Fatal("`go env CC` names no C compiler: install gcc, or set CC")
	}
	if _, err := exec.LookPath(compiler[0]); err != nil {
		t.Fatalf("this test needs a C compiler: install gcc, or set CC: %v", err)
	}
}

const outsideProgram = `
package main

import (
	"os"

	"github.com/sentinel-dq/sentinel/app"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlite"
)

// dialect is SQLite under another name.
type dialect struct{ sqlite.Dialect }

func (dialect) Name() string        { return "outside" }
func (dialect) Matches(string) bool { return false }

func init() { warehouse.Register(dialect{}) }

func main() { os.Exit(app.Main()) }
`

// TestOutsideModule builds a program in another Go module that adds a dialect.
func TestOutsideModule(t *testing.T) {
	t.Parallel()
	p := newProgram(t, `dialect: outside, dsn: "sqlite:shop.db"`)
	module := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	// The versions of all dependencies are ours: nothing is resolved or fetched.
	const path = "github.com/sentinel-dq/sentinel"
	theirs := strings.Replace(string(ours), "module "+path, "module example.com/outside", 1) +
		fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", path, path, root)
	for name, text := range map[string]string{"go.mod": theirs, "go.sum": string(sums), "main.go": outsideProgram} {
		if err := os.WriteFile(filepath.Join(module, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"GOPROXY=off", "GOWORK=off", "GOFLAGS=-mod=mod " + os.Getenv("GOFLAGS")}
	goRun(t, module, env, "build", "-o", p.path, ".")
	p.want("valid: 1 warehouses, 1 datasets, 2 checks", "validate")
	p.want("2 checks, 2 pass", "check")
}
