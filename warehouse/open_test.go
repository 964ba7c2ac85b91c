package warehouse_test

import (
	"errors"
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
		{Name: "w", DSN: sentinel.NewSecret("oracle://u:topsecret@x")},
		{Name: "w", Dialect: "oracle", DSN: sentinel.NewSecret("oracle://u:topsecret@x")},
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

// TestDSNsHideTheirSecrets: in every form of a DSN, and in every form of the secret.
func TestDSNsHideTheirSecrets(t *testing.T) {
	t.Parallel()
	for dsn, says := range map[string]string{
		"postgres://u:p%40ssw0rd@h/d":                 "p@ssw0rd|p%40ssw0rd",
		"postgres://u:p@ssw0rd/x@h/d":                 "p@ssw0rd/x",
		"postgres://u@h/d?password=p%40ssw0rd&a=b":    "p@ssw0rd|p%40ssw0rd",
		"postgres://u@h/d?a=b&sslpassword=hunter22":   "hunter22",
		"postgres://u:topsecret@h/d?password=other22": "topsecret|other22",
		"postgres://u:topsecret@h1:1,h2:2/d":          "topsecret",
		"host=h password='top secret' user=u":         "top secret",
		"host=h password = topsecret user=u":          "topsecret",
		`host=h password='it\'s secret' user=u`:       `it\'s secret|it's secret`,
		`host=h password='ends in \\' user=u`:         `ends in \\|ends in \`,
		`host=h password=it\'s user=u`:                `it's`,
		"host=İİİİ Password=topsecret":                "topsecret",
		"host=h application_name=ȺȺȺȺ password=abcde": "abcde",
		"u:a/b:c@d@tcp(h:3306)/d":                     "a/b:c@d|a%2Fb%3Ac%40d",
		"mysql://u:100%secret@h/d":                    "100%secret",
		"u:pass?word@tcp(h)/d":                        "pass?word",
	} {
		for secret := range strings.SplitSeq(says, "|") {
			err := warehouse.ScrubDSN(errors.New("failed with "+secret+"."), sentinel.NewSecret(dsn))
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", dsn, err)
			}
		}
	}
	for _, dsn := range []string{"u@tcp(h)/d", "sqlite:shop.db", "", "postgres://u@h/d?sslmode=require"} {
		if got := warehouse.SecretsOf(dsn); len(got) > 0 {
			t.Errorf("%s: %q, want none", dsn, got)
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
