package checks_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
)

// sample is a check that passes on the table of TestEveryKind, and one that fails.
type sample struct{ passes, fails checks.Check }

// samples has a row for each kind. A new kind needs one here, its file, and its page in
// docs/checks.
func samples(t *testing.T, b *bench) map[string]sample {
	table := func(name string) *sentinel.Table {
		return &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: name}
	}
	return map[string]sample{
		"missing": {
			&checks.Missing{Column: "id"},
			&checks.Missing{Column: "id", Values: checks.ValueList{"1"}},
		},
		"invalid": {
			&checks.Invalid{Column: "id", ValidValues: checks.ValueList{"1"}},
			&checks.Invalid{Column: "id", Min: "2"},
		},
		"duplicate": {
			&checks.Duplicate{Column: "id"},
			&checks.Duplicate{Column: "id", BadRows: checks.BadRows{Fail: bound(t, "< 1")}},
		},
		"aggregate": {
			&checks.AggregateCheck{Column: "id", Function: "max", Fail: bound(t, "> 1")},
			&checks.AggregateCheck{Column: "id", Function: "distinct_count", Fail: bound(t, "< 2")},
		},
		"distribution": {
			&checks.Distribution{Column: "id", MinRows: 1, Against: checks.Against{Values: map[string]string{"1": "1"}}},
			&checks.Distribution{
				Column:  "id",
				MinRows: 1,
				Method:  "max_share",
				Against: checks.Against{Values: map[string]string{"2": "1"}},
			},
		},
		"reference": {
			&checks.Reference{Column: "id", To: table("sample")},
			&checks.Reference{Column: "id", To: table("empty")},
		},
		"failed_rows": {&checks.FailedRows{Expression: "id > 1"}, &checks.FailedRows{Expression: "id = 1"}},
		"freshness":   {&checks.Freshness{Fail: hour}, &checks.Freshness{Fail: minute}},
		"reconcile":   {&checks.Reconcile{With: table("sample")}, &checks.Reconcile{With: table("empty")}},
		"row_count":   {&checks.RowCount{Fail: bound(t, "< 1")}, &checks.RowCount{Fail: bound(t, "< 2")}},
		"schema":      {&checks.Schema{}, &checks.Schema{Columns: checks.DeclaredColumns{{Name: "no_such_column"}}}},
		"sql": {
			&checks.SQL{Query: "SELECT count(*) FROM sample", Fail: bound(t, "< 1")},
			&checks.SQL{Query: "SELECT count(*) FROM sample", Fail: bound(t, "< 2")},
		},
	}
}

// TestEveryKind runs checks of every registered kind on every engine. One must pass, so
// that the kind works, and one must fail, so that it finds something.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		columns := " (id integer, at " + b.plain() + ")"
		b.exec("CREATE TABLE sample"+columns, "CREATE TABLE empty"+columns,
			"INSERT INTO sample VALUES (1, "+b.ago(10*time.Minute)+")")
		all := samples(t, b)
		for _, kind := range kindsOfProduct() {
			row, known := all[kind]
			if !known || row.passes == nil || row.fails == nil {
				t.Errorf("%s needs a row in samples with a check that passes and one that fails", kind)
				continue
			}
			b.wantKind(kind, row.passes, sentinel.Pass)
			b.wantKind(kind, row.fails, sentinel.Fail)
		}
	})
}

// wantKind runs a check of a kind on the table sample.
func (b *bench) wantKind(kind string, c checks.Check, status sentinel.Status) {
	b.tb.Helper()
	if got := checks.KindOf(c); got != kind {
		b.tb.Errorf("a row of %s is a %s", kind, got)
	}
	r := b.want("sample", c, status, "")
	if r.Kind != kind || r.Message == "" {
		b.tb.Errorf("%s: kind %q, message %q", kind, r.Kind, r.Message)
	}
	for _, f := range r.Findings {
		if f.Message == "" || f.Expected == "" {
			b.tb.Errorf("%s: a finding needs a message and what was expected: %+v", kind, f)
		}
	}
}

func TestEveryKindHasAPage(t *testing.T) {
	t.Parallel()
	for _, kind := range kindsOfProduct() {
		if _, err := os.Stat("../docs/checks/" + kind + ".md"); err != nil {
			t.Error(err)
		}
	}
}

// The page of a kind leads to anomaly detection if the kind has a number to watch.
func TestKindsWithAnomalies(t *testing.T) {
	t.Parallel()
	for _, kind := range kindsOfProduct() {
		c, err := checks.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		c.Common().Anomaly = &anomaly.Config{}
		err = c.Validate()
		fits := err == nil || !strings.Contains(err.Error(), "has no number to watch")
		path := "../docs/checks/" + kind + ".md"
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if named := strings.Contains(string(page), "(../anomaly.md)"); named != fits {
			t.Errorf("%s: anomaly: fits it: %t, %s links to anomaly.md: %t", kind, fits, path, named)
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
