package sentinel_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cases is how many docs/faults.md has.
const cases = 56

// TestEveryFaultHasItsTests holds docs/faults.md to the tests: each case has one
// with its number, every test that is named exists, and every numbered one is
// named in its case.
func TestEveryFaultHasItsTests(t *testing.T) {
	t.Parallel()
	exist := testsByPackage(t)
	page, err := os.ReadFile("docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("([a-z/]+) `(Test[A-Za-z0-9]+)`")
	owner := map[string]int{} // the case that names a test
	for n := 1; n <= cases; n++ {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \|.*$`, n)).FindAllString(string(page), -1)
		if len(row) != 1 {
			t.Errorf("case %d has %d rows", n, len(row))
			continue
		}
		numbered := false
		for _, m := range named.FindAllStringSubmatch(row[0], -1) {
			name := m[1] + " " + m[2]
			if !slices.Contains(exist, name) {
				t.Errorf("case %d: there is no test %s", n, name)
			}
			owner[name] = n
			numbered = numbered || strings.HasPrefix(m[2], fmt.Sprintf("TestC%02d", n))
		}
		if !numbered {
			t.Errorf("case %d has no test TestC%02d...", n, n)
		}
	}
	number := regexp.MustCompile(` TestC(\d\d)`)
	for _, name := range exist {
		if m := number.FindStringSubmatch(name); m != nil && fmt.Sprintf("%02d", owner[name]) != m[1] {
			t.Errorf("docs/faults.md does not name %s in its case", name)
		}
	}
}

// testsByPackage lists the tests of the repository as "package Test".
func testsByPackage(t *testing.T) (names []string) {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(t \*testing\.T\)`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllSubmatch(text, -1) {
			names = append(names, filepath.ToSlash(filepath.Dir(path))+" "+string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
