package benchmark

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
)

// The reference scorer's own output on the same feeds and risks, made by
// golden.sh, rounded there to 3 places (Brier to 4, precision and recall to 2).
func TestScoreAgreesWithReference(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string]*float64
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte("NaN"), []byte("null")), &golden); err != nil {
		t.Fatal(err)
	}
	risks, err := os.Open("testdata/risk.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer risks.Close()
	scores, err := ScoreFile(testFeeds(t), risks)
	if err != nil {
		t.Fatal(err)
	}
	for _, feed := range []string{"north", "south", "calm", "POOLED"} {
		s, want := scores[feed], golden[feed]
		check := func(name string, got, tolerance float64) {
			if want[name] == nil {
				if !math.IsNaN(got) {
					t.Errorf("%s %s = %v, the reference has none", feed, name, got)
				}
			} else if !(math.Abs(got-*want[name]) <= tolerance) {
				t.Errorf("%s %s = %v, the reference has %v", feed, name, got, *want[name])
			}
		}
		check("n", float64(s.Count), 0)
		check("base", s.Base, .0006)
		check("brier", s.Brier, .00006)
		check("bss", s.Skill, .0006)
		check("auc", s.AUC, .0006)
		check("logloss", s.LogLoss, .0006)
		check("ece", s.Calibration, .0006)
		check("p@0.8", s.Precision, .006)
		check("r@0.8", s.Recall, .006)
		check("n@0.8", float64(s.Alarms), 0)
	}
}

func testFeeds(t *testing.T) []Feed {
	t.Helper()
	feeds, err := ReadFeeds("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return feeds
}

// A leak would show here: whatever happens from a period on, the risks up to
// and including that period stay the same to the last bit.
func TestFutureDoesNotMoveThePast(t *testing.T) {
	t.Parallel()
	for _, lead := range []time.Duration{0, time.Hour} {
		for _, f := range append(testFeeds(t), Simulate(3, 2, 160)...) {
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
			before, after := Replay(f, predict.DefaultPrior(), lead), Replay(altered, predict.DefaultPrior(), lead)
			if !slices.Equal(before[:cut+1], after[:cut+1]) {
				t.Errorf("%s, lead %s: risks of the past moved when the future was altered", f.Name, lead)
			}
			if slices.Equal(before[cut+1:], after[cut+1:]) {
				t.Errorf("%s, lead %s: altered outcomes were never learned from", f.Name, lead)
			}
		}
	}
}

// The prior a feed is judged with must not have seen that feed.
func TestLeaveOneOutIgnoresTheFeedItself(t *testing.T) {
	t.Parallel()
	feeds := testFeeds(t)
	before, err := LeaveOneOut(feeds, 0)
	if err != nil {
		t.Fatal(err)
	}
	feeds[0].Periods = slices.Clone(feeds[0].Periods)
	last := &feeds[0].Periods[len(feeds[0].Periods)-1]
	last.Missed, last.Outcome = !last.Missed, predict.Outcome{}
	after, err := LeaveOneOut(feeds, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before[0], after[0]) {
		t.Error("the risks of a feed moved with its own last outcome: its prior has seen it")
	}
}

func TestBacktestWritesWhatTheScorerReads(t *testing.T) {
	t.Parallel()
	var day, hour bytes.Buffer
	if err := Backtest("testdata", 0, &day); err != nil {
		t.Fatal(err)
	}
	if err := Backtest("testdata", time.Hour, &hour); err != nil {
		t.Fatal(err)
	}
	periods := 0
	for _, f := range testFeeds(t) {
		periods += len(f.Periods)
	}
	if got := strings.Count(day.String(), "\n"); got != periods+1 {
		t.Errorf("day-ahead: %d lines, want one per period and a header: %d", got, periods+1)
	}
	if got := strings.Count(hour.String(), "\n"); got <= 1 || got > periods+1 {
		t.Errorf("an hour ahead: %d lines of at most %d", got, periods+1)
	}
	scores, err := ScoreFile(testFeeds(t), &day)
	if err != nil {
		t.Fatal(err)
	}
	if s := scores["north"]; !(s.Skill > 0) {
		t.Errorf("skill on a feed with runs of misses = %.3f, want above the base rate", s.Skill)
	}
}

// Every wall-clock arrival keeps its side of the deadline through the changes
// of clocks: 02:30 does not exist on 30 March 2025 in Berlin.
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
			i := slices.IndexFunc(f.Periods, func(p Period) bool { return p.Date == date })
			if got := f.Periods[i].Context.Deadline.UTC().Format(time.RFC3339); got != want {
				t.Errorf("deadline of %s = %s, want %s", date, got, want)
			}
		}
	}
}

func TestReadFeedsNamesTheMistake(t *testing.T) {
	t.Parallel()
	const header = "date,arrival_minute_local,rows_added\n"
	tests := map[string]struct{ meta, csv, want string }{
		"no column":      {`{"f":{"timezone":"UTC","deadline_minute":60}}`, "date,rows_added\n", `no column "arrival_minute_local"`},
		"bad minute":     {`{"f":{"timezone":"UTC","deadline_minute":60}}`, header + "2025-01-01,x,1\n", "f.csv: line 2: arrival_minute_local"},
		"out of order":   {`{"f":{"timezone":"UTC","deadline_minute":60}}`, header + "2025-01-02,1,1\n2025-01-01,1,1\n", "line 3: date 2025-01-01"},
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
			if _, err := ReadFeeds(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// What the recorded feeds lack must be worth something where it exists.
func TestUpstreamsAndRetriesHelpOnSimulatedFeeds(t *testing.T) {
	t.Parallel()
	var seeing, blind []Forecast
	for _, f := range Simulate(7, 10, 300) {
		seeing = append(seeing, Forecasts(f, Replay(f, predict.DefaultPrior(), 0), 0)...)
		blind = append(blind, Forecasts(f, Replay(f.blind(), predict.DefaultPrior(), 0), 0)...)
	}
	if s, b := Score(seeing), Score(blind); !(s.Brier < b.Brier) {
		t.Errorf("Brier with all inputs %.4f, with arrivals only %.4f", s.Brier, b.Brier)
	}
}

func TestReportIsWrittenWithItsPlots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := WriteReport(testFeeds(t), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prediction-benchmark.md", "plots/prediction-reliability.svg", "plots/prediction-skill.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
