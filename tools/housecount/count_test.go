package main

import (
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
