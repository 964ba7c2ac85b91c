package main

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
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// feedsDir holds recorded feeds that were made up for tests.
const feedsDir = "../../predict/backtest/testdata"

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

func testFeeds(t *testing.T) []backtest.Feed {
	t.Helper()
	feeds, err := backtest.ReadFeeds(feedsDir)
	if err != nil {
		t.Fatal(err)
	}
	return feeds
}

// A leak would show here: whatever happens from a period on, the risks up to
// and including that period stay the same to the last bit. The simulated feeds
// have inputs that the recorded ones lack.
func TestFutureDoesNotMoveThePastOfSimulatedFeeds(t *testing.T) {
	t.Parallel()
	for _, lead := range []time.Duration{0, time.Hour} {
		for _, f := range Simulate(3, 2, 160) {
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
			before, after := backtest.Replay(f, predict.DefaultPrior(), lead), backtest.Replay(altered, predict.DefaultPrior(), lead)
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
	before, err := LeaveOneOut(feeds, nil, []time.Duration{0})
	if err != nil {
		t.Fatal(err)
	}
	feeds[0].Periods = slices.Clone(feeds[0].Periods)
	last := &feeds[0].Periods[len(feeds[0].Periods)-1]
	last.Missed, last.Outcome = !last.Missed, predict.Outcome{}
	after, err := LeaveOneOut(feeds, nil, []time.Duration{0})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before[0][0], after[0][0]) {
		t.Error("the risks of a feed moved with its own last outcome: its prior has seen it")
	}
}

func TestBacktestWritesWhatTheScorerReads(t *testing.T) {
	t.Parallel()
	var day, hour bytes.Buffer
	if err := backtest.WriteRisks(feedsDir, 0, &day); err != nil {
		t.Fatal(err)
	}
	if err := backtest.WriteRisks(feedsDir, time.Hour, &hour); err != nil {
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

// What the recorded feeds lack must be worth something where it exists.
func TestUpstreamsAndRetriesHelpOnSimulatedFeeds(t *testing.T) {
	t.Parallel()
	var seeing, arrivals []backtest.Forecast
	for _, f := range Simulate(7, 10, 300) {
		seeing = append(seeing, backtest.Forecasts(f, backtest.Replay(f, predict.DefaultPrior(), 0), 0)...)
		arrivals = append(arrivals, backtest.Forecasts(f, backtest.Replay(blind(f), predict.DefaultPrior(), 0), 0)...)
	}
	if s, b := backtest.Score(seeing), backtest.Score(arrivals); !(s.Brier < b.Brier) {
		t.Errorf("Brier with all inputs %.4f, with arrivals only %.4f", s.Brier, b.Brier)
	}
}

func TestReportIsWrittenWithItsPlots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := WriteReport(testFeeds(t), 1, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prediction-benchmark.md", "plots/prediction-reliability.svg", "plots/prediction-skill.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
