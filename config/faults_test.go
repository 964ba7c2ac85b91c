package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/config"
)

const aWarehouse = "warehouses: {w: {dsn: \"sqlite:w.db\"}}\n"

// mistaken holds what is said of a file.
func mistaken(t *testing.T, text string, want ...string) {
	t.Helper()
	_, err := config.Parse("f.yaml", []byte(text), env("EMPTY=", "SECRET=topsecret"))
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%v, want %q", err, w)
		}
	}
	if err != nil && (!strings.HasPrefix(err.Error(), "f.yaml:") || strings.Contains(err.Error(), "topsecret")) {
		t.Errorf("%v: want file and line, and no secret", err)
	}
}

// TestC23HostileFiles: no file takes long, takes memory, or panics.
func TestC23HostileFiles(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for i := 'b'; i < 'k'; i++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", i-1), 9), ", "))
	}
	mistaken(t, bomb, "aliases are not used")
	mistaken(t, aWarehouse+"datasets: 7\n", "datasets")
	mistaken(t, aWarehouse+"datasets: [{table: w.t, checks: [{row_count: {fail: [1]}}]}]\n", "fail")
	mistaken(t, strings.Repeat("[", 20_000), "f.yaml:")
	began := time.Now()
	mistaken(t, aWarehouse+"# "+strings.Repeat("x", 10<<20)+"\n", "no dataset")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("a file of 10 MB takes %s", took)
	}
	good := "\ufeff" + aWarehouse + "datasets: [{table: w.t, checks: [schema]}]\n"
	if _, err := config.Parse("f.yaml", []byte(good), env()); err != nil {
		t.Errorf("a byte order mark: %v", err)
	}
}

// TestC25CheckNamesAreUnique: the same id twice names both places. Ids that
// differ in case are two, as tables may be.
func TestC25CheckNamesAreUnique(t *testing.T) {
	t.Parallel()
	two := aWarehouse + "datasets:\n  - table: w.t\n    checks:\n      - schema: {id: orders}\n" +
		"      - row_count: {id: %s, fail: \"< 1\"}\n"
	mistaken(t, fmt.Sprintf(two, "orders"), "f.yaml:6:", `the check "orders" stands here and in line 5`)
	if _, err := config.Parse("f.yaml", fmt.Appendf(nil, two, "Orders"), env()); err != nil {
		t.Error(err)
	}
}

// TestC26CirclesArePrinted: depends_on is what can go round; there are no
// templates or includes.
func TestC26CirclesArePrinted(t *testing.T) {
	t.Parallel()
	chain := func(n int, last string) string {
		var b strings.Builder
		b.WriteString(aWarehouse + "datasets:\n")
		for i := range n {
			up := fmt.Sprintf("w.s.t%d", i+1)
			if i == n-1 {
				up = last
			}
			fmt.Fprintf(&b, "  - {table: w.s.t%d, depends_on: [%s], checks: [schema]}\n", i, up)
		}
		return b.String()
	}
	mistaken(t, chain(1, "w.s.t0"), "depends_on goes in a circle: w.s.t0 -> w.s.t0")
	mistaken(t, chain(3, "w.s.t0"), "depends_on goes in a circle: w.s.t0 -> w.s.t1 -> w.s.t2 -> w.s.t0")
	mistaken(t, chain(2000, "w.s.t0"), "depends_on goes in a circle: w.s.t0 -> w.s.t1")
	if _, err := config.Parse("f.yaml", []byte(chain(2000, "w.s.other")), env()); err != nil {
		t.Errorf("a long chain: %v", err)
	}
}

// TestC27VariablesThatAreMissing: the variable is named, its value never.
func TestC27VariablesThatAreMissing(t *testing.T) {
	t.Parallel()
	file := "warehouses: {w: {dsn: %q}}\ndatasets: [{table: w.t, checks: [schema]}]\n"
	mistaken(t, fmt.Sprintf(file, "${NOT_SET}"), "the environment variable NOT_SET is not set")
	mistaken(t, fmt.Sprintf(file, "${EMPTY}"), "the environment variable EMPTY is empty")
	mistaken(t, fmt.Sprintf(file, "oracle://u:${SECRET}@h/x"), "dialect")
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mistaken(
		t,
		fmt.Sprintf("warehouses: {w: {dsn_file: %q}}\ndatasets: [{table: w.t, checks: [schema]}]\n", path),
		"f.yaml:1:",
		path,
	)
}
