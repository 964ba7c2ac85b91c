package warehouse_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

func TestUnknownDialect(t *testing.T) {
	t.Parallel()
	for _, cfg := range []warehouse.Config{
		{Name: "w", DSN: "oracle://u:topsecret@x"},
		{Name: "w", Dialect: "oracle", DSN: "oracle://u:topsecret@x"},
	} {
		_, err := warehouse.Open(cfg)
		if err == nil || strings.Contains(err.Error(), "topsecret") ||
			!strings.Contains(err.Error(), "mysql, postgres, sqlite") {
			t.Errorf("%v, want an error that lists the dialects and has no password", err)
		}
	}
}

func TestDialectOf(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u@h/d":   "postgres",
		"postgresql://u@h/d": "postgres",
		"mysql://u@h/d":      "mysql",
		"mariadb://u@h/d":    "mysql",
		"u:p@tcp(h:3306)/d":  "mysql",
		"u@unix(/run/s)/d":   "mysql",
		"sqlite:shop.db":     "sqlite",
		"file:shop.db":       "sqlite",
		"oracle://u@h/d":     "",
		"shop.db":            "",
		"":                   "",
		"host=h user=u":      "",
	} {
		if got := warehouse.DialectOf(dsn); got != want {
			t.Errorf("%s: %q, want %q", dsn, got, want)
		}
	}
	for dialect, want := range map[string]string{
		"postgres": "postgresql",
		"mysql":    "mysql",
		"sqlite":   "sqlite",
		"other":    "other",
	} {
		if got := warehouse.SystemName(dialect); got != want {
			t.Errorf("OpenTelemetry's name of %s: %q, want %q", dialect, got, want)
		}
	}
}

func TestPasswordOf(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:p%40ss@h/d": "p@ss", "host=h password='secret' user=u": "secret", "u:a/b:c@d@tcp(h:3306)/d": "a/b:c@d",
		"u@tcp(h)/d": "", "sqlite:shop.db": "", "": "",
	} {
		if got := warehouse.PasswordOf(dsn); got != want {
			t.Errorf("%s: %q, want %q", dsn, got, want)
		}
	}
}

func TestNumbersBeyond64BitsAreErrors(t *testing.T) {
	t.Parallel()
	if n, err := (warehouse.Cell{Text: "18446744073709551616"}).Number(); err == nil {
		t.Errorf("%v, want an error", n)
	}
	if n, err := (warehouse.Cell{Null: true}).Number(); err != nil || n != (sentinel.Number{}) {
		t.Errorf("NULL: %v, %v", n, err)
	}
}

// TestEveryDialectHasItsPage: docs/warehouse has a page for each registered dialect.
func TestEveryDialectHasItsPage(t *testing.T) {
	t.Parallel()
	for _, name := range warehouse.Dialects() {
		if _, err := os.Stat("../docs/warehouse/" + name + ".md"); err != nil {
			t.Error(err)
		}
	}
}
