package config_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
)

// loading returns the bytes allocated by loading n datasets with the check.
func loading(t *testing.T, check string, n int) uint64 {
	t.Helper()
	var b strings.Builder
	b.WriteString("warehouses: {w: {dsn: \"sqlite:w.db\"}}\ndatasets:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - table: w.s.t_%d\n    checks:\n      - %s\n", i, check)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := config.Parse("f.yaml", []byte(b.String()), env())
	runtime.ReadMemStats(&after)
	if err != nil || len(c.Datasets) != n {
		t.Fatalf("%d datasets: %v", n, err)
	}
	return after.TotalAlloc - before.TotalAlloc
}

// Not parallel: it reads the allocations of the whole process.
func TestLoadingIsLinear(t *testing.T) {
	for _, check := range []string{
		"row_count > 0", "schema", "schema: {like: w.a.b}", "schema: {columns: [id, note]}", "schema: {column_added: warn}",
		"freshness: {column: at, warn: 30m, fail: {count: 1, period: hour}}", "row_count: {bucket: day, fail: \"< 10\"}",
	} {
		t.Run(check, func(t *testing.T) {
			if small, large := loading(t, check, 100), loading(t, check, 800); large > 12*small {
				t.Errorf("8 times the datasets take %d times the memory traffic", large/small)
			}
		})
	}
}
