package dialecttest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuideCompiles vets the Go code of the guide as a module of its own. SQLite's driver
// takes the place of DuckDB's, which is no dependency.
func TestGuideCompiles(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	guide := read(t, root, "docs/warehouse/new-dialect.md")
	const path = "github.com/sentinel-dq/sentinel"
	files := map[string]string{
		"go.mod": strings.Replace(read(t, root, "go.mod"), "module "+path, "module example.com/sentinel-duckdb", 1) +
			fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %s => %s\n", path, path, root),
		"go.sum": read(t, root, "go.sum"),
	}
	names := map[string]string{
		"duckdb": "duckdb.go", "duckdb_test": "duckdb_test.go", "main": "cmd/main.go",
	}
	for _, block := range regexp.MustCompile("(?s)```go\npackage (\\w+)\n.*?```").FindAllStringSubmatch(guide, -1) {
		code := strings.TrimSuffix(strings.TrimPrefix(block[0], "```go\n"), "```")
		files[names[block[1]]] = strings.Replace(code, "github.com/marcboeker/go-duckdb/v2", "modernc.org/sqlite", 1)
	}
	if len(files) != 2+len(names) {
		t.Fatalf("the guide has not a file for each of %v", names)
	}
	module := t.TempDir()
	if err := os.Mkdir(filepath.Join(module, "cmd"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(module, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	vet := exec.CommandContext(t.Context(), "go", "vet", "./...")
	vet.Dir = module
	vet.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=-mod=mod "+os.Getenv("GOFLAGS"))
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("go vet: %v\n%s", err, out)
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
