package checks_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// trials makes the simulation longer: go test ./checks -run SmallSamples -trials 20 -v.
var trials = flag.Int("trials", 2, "length of the simulation of small samples")

// sampled is a population of numbers, as the cells in which its values lie.
type sampled struct {
	cells []int // the cell of each value, as its place in names
	names []string
}

// populationOf draws 50,000 values and sorts them into cells of 2 %, as statements do.
func populationOf(r *rand.Rand, value func(r *rand.Rand) float64) *sampled {
	p := &sampled{}
	places := map[float64]int{}
	for range 50_000 {
		x := value(r)
		cell := 0.0
		if x != 0 {
			cell = math.Copysign(100_000+math.Ceil(math.Log(math.Abs(x))/math.Log(1.01/0.99)), x)
		}
		if _, known := places[cell]; !known {
			places[cell] = len(places)
			p.names = append(p.names, fmt.Sprintf("=%.0f", cell))
		}
		p.cells = append(p.cells, places[cell])
	}
	return p
}

// groups draws n values. step is 1 for the rows that are judged and 0 for the reference.
func (p *sampled) groups(r *rand.Rand, n int, step int64) (out []checks.Group) {
	counts := make([]int64, len(p.names))
	for range n {
		counts[p.cells[r.IntN(len(p.cells))]]++
	}
	for i, count := range counts {
		if count > 0 {
			out = append(out, checks.Group{Segment: p.names[i], Step: step, Count: sentinel.Int(count), Size: 1})
		}
	}
	return out
}

// simulate judges n rows of one population against 7 times as many of another, and returns how
// many of the trials fail.
func simulate(t *testing.T, r *rand.Rand, trials, n int, now, before *sampled) (failed int) {
	t.Helper()
	c := &checks.Distribution{Column: "x", TimeBucket: checks.TimeBucket{Bucket: "day", TimeColumn: "at"}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	dialect, err := warehouse.DialectNamed("postgres")
	if err != nil {
		t.Fatal(err)
	}
	target := checks.Target{Location: time.UTC, Tick: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Known: checks.Known{
		Dialect: dialect, Catalog: &warehouse.Catalog{}, Relation: &warehouse.Table{Columns: []warehouse.Column{
			{Name: "x", Type: warehouse.Type{Family: warehouse.FloatType, Bits: 64}},
			{Name: "at", Type: warehouse.Type{Family: warehouse.Timestamp, Zoned: true}}}}}}
	asks := c.Ask(target, nil)
	if len(asks) == 0 {
		t.Fatal(c.Judge(target, nil).Message)
	}
	for range trials {
		groups := slices.Concat(now.groups(r, n, 1), before.groups(r, 7*n, 0))
		switch got := c.Judge(target, checks.Answers{{Key: asks[0].Key, Answer: checks.Answer{Groups: groups}}}); got.Status {
		case sentinel.Fail:
			failed++
		case sentinel.Pass:
		default:
			t.Fatal(got.Message)
		}
	}
	return failed
}

// shapes are populations. The second one is normal, and far from zero.
var shapes = []struct {
	name  string
	value func(r *rand.Rand) float64
}{
	{"around zero", func(r *rand.Rand) float64 { return r.NormFloat64() }},
	{"far from zero", func(r *rand.Rand) float64 { return 500 + 100*r.NormFloat64() }},
	{"with a tail", func(r *rand.Rand) float64 { return math.Exp(4 + r.NormFloat64()) }},
	{"of few numbers", func(r *rand.Rand) float64 { return float64(r.IntN(12)) }},
	{"mostly zero", func(r *rand.Rand) float64 { return max(0, r.NormFloat64()-1) }},
}

// TestDistributionOfSmallSamples holds how often the default check is wrong about few rows: by
// a false alarm in at most 0.2 % of samples of 200 rows, and 0.05 % from 1,000 rows on; and by
// silence in at most 1 % of samples of 500 rows that have moved by 0.35 standard deviations.
func TestDistributionOfSmallSamples(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 22))
	alarms := map[int]int{}
	sizes := []struct {
		rows, trials int
		most         float64
	}{{200, 500 * *trials, 0.002}, {1000, 100 * *trials, 0.0005}}
	for _, shape := range shapes {
		p := populationOf(r, shape.value)
		for _, size := range sizes {
			failed := simulate(t, r, size.trials, size.rows, p, p)
			alarms[size.rows] += failed
			t.Logf("%s, %d rows: %d false alarms in %d", shape.name, size.rows, failed, size.trials)
		}
	}
	for _, size := range sizes {
		if all := len(shapes) * size.trials; float64(alarms[size.rows]) > size.most*float64(all) {
			t.Errorf("%d rows: %d false alarms in %d", size.rows, alarms[size.rows], all)
		}
	}
	before := populationOf(r, shapes[1].value)
	now := populationOf(r, func(r *rand.Rand) float64 { return 535 + 100*r.NormFloat64() })
	for _, n := range []int{500, 1000} {
		times := 200 * *trials
		found := simulate(t, r, times, n, now, before)
		t.Logf("moved by 0.35 standard deviations, %d rows: %d found of %d", n, found, times)
		if found < times*99/100 {
			t.Errorf("%d rows: %d found of %d", n, found, times)
		}
	}
}
