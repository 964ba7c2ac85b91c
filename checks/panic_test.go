package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() {
	checks.Register("test_panics", func() checks.Check { return &panics{} })
}

// panics is a kind of check with a bug in one of its methods.
type panics struct {
	checks.Options `yaml:",inline"`
	In             string `yaml:"in"` // Needs, Ask or Judge
}

func (p *panics) bug(method string) {
	if p.In == method {
		var none []int
		_ = none[len(method)]
	}
}

func (p *panics) Validate() error { return nil }

func (p *panics) Needs(checks.Target) checks.Needs {
	p.bug("Needs")
	return checks.Needs{Facts: warehouse.Columns}
}

func (p *panics) Ask(checks.Target, checks.Answers) []checks.Ask {
	p.bug("Ask")
	return []checks.Ask{{Key: "n", Aggregate: &checks.Aggregate{Func: "count"}}}
}

func (p *panics) Judge(checks.Target, checks.Answers) sentinel.Result {
	p.bug("Judge")
	return sentinel.Result{Kind: "test_panics"}
}

// A panic of one check is its own error; its neighbours in the same statement, and
// the other tables, go on.
func TestAPanicIsTheErrorOfItsCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.exec("CREATE TABLE one (id integer)", "INSERT INTO one VALUES (1)", "CREATE TABLE two (id integer)")
	for _, method := range []string{"Needs", "Ask", "Judge", "none"} {
		rows := func() checks.Check { return &checks.RowCount{Fail: bound(t, "< 1")} }
		outcomes := checks.Run(t.Context(), b.env, "w", []checks.Job{
			b.job("one", rows(), &panics{In: method}, rows()),
			b.job("two", rows()),
		})
		results := outcomes[0].Results
		if results[0].Status != sentinel.Pass || results[2].Status != sentinel.Pass {
			t.Errorf("%s: the neighbours: %+v", method, results)
		}
		if got := outcomes[1].Results[0]; got.Status != sentinel.Fail {
			t.Errorf("%s: the next table: %+v", method, got)
		}
		got := results[1]
		if method == "none" {
			if got.Status != sentinel.Pass {
				t.Errorf("a sound check: %+v", got)
			}
			continue
		}
		want := "bug in the check kind test_panics: " + method + " panicked at panic_test.go:25: "
		if got.Status != sentinel.Error || got.Kind != "test_panics" || got.Check != "c1" || got.Table.Name != "one" {
			t.Errorf("%s: %+v", method, got)
		}
		if !strings.Contains(got.Message, want) || !strings.Contains(got.Message, "index out of range") {
			t.Errorf("%s: message %q, want %q", method, got.Message, want)
		}
	}
}
