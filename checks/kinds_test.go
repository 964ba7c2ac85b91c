package checks_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
)

// samples has one check of each kind that passes on the table of TestEveryKind. A new
// kind needs a row here, its file, and its page in docs/checks.
func samples(t *testing.T, b *bench) map[string]checks.Check {
	return map[string]checks.Check{
		"freshness": &checks.Freshness{Fail: hour},
		"reconcile": &checks.Reconcile{With: &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "sample"}},
		"row_count": &checks.RowCount{Fail: bound(t, "< 1")},
		"schema":    &checks.Schema{},
		"sql":       &checks.SQL{Query: "SELECT count(*) FROM sample", Fail: bound(t, "< 1")},
	}
}

// TestEveryKind runs a check of every registered kind on every engine, and holds the
// pages to the registry.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE sample (id integer, at "+b.plain()+")", "INSERT INTO sample VALUES (1, "+b.ago(0)+")")
		all := samples(t, b)
		for _, kind := range kindsOfProduct() {
			c := all[kind]
			if c == nil {
				t.Errorf("%s has no row in samples", kind)
				continue
			}
			if got := checks.KindOf(c); got != kind {
				t.Errorf("the row of %s is a %s", kind, got)
			}
			r := b.want("sample", c, sentinel.Pass, "")
			if r.Kind != kind || r.Message == "" {
				t.Errorf("%s: kind %q, message %q", kind, r.Kind, r.Message)
			}
		}
	})
}

func TestEveryKindHasAPage(t *testing.T) {
	t.Parallel()
	for _, kind := range kindsOfProduct() {
		if _, err := os.Stat("../docs/checks/" + kind + ".md"); err != nil {
			t.Error(err)
		}
	}
}

// The page of anomaly detection names the kinds that it is for, and no others.
func TestKindsWithAnomalies(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/anomaly.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kindsOfProduct() {
		c, err := checks.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		c.Common().Anomaly = &anomaly.Config{}
		err = c.Validate()
		fits := err == nil || !strings.Contains(err.Error(), "has no number to watch")
		if named := strings.Contains(string(page), "`"+kind+"`"); named != fits {
			t.Errorf("%s: anomaly: fits it: %t, docs/anomaly.md names it: %t", kind, fits, named)
		}
	}
}

// kindsOfProduct leaves out the kinds that tests register.
func kindsOfProduct() (kinds []string) {
	for _, kind := range checks.Kinds() {
		if !strings.HasPrefix(kind, "test_") {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
