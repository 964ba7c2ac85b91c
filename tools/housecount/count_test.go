package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCount(t *testing.T) {
	t.Parallel()
	source := `package p

type hooks struct {
	Done  func()            // counted
	All   []func(int) error // counted
	Other string
	done  func()
}

func six(a, b, c int, d, e, f string) {}

func (h hooks) five(a, b, c, d, e int) {}

func long() {
` + strings.Repeat("\t_ = 0\n", 59) + `}

func engines(engine string) bool {
	switch engine {
	case "mysql":
	}
	return engine == "sqlite" // engine == "mysql" in a comment is not counted
}

// ` + strings.Repeat("x", 118) + `
`
	c := &counts{}
	if err := c.file("p/p.go", []byte(source)); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"params":    {"p/p.go:10 six 6 parameters"},
		"long":      {"p/p.go:14 long 61 lines"},
		"callbacks": {"p/p.go:4 Done", "p/p.go:5 All"},
		"engines": {
			`p/p.go:78 case "mysql":`,
			`p/p.go:80 return engine == "sqlite" // engine == "mysql" in a comment is not counted`,
		},
		"large": nil,
	}
	got := map[string][]string{
		"params": c.params, "long": c.long, "callbacks": c.callbacks, "engines": c.engines, "large": c.large,
	}
	for name, list := range want {
		if !slices.Equal(got[name], list) {
			t.Errorf("%s: %q, want %q", name, got[name], list)
		}
	}
	if c.wide != 1 || c.functions != 4 {
		t.Errorf("%d wide lines and %d functions, want 1 and 4", c.wide, c.functions)
	}
}

func TestAnEnginesOwnPackageMayNameIt(t *testing.T) {
	t.Parallel()
	c := &counts{}
	for _, name := range []string{"warehouse/mysql/mysql.go", "store/sqlite/open.go", "drivers/duckdb/duckdb.go"} {
		if err := c.file(name, []byte("package p\n\nvar is = engine == \"mysql\"\n")); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.engines) > 0 {
		t.Error(c.engines)
	}
}

// TestNamedFunctionTypes counts fields whose type is a function with a name, in its own
// package, in another one and in the standard library.
func TestNamedFunctionTypes(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"hooks.go": `package sentinel

type Done func(error)

type Clock interface{ Now() }

type config struct {
	Done  Done // counted
	Clock Clock
	done  Done
}
`,
		"p/p.go": `package p

import (
	"errors"
	"os"
	"path/filepath"
	"context"

	root "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/q"
)

type config struct {
	Done   *root.Done           // counted
	Steps  map[string]q.Step    // counted
	Cancel context.CancelFunc   // counted
	q.Step                      // counted
	Clock  root.Clock
	Ctx    context.Context
}
`,
		"q/q.go": "package q\n\ntype Step func()\n",
	}
	root := t.TempDir()
	for name, source := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(source), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := count(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"hooks.go:8 Done", "p/p.go:14 Done", "p/p.go:15 Steps", "p/p.go:16 Cancel", "p/p.go:17 Step"}
	if !slices.Equal(c.callbacks, want) {
		t.Errorf("%q, want %q", c.callbacks, want)
	}
}

// TestTestSupportIsCounted finds a comparison with an engine in a package that only tests
// import.
func TestTestSupportIsCounted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"testenv", "repair/repairtest"} {
		file := filepath.Join(root, dir, "a.go")
		source := []byte("package p\n\nvar is = engine == \"mysql\"\n")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, source, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := count(root)
	if err != nil || len(c.engines) != 2 {
		t.Errorf("%q, %v, want two comparisons", c.engines, err)
	}
}

// A count at its limit passes, and one beyond it is named.
func TestLimits(t *testing.T) {
	t.Parallel()
	many := make([]string, 100)
	c := &counts{lines: 1000, wide: 5, params: many[:4], callbacks: many[:19], long: many, large: many}
	if got := c.beyond(); len(got) > 0 {
		t.Error(got)
	}
	c = &counts{lines: 1000, wide: 6, params: many[:5], callbacks: many[:20], engines: many[:1]}
	got := strings.Join(c.beyond(), "\n")
	for _, want := range []string{"0.60 %", "5 functions", "20 exported fields", "1 comparisons"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
