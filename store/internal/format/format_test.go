package format

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

var extremes = []sentinel.Number{
	{}, sentinel.Int(0), sentinel.Int(-1), sentinel.Int(math.MaxInt64), sentinel.Int(math.MinInt64),
	sentinel.Int(9007199254740993), sentinel.Float(0), sentinel.Float(math.Copysign(0, -1)), sentinel.Float(3),
	sentinel.Float(0.1), sentinel.Float(1e300), sentinel.Float(5e-324), sentinel.Float(-math.MaxFloat64),
}

func randomNumber(random *rand.Rand) sentinel.Number {
	switch random.IntN(4) {
	case 0:
		return extremes[random.IntN(len(extremes))]
	case 1:
		return sentinel.Int(random.Int64() >> random.IntN(64))
	case 2:
		if n := sentinel.Float(math.Float64frombits(random.Uint64())); n.Finite() {
			return n
		}
		return sentinel.Number{}
	}
	return sentinel.Int(int64(random.IntN(1000)))
}

// A block gives back what was put in, bit for bit: the kind of every number too.
func TestBlocksComeBack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		at := random.Int64() >> random.IntN(64)
		var samples []Sample
		for range random.IntN(60) {
			samples = append(samples, Sample{At: at, Value: randomNumber(random)})
			step := int64(60_000_000)
			if random.IntN(3) == 0 {
				step = 1 + random.Int64N(1<<40)
			}
			if at > math.MaxInt64-step {
				break
			}
			at += step
		}
		prefix := []byte("before")
		encoded := AppendBlock(slices.Clone(prefix), samples)
		if !bytes.HasPrefix(encoded, prefix) {
			t.Fatal("what was there before is gone")
		}
		got, err := DecodeBlock(encoded[len(prefix):])
		if err != nil || !slices.Equal(got, samples) {
			t.Fatalf("block %d: %v, %v; want %v", n, got, err, samples)
		}
	}
}

func TestBundlesComeBack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 2000 {
		var want, got []Observed
		for range random.IntN(60) {
			o := Observed{Series: 1 + random.Int64()>>(1+random.IntN(62))}
			o.At = random.Int64() >> random.IntN(64)
			o.Value = randomNumber(random)
			want = append(want, o)
		}
		err := EachInBundle(AppendBundle(nil, want), func(o Observed) { got = append(got, o) })
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("bundle %d: %v, %v; want %v", n, got, err, want)
		}
	}
}

// What is not finite is absent.
func TestNotFiniteIsAbsent(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		got, err := DecodeBlock(AppendBlock(nil, []Sample{{At: 1, Value: sentinel.Float(f)}}))
		if err != nil || len(got) != 1 || !got[0].Value.Absent() {
			t.Errorf("%g came back as %v, %v", f, got, err)
		}
	}
}

// The layout is that of the package's documentation.
func TestLayout(t *testing.T) {
	t.Parallel()
	samples := []Sample{
		{At: 100, Value: sentinel.Int(7)}, {At: 110, Value: sentinel.Int(5)},
		{At: 120}, {At: 140, Value: sentinel.Float(1)},
	}
	want := []byte{
		4,             // values
		200, 1, 1, 14, // time 100; integer 7
		20, 1, 3, // a step of 10; integer 7 - 2
		0, 0, // the same step; absent
		20, 2, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // a step longer by 10; float 1
	}
	if got := AppendBlock(nil, samples); !bytes.Equal(got, want) {
		t.Errorf("block %v, want %v", got, want)
	}
	values := []Observed{{3, samples[0]}, {5, samples[1]}}
	want = []byte{2, 6, 200, 1, 1, 14, 4, 20, 1, 10}
	if got := AppendBundle(nil, values); !bytes.Equal(got, want) {
		t.Errorf("bundle %v, want %v", got, want)
	}
}

// Bytes that are cut off or changed are damaged, or other values: never a panic,
// never much memory.
func TestDamage(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	samples := make([]Sample, 40)
	for i := range samples {
		samples[i] = Sample{At: int64(i) * 60_000_000, Value: randomNumber(random)}
	}
	whole := AppendBlock(nil, samples)
	for n := range whole {
		if _, err := DecodeBlock(whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := DecodeBlock(append(slices.Clone(whole), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte too many: %v", err)
	}
	for range 20_000 {
		broken := slices.Clone(whole)
		broken[random.IntN(len(broken))] = byte(random.IntN(256))
		_, err := DecodeBlock(broken)
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
		if err := EachInBundle(broken, func(Observed) {}); err != nil && !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	}
}

// randomTicks are ticks with few or many runs, and messages that are alike or odd.
func randomTicks(random *rand.Rand) (ticks []Tick) {
	messages := []string{"", "fine", "a<b>&\"ü", "two\nlines\u2028", "\xff", "1 234 rows, expected > 0"}
	for range random.IntN(40) {
		t := Tick{Dataset: random.Int64() >> random.IntN(64)}
		if random.IntN(5) == 0 {
			t.Skipped = "the one before was still running"
		}
		for range random.IntN(6) {
			t.Runs = append(t.Runs, Run{
				Check: random.Int64() >> random.IntN(64), Status: random.IntN(6) - 1,
				Duration: random.Int64() >> random.IntN(64), Message: messages[random.IntN(len(messages))],
			})
		}
		ticks = append(ticks, t)
	}
	return ticks
}

func TestTicksComeBack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	var encoder TickEncoder
	for n := range 500 {
		want := randomTicks(random)
		body, err := encoder.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeTicks(body)
		if err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("ticks %d: got %+v, %v; want %+v", n, got, err, want)
		}
	}
}

// The layout of ticks is that of the package's documentation.
func TestLayoutOfTicks(t *testing.T) {
	t.Parallel()
	ticks := []Tick{
		{Dataset: 3, Runs: []Run{{Check: 4, Status: 2, Duration: 7, Message: "a"}, {Check: 5, Duration: 8, Message: "b"}}},
		{Dataset: 2, Skipped: "no"},
		{Dataset: 9, Runs: []Run{{Check: 1, Message: "a"}}},
	}
	want := []byte{
		plain, 3, // ticks
		6, 2, 1, 0, 14, 1, // datasets and numbers of runs
		0, 2, 'n', 'o', 0, // skipped
		8, 2, 7, // checks: 4, +1, -4
		4, 0, 0, // statuses
		14, 16, 0, // durations
		0, 1, 0, // messages
		1, 'a', 1, 'b',
	}
	got, err := new(TickEncoder).Encode(ticks)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("ticks %v, %v, want %v", got, err, want)
	}
}

// Ticks that are cut off or changed are damaged, or other ticks: never a panic.
func TestDamageOfTicks(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 10))
	many := make([]Tick, 20)
	for i := range many {
		many[i] = Tick{Dataset: int64(i), Runs: []Run{{Check: int64(i), Message: "14 columns, as accepted"}}}
	}
	few := []Tick{{Dataset: 1, Skipped: "why"}, {Dataset: 2, Runs: []Run{{Check: 3, Message: "fine"}}}}
	for _, ticks := range [][]Tick{many, few} {
		whole, err := new(TickEncoder).Encode(ticks)
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if _, err := DecodeTicks(whole[:n]); !errors.Is(err, ErrDamaged) {
				t.Errorf("the first %d bytes: %v", n, err)
			}
		}
		if _, err := DecodeTicks(append(slices.Clone(whole), 0)); !errors.Is(err, ErrDamaged) && whole[0] == plain {
			t.Errorf("a byte too many: %v", err)
		}
		for range 10_000 {
			broken := slices.Clone(whole)
			broken[random.IntN(len(broken))] = byte(random.IntN(256))
			if _, err := DecodeTicks(broken); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
		}
	}
}

func FuzzDecodeTicks(f *testing.F) {
	body, err := new(TickEncoder).Encode([]Tick{{Dataset: 1, Skipped: "why"}, {Dataset: 2, Runs: []Run{{Check: 3}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Fuzz(func(t *testing.T, b []byte) {
		ticks, err := DecodeTicks(b)
		if err != nil {
			return
		}
		body, err := new(TickEncoder).Encode(ticks)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeTicks(body)
		if err != nil || !reflect.DeepEqual(again, ticks) {
			t.Fatalf("%+v came back as %+v, %v", ticks, again, err)
		}
	})
}

func FuzzDecodeBlock(f *testing.F) {
	f.Add(AppendBlock(nil, []Sample{{At: 1, Value: sentinel.Int(1)}, {At: 2, Value: sentinel.Float(2)}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		samples, err := DecodeBlock(b)
		if err != nil {
			return
		}
		again, err := DecodeBlock(AppendBlock(nil, samples))
		if err != nil || len(again) != len(samples) {
			t.Fatalf("%v came back as %v, %v", samples, again, err)
		}
	})
}

func randomText(random *rand.Rand) string {
	return []string{"", "a", "12 rows, expected > 0", "größer als\x00\n", "[]"}[random.IntN(5)]
}

func randomTime(random *rand.Rand) time.Time {
	return []time.Time{
		{}, time.Unix(0, 0).UTC(), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Unix(random.Int64N(1<<33)-1<<32, random.Int64N(1e9)).UTC(),
	}[random.IntN(4)]
}

// randomResult has what few results have one time in two.
func randomResult(random *rand.Rand) sentinel.Result {
	text, at := func() string { return randomText(random) }, func() time.Time { return randomTime(random) }
	r := sentinel.Result{Check: text(), Kind: text(), Message: text(), Status: sentinel.Status(random.IntN(5)),
		Duration: time.Duration(random.Int64() >> random.IntN(64)),
		Evidence: sentinel.Evidence{Source: text(), Confidence: sentinel.Confidence(text()), AsOf: at()}}
	odd := []sentinel.Number{
		decimalNumber("0.1000000000000000000000001"), decimalNumber("-12345678901234567890.5"),
		sentinel.Float(math.NaN()), sentinel.Float(math.Inf(1)), sentinel.Float(math.Inf(-1)),
	}
	for range random.IntN(4) {
		o := sentinel.Observation{Metric: text(), Segment: text(), Bucket: at(), Value: randomNumber(random), Gone: random.IntN(2) == 0}
		if random.IntN(3) == 0 {
			o.Value = odd[random.IntN(len(odd))]
		}
		r.Observations = append(r.Observations, o)
	}
	if random.IntN(2) == 0 {
		r.Evidence.Lag, r.Evidence.Server, r.Evidence.Note = sentinel.Int(random.Int64N(99)), text(), text()
		r.Findings = []sentinel.Finding{{Key: text(), Status: sentinel.Fail, Message: "no rows", Observed: sentinel.Int(0), Expected: "> 0"}}
		r.Drifts = []sentinel.Drift{{Kind: "column_removed", Object: "note", Before: "text"}}
		r.Scores = []sentinel.Score{{Time: at(), Value: 1.5, Score: 0.25, Low: 1, High: 2, State: sentinel.Normal}}
	}
	return r
}

func decimalNumber(text string) sentinel.Number {
	n, err := sentinel.ParseNumber(text)
	if err != nil {
		panic(err)
	}
	return n
}

// Results give back what was put in.
func TestResultsComeBack(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		want := make([]sentinel.Result, random.IntN(4))
		pointers := make([]*sentinel.Result, len(want))
		for i := range want {
			want[i] = randomResult(random)
			pointers[i] = &want[i]
		}
		encoded, err := AppendResults(nil, pointers)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeResults(encoded)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v, %v\nwant %+v", got, err, want)
		}
		for n := range encoded {
			if got, err := DecodeResults(encoded[:n]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%d of %d bytes: %+v, %v", n, len(encoded), got, err)
			}
		}
		for range 20 {
			damaged := slices.Clone(encoded)
			damaged[random.IntN(len(damaged))] ^= byte(1 + random.IntN(255))
			if _, err := DecodeResults(damaged); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
		}
	}
}

// Results of earlier versions are JSON.
func TestResultsOfEarlierVersions(t *testing.T) {
	t.Parallel()
	got, err := DecodeResults([]byte(`[{"check":"c","kind":"row_count","status":"fail","message":"0 rows",` +
		`"evidence":{"source":"scan","confidence":"exact","as_of":"2026-01-02T03:04:05Z"},` +
		`"observations":[{"metric":"row_count","value":0}],` +
		`"findings":[{"key":"","status":"fail","message":"0 rows","observed":0}],"duration_seconds":0.25}]`))
	want := []sentinel.Result{{Check: "c", Kind: "row_count", Status: sentinel.Fail, Message: "0 rows", Duration: 250 * time.Millisecond,
		Evidence:     sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact, AsOf: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(0)}},
		Findings:     []sentinel.Finding{{Status: sentinel.Fail, Message: "0 rows", Observed: sentinel.Int(0)}},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	for _, text := range []string{"", "[", "{}", "[{\"duration_seconds\":\"x\"}]"} {
		if got, err := DecodeResults([]byte(text)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
