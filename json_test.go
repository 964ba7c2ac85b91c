package sentinel_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// What `sentinel check --format json`, the API and the state write of a result
// is read by people's programs: words in snake case, no zero times, seconds.
func TestResultAsJSON(t *testing.T) {
	at := time.Date(2026, 1, 31, 6, 0, 0, 0, time.UTC)
	r := sentinel.Result{
		Check: "shop.public.orders/row_count", Kind: "row_count", Table: sentinel.Table{Warehouse: "shop", Schema: "public", Name: "orders"},
		Tick: at, Duration: 1500 * time.Millisecond, Status: sentinel.Fail, Message: "0 rows, expected > 0",
		Evidence:     sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact, AsOf: at},
		Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(1<<53 + 1)}},
		Findings:     []sentinel.Finding{{Status: sentinel.Fail, Message: "0 rows", Observed: sentinel.Int(0), Expected: "> 0"}},
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"check":"shop.public.orders/row_count","kind":"row_count","dataset":"shop.public.orders","tick":"2026-01-31T06:00:00Z","status":"fail",` +
		`"message":"0 rows, expected \u003e 0","evidence":{"source":"scan","confidence":"exact","as_of":"2026-01-31T06:00:00Z"},` +
		`"observations":[{"metric":"row_count","value":"9007199254740993"}],` +
		`"findings":[{"key":"","status":"fail","message":"0 rows","observed":0,"expected":"\u003e 0"}],"duration_seconds":1.5}`
	if string(data) != want {
		t.Errorf("got\n%s\nwant\n%s", data, want)
	}
	var back sentinel.Result
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("read back: %+v, want %+v", back, r)
	}
}

// AppendJSON writes what encoding/json makes of the struct's tags.
func TestAppendJSONFollowsTheTags(t *testing.T) {
	type plain sentinel.Result
	at := time.Date(2026, 1, 31, 6, 0, 0, 123456000, time.FixedZone("", 3600))
	odd := "a \"b\" \\ <c> & \u2028 größe \x01 \xff \n"
	numbers := []sentinel.Number{{}, sentinel.Int(0), sentinel.Int(-1 << 53), sentinel.Int(1<<53 + 1), sentinel.Float(1.5), sentinel.Float(1e300), sentinel.Float(math.Inf(1)), sentinel.Float(math.NaN())}
	full := sentinel.Result{
		Check: "c", Kind: "k", Table: sentinel.Table{Warehouse: "shop", Schema: "a b", Name: odd}, Tick: at, Duration: 1234567, Status: sentinel.Warn, Message: odd,
		Evidence: sentinel.Evidence{Source: odd, Confidence: sentinel.Exact, AsOf: at, Lag: sentinel.Float(0.25), Note: odd},
		Findings: []sentinel.Finding{{Key: odd}}, Drifts: []sentinel.Drift{{Kind: sentinel.ColumnAdded, Object: odd}}, Scores: []sentinel.Score{{Low: math.NaN()}},
	}
	for _, n := range numbers {
		full.Observations = append(full.Observations, sentinel.Observation{Metric: odd, Segment: odd, Bucket: at, Value: n}, sentinel.Observation{Metric: "m", Value: n})
	}
	full.Past = full.Observations[:1]
	for _, r := range []sentinel.Result{{}, full, {Duration: time.Hour, Evidence: sentinel.Evidence{Note: "n"}}, {Duration: 1, Evidence: sentinel.Evidence{Lag: sentinel.Int(0)}}} {
		want, err := json.Marshal(struct {
			*plain
			Seconds float64 `json:"duration_seconds"`
		}{(*plain)(&r), r.Duration.Seconds()})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.AppendJSON([]byte("before"))
		if err != nil || string(got) != "before"+string(want) {
			t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
		}
	}
	if _, err := (&sentinel.Result{Tick: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}).AppendJSON(nil); err == nil {
		t.Error("a year of five digits is no time in JSON")
	}
}

// A range that is not known is null, not a number, and read back as such.
func TestScoreAsJSON(t *testing.T) {
	data, err := json.Marshal(sentinel.Score{Value: 812, Low: math.NaN(), High: math.NaN(), State: sentinel.Learning})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"state":"learning","value":812,"score":0,"low":null,"high":null}`; string(data) != want {
		t.Errorf("got %s, want %s", data, want)
	}
	var back sentinel.Score
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Value != 812 || !math.IsNaN(back.Low) || !math.IsNaN(back.High) || back.State != sentinel.Learning {
		t.Errorf("read back: %+v", back)
	}
}

// Every field of the nouns that are written as JSON has a name in snake case.
func TestJSONNames(t *testing.T) {
	for _, v := range []any{sentinel.Result{}, sentinel.Observation{}, sentinel.Finding{}, sentinel.Evidence{}, sentinel.Score{}, sentinel.Drift{},
		sentinel.Incident{}, sentinel.Repair{}, sentinel.Plan{}, sentinel.Step{}, sentinel.Approval{}} {
		for f := range reflect.TypeOf(v).Fields() {
			if f.Tag.Get("json") == "" {
				t.Errorf("%T.%s has no name in JSON", v, f.Name)
			}
		}
	}
}
