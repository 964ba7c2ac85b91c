package checks_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// A segment that has only NULLs is known as the others are: its loss is noticed, and it is back
// when it has only NULLs again.
func TestAggregateRemembersSegmentsOfNulls(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE s (n bigint, c varchar(9))", "INSERT INTO s VALUES (1, 'DE'), (NULL, 'FR')")
		h := &segmentHistory{points: map[string][]sentinel.Point{}}
		b.env.History = h
		job := b.job("s", &checks.AggregateCheck{Column: "n", Function: "max", By: []string{"c"}, Fail: bound(t, "> 7"),
			OnNull: "warn"})
		for i, step := range []struct {
			statement, message string
			gone               bool
		}{
			{"", "max(n) is no value in c=FR", false},
			{"DELETE FROM s WHERE c = 'FR'", "no rows in c=FR any more", true},
			{"INSERT INTO s VALUES (NULL, 'FR')", "max(n) is no value in c=FR", false},
		} {
			if step.statement != "" {
				b.exec(step.statement)
			}
			job.Tick = job.Tick.Add(time.Minute)
			r := h.record(t, checks.Run(t.Context(), b.env, "w", []checks.Job{job})[0])
			if r.Status != sentinel.Warn || !strings.Contains(r.Message, step.message) {
				t.Errorf("%s, step %d: %s %q", b.name, i, r.Status, r.Message)
			}
			m, err := h.stored.Decode()
			if err != nil || len(m.Known) != 2 || m.Known[1].Gone.IsZero() == step.gone {
				t.Errorf("%s, step %d: remembered %+v, %v", b.name, i, m, err)
			}
		}
	})
}

// A segment whose number cannot be computed hides none of the others, and ends no finding.
func TestAggregateOfASegmentThatCannotBeComputed(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE s (x double precision, c varchar(9))",
			"INSERT INTO s VALUES (1, 'DE'), (2, 'FR'), (1.7976931348623157e308, 'IT')")
		check := func(fail string) *checks.AggregateCheck {
			return &checks.AggregateCheck{Column: "x", Function: "max", By: []string{"c"}, Fail: bound(t, fail)}
		}
		r := b.want("s", check("> 1"), sentinel.Fail, "in c=FR")
		if r.Judges("c=IT") || r.Judges("change:c=IT") || !r.Judges("c=FR") || !r.Judges("c=DE") {
			t.Errorf("%s: findings %+v", b.name, r.Findings)
		}
		if !slices.ContainsFunc(r.Findings, func(f sentinel.Finding) bool {
			return strings.HasPrefix(f.Message, "c=IT is not judged")
		}) {
			t.Errorf("%s: findings %+v", b.name, r.Findings)
		}
		b.want("s", check("> 2"), sentinel.Unknown, "c=IT is not judged")
		only := check("> 2")
		only.Where = "x > 5"
		b.want("s", only, sentinel.Error, "cannot be compared")
	})
}
