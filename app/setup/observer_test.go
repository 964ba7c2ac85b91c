package setup

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/sqlite"
)

// TestAStatementsPanicIsCounted: a panic while a statement runs is counted.
func TestAStatementsPanicIsCounted(t *testing.T) {
	t.Parallel()
	metrics := exporters.NewPrometheus("test")
	file := filepath.Join(t.TempDir(), "w.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := warehouse.Config{Name: "w", DSN: sentinel.NewSecret("sqlite:" + file)}
	cfg.Observer = Setup{Metrics: metrics}.observe(cfg)
	db, err := warehouse.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	statements := []warehouse.Statement{{SQL: "SELECT 1", Each: func() func([]warehouse.Cell) error {
		return func([]warehouse.Cell) error { panic("broken") }
	}}}
	db.Run(t.Context(), statements, func(_ int, _ warehouse.Rows, err error) {
		if err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("%v, want the panic", err)
		}
	})
	page := httptest.NewRecorder()
	metrics.ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	if want := `sentinel_panics_total{where="statement"} 1`; !strings.Contains(page.Body.String(), want) {
		t.Errorf("%s is missing in the metrics", want)
	}
}
