package anomaly_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// storedPoint returns point i of a series of hourly counts with days and weeks.
func storedPoint(i int) sentinel.Point {
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
	v := 1000 + 400*math.Sin(float64(i)*math.Pi/12) + float64(i*7919%61)
	if at.Weekday() == time.Sunday {
		v /= 2
	}
	if i >= 1100 {
		v *= 0.3
	}
	return sentinel.Point{Time: at, Value: math.Round(v)}
}

// TestStoredStateGivesTheSameScores decodes a state of an earlier version. testdata holds
// the state after 1,000 points and the scores of the next 200.
func TestStoredStateGivesTheSameScores(t *testing.T) {
	t.Parallel()
	state, err := os.ReadFile("testdata/state_v2.bin")
	if err != nil {
		t.Fatal(err)
	}
	var p anomaly.Profile
	if err := p.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for i := 1000; i < 1200; i++ {
		line, err := json.Marshal(p.Observe(anomaly.Config{Location: time.UTC}, storedPoint(i)))
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(line, '\n'))
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile("testdata/state_v2.scores", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/state_v2.scores")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}
