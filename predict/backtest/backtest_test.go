package backtest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

func testFeeds(t *testing.T) []backtest.Feed {
	t.Helper()
	feeds, err := backtest.ReadFeeds("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return feeds
}

// TestFutureDoesNotChangePastRisks alters all outcomes from one period on. The risks up
// to and including that period stay equal to the last bit.
func TestFutureDoesNotChangePastRisks(t *testing.T) {
	t.Parallel()
	for _, lead := range []time.Duration{0, time.Hour} {
		for _, f := range testFeeds(t) {
			cut := len(f.Periods) / 2
			altered := f
			altered.Periods = slices.Clone(f.Periods)
			for i := cut; i < len(f.Periods); i++ {
				p := &altered.Periods[i]
				p.Outcome = f.Periods[len(f.Periods)-1-(i-cut)].Outcome
				if i%3 == 0 {
					p.Outcome = predict.Outcome{}
				}
				p.Missed = p.Outcome.Missed(p.Context.Deadline)
			}
			before, after := backtest.Replay(
				f,
				predict.DefaultPrior(),
				lead,
			), backtest.Replay(
				altered,
				predict.DefaultPrior(),
				lead,
			)
			if !slices.Equal(before[:cut+1], after[:cut+1]) {
				t.Errorf("%s, lead %s: risks of the past moved when the future was altered", f.Name, lead)
			}
			if slices.Equal(before[cut+1:], after[cut+1:]) {
				t.Errorf("%s, lead %s: altered outcomes were never learned from", f.Name, lead)
			}
		}
	}
}

// TestDeadlinesAcrossDaylightSaving holds that arrivals stay before or after the deadline
// when clocks change. 02:30 does not exist on 30 March 2025 in Berlin.
func TestDeadlinesAcrossDaylightSaving(t *testing.T) {
	t.Parallel()
	for _, f := range testFeeds(t) {
		for _, p := range f.Periods {
			if got := p.Outcome.Missed(p.Context.Deadline); got != p.Missed {
				t.Errorf("%s %s: missed by instants %t, by the wall clock %t", f.Name, p.Date, got, p.Missed)
			}
		}
		if f.Name != "north" {
			continue
		}
		for date, want := range map[string]string{
			"2025-03-29": "2025-03-29T01:30:00Z",
			"2025-03-30": "2025-03-30T01:30:00Z",
			"2025-03-31": "2025-03-31T00:30:00Z",
		} {
			i := slices.IndexFunc(f.Periods, func(p backtest.Period) bool { return p.Date == date })
			if got := f.Periods[i].Context.Deadline.UTC().Format(time.RFC3339); got != want {
				t.Errorf("deadline of %s = %s, want %s", date, got, want)
			}
		}
	}
}

func TestReadFeedsReportsTheMistake(t *testing.T) {
	t.Parallel()
	const header = "date,arrival_minute_local,rows_added\n"
	tests := map[string]struct{ meta, csv, want string }{
		"no column": {
			`{"f":{"timezone":"UTC","deadline_minute":60}}`,
			"date,rows_added\n",
			`no column "arrival_minute_local"`,
		},
		"bad minute": {
			`{"f":{"timezone":"UTC","deadline_minute":60}}`,
			header + "2025-01-01,x,1\n",
			"f.csv: line 2: arrival_minute_local",
		},
		"out of order": {
			`{"f":{"timezone":"UTC","deadline_minute":60}}`,
			header + "2025-01-02,1,1\n2025-01-01,1,1\n",
			"line 3: date 2025-01-01",
		},
		"no deadline":    {`{"f":{"timezone":"UTC"}}`, header, "no deadline_minute"},
		"unknown zone":   {`{"f":{"timezone":"Mars/Olympus","deadline_minute":60}}`, header, "feed f: timezone"},
		"not json":       {`{`, header, "feeds.json"},
		"impossible day": {`{"f":{"timezone":"UTC","deadline_minute":60}}`, header + "2025-02-30,1,1\n", "line 2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, text := range map[string]string{"feeds.json": test.meta, "f.csv": test.csv} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := backtest.ReadFeeds(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
