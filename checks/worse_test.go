package checks_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// A finding about a number is worse after a change exactly if the number is farther from
// the range that the condition allows.
func TestWorseByDistance(t *testing.T) {
	t.Parallel()
	allowed := map[string]func(v int) int{ // how far a number is from meeting the condition
		"< 5":                 func(v int) int { return max(0, v-4) },
		">= 1,200":            func(v int) int { return max(0, 1200-v) },
		"= 7":                 func(v int) int { return max(v-7, 7-v) },
		"between 3 and 1,100": func(v int) int { return max(0, 3-v, v-1100) },
	}
	numbers := []int{-50, -1, 0, 2, 3, 4, 5, 7, 8, 1099, 1100, 1101, 1199, 1200, 5000}
	for condition, distance := range allowed {
		fails := bound(t, condition).Not()
		result := func(v int) sentinel.Result {
			r := sentinel.Result{Kind: "row_count", Status: sentinel.Pass}
			if fails.Holds(sentinel.Int(int64(v))) {
				r.Status = sentinel.Fail
				r.Findings = []sentinel.Finding{{Status: sentinel.Fail, Observed: sentinel.Int(int64(v)),
					Expected: fails.Not().String()}}
			}
			return r
		}
		for _, v := range numbers {
			for _, w := range numbers {
				before, after := result(v), result(w)
				want := after.Status == sentinel.Fail && (before.Status == sentinel.Pass || distance(w) > distance(v))
				if got := len(checks.Worse(before, after)) > 0; got != want {
					t.Errorf("expected %s, %d before and %d after: worse %t, want %t", condition, v, w, got, want)
				}
			}
		}
	}
}

func TestWorseKnowsWhatItDoesNot(t *testing.T) {
	t.Parallel()
	bad := sentinel.Result{Status: sentinel.Fail, Findings: []sentinel.Finding{{Key: "k", Status: sentinel.Fail}}}
	for _, before := range []sentinel.Status{sentinel.Error, sentinel.Unknown} {
		if got := checks.Worse(sentinel.Result{Status: before}, bad); len(got) > 0 {
			t.Errorf("%s before, which judged nothing: %v", before, got)
		}
	}
	warned := sentinel.Result{Status: sentinel.Warn, Findings: []sentinel.Finding{{Key: "k", Status: sentinel.Warn}}}
	if got := checks.Worse(warned, bad); len(got) != 1 {
		t.Errorf("from warn to fail: %v", got)
	}
	if got := checks.Worse(bad, bad); len(got) != 0 {
		t.Errorf("the same as before: %v", got)
	}
	if got := checks.Worse(bad, sentinel.Result{Status: sentinel.Error}); len(got) != 0 {
		t.Errorf("an error says nothing: %v", got)
	}
}

// Time alone makes no change worse; a newest row that is gone does.
func TestWorseIsNotOlder(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(newest, now time.Time, key string) sentinel.Result {
		age := sentinel.Float(now.Sub(newest).Seconds())
		r := sentinel.Result{Kind: "freshness", Status: sentinel.Pass, Observations: []sentinel.Observation{
			{Metric: "newest_timestamp_seconds", Value: sentinel.Float(float64(newest.UnixMicro()) / 1e6)}}}
		if now.Sub(newest) > time.Hour {
			r.Status = sentinel.Fail
			r.Findings = []sentinel.Finding{{Key: key, Status: sentinel.Fail, Observed: age, Expected: "at most 1h"}}
		}
		return r
	}
	for _, key := range []string{"", "deadline"} {
		for _, c := range []struct {
			moved, passed time.Duration
			want          bool
		}{
			{0, 2 * time.Minute, false},
			{time.Minute, 3 * time.Minute, false},
			{-2 * time.Minute, 0, true},
			{-2 * time.Minute, time.Minute, true},
			{-2 * time.Minute, -time.Minute, true},
		} {
			newest := begin.Add(-59 * time.Minute)
			before, after := at(newest, begin, key), at(newest.Add(c.moved), begin.Add(c.passed), key)
			want := c.want && after.Status == sentinel.Fail
			if got := len(checks.Worse(before, after)) > 0; got != want {
				t.Errorf("key %q, the newest row %s newer, %s later: worse %t", key, c.moved, c.passed, got)
			}
		}
	}
}
