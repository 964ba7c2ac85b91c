package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/soda"
)

// TestImportedLengthsCountCharacters judges lengths that were imported from SodaCL over
// texts whose characters have several bytes. Every engine counts 10 and 11.
func TestImportedLengthsCountCharacters(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE n (a varchar(20))", "INSERT INTO n VALUES ('Ærøskøbing'), ('Tromsøåæø!'), (NULL)")
		for rule, want := range map[string]sentinel.Status{
			"invalid_count(a) = 0: {valid max length: 10}": sentinel.Pass,
			"invalid_count(a) = 0: {valid max length: 9}":  sentinel.Fail,
			"invalid_count(a) = 0: {valid length: 10}":     sentinel.Pass,
			"invalid_count(a) = 0: {valid min length: 10}": sentinel.Pass,
			"invalid_count(a) = 0: {valid min length: 11}": sentinel.Fail,
			"max_length(a) = 10":                           sentinel.Pass,
			"min_length(a) = 10":                           sentinel.Pass,
			"avg_length(a) = 10":                           sentinel.Pass,
		} {
			for _, c := range imported(t, "checks for n:\n  - "+rule+"\n") {
				b.want("n", c, want, "")
			}
		}
	})
}

// imported returns the checks that a SodaCL file becomes.
func imported(t *testing.T, file string) (out []checks.Check) {
	t.Helper()
	got, err := importers.Import("soda", []importers.File{{Name: "checks.yml", Data: []byte(file)}}, importers.Options{})
	if err != nil || len(got.Left) > 0 {
		t.Fatal(err, got.Left)
	}
	text := strings.ReplaceAll(got.YAML("w", "", "DSN"), "w.n", "w.main.n")
	dsn := func(string) (string, bool) { return "sqlite:unused.db", true }
	cfg, err := config.Parse("imported", []byte(text), dsn)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, d := range cfg.Datasets {
		for _, c := range d.Checks {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		t.Fatalf("no check in\n%s", text)
	}
	return out
}
