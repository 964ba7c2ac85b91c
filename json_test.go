package sentinel_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
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
		Check: "shop.public.orders/row_count", Kind: "row_count", Table: sentinel.Table{
			Warehouse: "shop",
			Schema:    "public",
			Name:      "orders",
		},
		Tick: at, Duration: 1500 * time.Millisecond, Status: sentinel.Fail, Message: "0 rows, expected > 0",
		Evidence:     sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact, AsOf: at},
		Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(1<<53 + 1)}},
		Findings: []sentinel.Finding{
			{Status: sentinel.Fail, Message: "0 rows", Observed: sentinel.Int(0), Expected: "> 0"},
		},
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

// full is a result with every field set, to odd values.
func full() sentinel.Result {
	at := time.Date(2026, 1, 31, 6, 0, 0, 123456000, time.FixedZone("", 3600))
	odd := "a \"b\" \\ <c> & \u2028 größe \x01 \xff \n"
	r := sentinel.Result{
		Check: "c<d", Kind: "k", Table: sentinel.Table{Warehouse: "shop", Schema: "a b", Name: odd}, Tick: at,
		Duration: 1234567, Status: sentinel.Warn, Message: odd,
		Evidence: sentinel.Evidence{
			Source: odd, Confidence: sentinel.Exact, AsOf: at, Lag: sentinel.Float(0.25), Note: odd,
		},
		Past:     []sentinel.Observation{{Metric: odd, Segment: odd, Bucket: at}},
		Findings: []sentinel.Finding{{Key: odd}},
		Drifts:   []sentinel.Drift{{Kind: sentinel.ColumnAdded, Object: odd}},
		Scores:   []sentinel.Score{{Low: math.NaN()}},
	}
	for _, n := range []sentinel.Number{
		{}, sentinel.Int(0), sentinel.Int(-1 << 53), sentinel.Int(1<<53 + 1), sentinel.Float(1.5), sentinel.Float(1e300),
		sentinel.Float(math.Inf(1)), sentinel.Float(math.NaN()),
	} {
		r.Observations = append(r.Observations, sentinel.Observation{Metric: "m", Value: n})
	}
	return r
}

// The form of results is as it has been: states and readers of the API hold such.
func TestTheFormOfResultsStays(t *testing.T) {
	results := []sentinel.Result{
		full(), {}, {Duration: time.Hour, Evidence: sentinel.Evidence{Note: "n"}},
		{Duration: 1, Evidence: sentinel.Evidence{Lag: sentinel.Int(0)}},
	}
	var got bytes.Buffer
	for _, r := range results {
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(data, '\n'))
		var back sentinel.Result
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		data = bytes.ReplaceAll(data, []byte(`\ufffd`), []byte("\ufffd")) // what was no UTF-8 is a character now
		if again, err := json.Marshal(back); err != nil || !bytes.Equal(again, data) {
			t.Errorf("read back: %v\n%s\nwant\n%s", err, again, data)
		}
	}
	want, err := os.ReadFile("testdata/results.golden")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
	}
	if _, err := json.Marshal(sentinel.Result{Tick: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("a year of five digits is no time in JSON")
	}
}

// A hash tells plans apart, and never fails.
func TestHashOfAPlan(t *testing.T) {
	plans := []sentinel.Plan{
		{}, {Action: "a"}, {Rows: 1}, {Details: json.RawMessage(`{"a":1}`)},
		{Details: json.RawMessage(`{`)}, {Details: json.RawMessage(`{{`)}, {Action: "a", Details: json.RawMessage(`{`)},
	}
	seen := map[string]int{}
	for i, p := range plans {
		if before, is := seen[p.Hash()]; is {
			t.Errorf("plans %d and %d have the same hash", before, i)
		}
		seen[p.Hash()] = i
	}
	if got, want := plans[1].Hash(), "1c8d29ef8184e678"; got != want {
		t.Errorf("hash %s, want %s: approvals that are stored are for it", got, want)
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
