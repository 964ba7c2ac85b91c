package oracle_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
)

// drawAggregate draws a function of a column.
func drawAggregate(r *rand.Rand) columnCheck {
	c := pick(r, []string{"n", "m", "d", "x", "s", "c", "f"})
	functions := []string{"avg", "min", "max", "sum", "stddev", "variance", "distinct_count", "distinct_percent"}
	if kind := oddColumns[columnIndex(c)].kind; kind == "text" || kind == "char" {
		functions = []string{"avg_length", "min_length", "max_length", "distinct_count", "distinct_percent"}
	}
	out := columnCheck{looked: func([]cell) truth { return yes }}
	out.badRule = badRule{kind: "aggregate", options: map[string]any{"column": c, "function": pick(r, functions), "fail": "> 2",
		"compare": "exact"}}
	if r.IntN(2) == 0 {
		n := r.IntN(40)
		out.options["where"] = fmt.Sprintf("id >= %d", n)
		out.looked = func(r []cell) truth {
			id, _ := strconv.Atoi(*r[0])
			return truthOf(id >= n)
		}
	}
	return out
}

// aggregated is what a function must answer.
type aggregated struct {
	value     float64
	none      bool // there is no value
	notFinite bool // some values are none
	over      bool // the engine may refuse: a number beyond its range occurs
	lossy     bool // floats of these sizes lose what is asked for
}

func (c *columnCheck) aggregate(rows [][]cell) aggregated {
	column := c.options["column"].(string)
	function := c.options["function"].(string)
	kind := oddColumns[columnIndex(column)].kind
	var values []float64
	distinct, out, size, exact := map[string]bool{}, aggregated{}, 0.0, new(big.Rat)
	for _, r := range rows {
		v := r[columnIndex(column)]
		if v == nil || c.looked(r) != yes {
			continue
		}
		key, _ := keyOf(r, []string{column}, false)
		distinct[key] = true
		x := float64(utf8.RuneCountInString(*v))
		if kind != "text" && kind != "char" {
			n, ok := numberOf(*v)
			if !ok {
				out.notFinite = out.notFinite || function != "distinct_count" && function != "distinct_percent"
				x = 0
				if out.notFinite {
					continue
				}
			} else {
				x, _ = n.Float64()
				exact.Add(exact, n)
			}
		}
		values, size = append(values, x), size+math.Abs(x)
	}
	out.over = size > 9.2e18 && kind == "integer" || size > 1e150 && (function == "stddev" || function == "variance") ||
		size > 1.7e308
	out.lossy = out.over && kind == "float"
	out.value, out.none = combine(function, values, len(distinct))
	if total, _ := exact.Float64(); !out.none && kind == "integer" && function == "sum" {
		out.value = total
	} else if !out.none && kind == "integer" && function == "avg" {
		out.value = total / float64(len(values))
	}
	return out
}

// combine applies a function to values.
func combine(function string, values []float64, distinct int) (result float64, none bool) {
	n := float64(len(values))
	sum := 0.0
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range values {
		sum, low, high = sum+x, min(low, x), max(high, x)
	}
	squares := 0.0
	for _, x := range values {
		squares += (x - sum/n) * (x - sum/n)
	}
	switch function {
	case "distinct_count":
		return float64(distinct), false
	case "distinct_percent":
		return 100 * float64(distinct) / n, n == 0
	case "stddev":
		return math.Sqrt(squares / (n - 1)), n < 2
	case "variance":
		return squares / (n - 1), n < 2
	case "sum":
		return sum, n == 0
	case "min", "min_length":
		return low, n == 0
	case "max", "max_length":
		return high, n == 0
	}
	return sum / n, n == 0
}

func (want aggregated) disagreement(got sentinel.Result) string {
	status := sentinel.Pass
	switch {
	case want.notFinite:
		status = sentinel.Fail
	case want.none:
		status = sentinel.Unknown
	case want.value > 2 && math.Abs(want.value-2) > 1e-9:
		status = sentinel.Fail
	}
	if want.over && got.Status == sentinel.Error || want.lossy {
		return ""
	}
	if got.Status != status {
		return fmt.Sprintf("status %s, want %s of %+v", got.Status, status, want)
	}
	if want.none != (len(got.Observations) == 0) {
		return fmt.Sprintf("observations %v, want none: %t", got.Observations, want.none)
	}
	if want.none || want.over {
		return ""
	}
	if v := got.Observations[0].Value.Float64(); math.Abs(v-want.value) > 1e-9*max(1, math.Abs(want.value)) {
		return fmt.Sprintf("value %v, want %v", v, want.value)
	}
	return ""
}

// TestVerdictsOfAggregates holds numbers over columns against plain Go.
func TestVerdictsOfAggregates(t *testing.T) {
	engines := columnEngines(t)
	verdicts := 0
	for k := range uint64(*rounds) / 20 {
		seed := *seed + k
		r := rand.New(rand.NewPCG(seed, 9))
		table := drawOdd(r, fmt.Sprintf("g%d", seed))
		list := make([]columnCheck, 1+r.IntN(25))
		for i := range list {
			list[i] = drawAggregate(r)
		}
		for _, e := range engines {
			table.create(t, e)
			rows := table.seen(e)
			for i, got := range e.checkColumns(t, table, list) {
				verdicts++
				if wrong := list[i].aggregate(rows).disagreement(got); wrong != "" {
					t.Errorf("seed %d on %s: %s\n%v\n%s\n%s", seed, e.name, wrong, list[i].options, got.Message, shown(rows))
				}
			}
			e.exec(t, "DROP TABLE "+table.name)
		}
	}
	t.Logf("%d verdicts agree", verdicts)
}
