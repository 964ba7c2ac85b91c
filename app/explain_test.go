package app_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
)

const explainConfig = `
listen: %s
token: tiger-tiger-tiger
jitter: 0s
warehouses: {shop: {dsn: "sqlite:orders.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
datasets:
  - table: shop.main.orders
    time_column: at
    checks:
      - row_count: {id: rows, bucket: day, anomaly: {}}
      - row_count: {id: plain, fail: "< 1"}
`

// A person asks why so many rows were expected: of a running agent, and on the command line.
func TestWhatWasExpectedIsExplained(t *testing.T) {
	t.Parallel()
	w := &way{T: t, dir: t.TempDir(), agent: freeAddress(t)}
	const days = 84
	yesterday := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	statements := []string{"CREATE TABLE orders (at text)"}
	for ago := range days {
		day := yesterday.AddDate(0, 0, -ago)
		n := 1000 + ago*37%31 - 15
		if day.Weekday() == time.Sunday {
			n = n * 6 / 10
		}
		if ago == 0 {
			n = n * 8 / 10
		}
		statements = append(statements, fmt.Sprintf("INSERT INTO orders WITH RECURSIVE r(i) AS "+
			"(SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < %d) SELECT '%s 12:00:00' FROM r", n, day.Format("2006-01-02")))
	}
	testenv.Exec(t, "sqlite", filepath.Join(w.dir, "orders.db"), statements...)
	w.write("sentinel.yaml", fmt.Sprintf(explainConfig, w.agent))
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	w.until("a result", func() bool { return strings.Contains(w.get(w.agent, "/api/v1/results?check=rows"), "expected ") })

	var points []struct {
		Value    float64
		Expected struct {
			Words, State, Forecast                         string
			Expected, Level, Slot, Recent, Holiday, Spread float64
			Low, High                                      float64
			TailLow                                        float64 `json:"tail_low"`
		}
	}
	answer := w.get(w.agent, "/api/v1/history?check=rows&metric=row_count&explain=1&limit=7")
	if err := json.Unmarshal([]byte(answer), &points); err != nil || len(points) != 7 {
		t.Fatalf("%v: %s", err, answer)
	}
	for i, p := range points {
		e := p.Expected
		sum := e.Level + e.Slot + e.Recent + e.Holiday
		if e.Forecast != "regular" || math.Abs(sum-e.Expected) > 1e-6 || e.TailLow < 2.5 || e.TailLow > 5 ||
			e.Low > e.Expected || e.High < e.Expected || (e.State == "normal") != (i < 6) || (p.Value < e.Low) != (i == 6) {
			t.Errorf("%+v", p)
		}
		if day := yesterday.AddDate(0, 0, i-6).Weekday(); (day == time.Sunday) != (e.Slot < -200) {
			t.Errorf("a %s: %+v", day, p)
		}
	}
	for path, want := range map[string]string{
		"?check=plain&metric=row_count&explain=1": "no `anomaly` watches this metric",
		"?check=rows&metric=row_count&explain=no": "explain: want 1",
	} {
		if text := w.get(w.agent, "/api/v1/history"+path); !strings.Contains(text, want) {
			t.Errorf("%s: %s", path, text)
		}
	}

	out, err := w.command("history", "--check", "rows", "--explain", "--limit", "7").CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 8 {
		t.Fatalf("%v: %s", err, out)
	}
	for i, p := range points {
		if !strings.HasSuffix(lines[i+1], "  "+p.Expected.Words) {
			t.Errorf("%q does not tell %q", lines[i+1], p.Expected.Words)
		}
	}
	refused := map[string]string{"plain": "it has no `anomaly:`", "none": "no dataset of the configuration"}
	for check, want := range refused {
		out, err := w.command("history", "--check", check, "--explain").CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %s", check, err, out)
		}
	}
}
