package oracle_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
)

// drawAggregate draws a function of a column.
func drawAggregate(r *rand.Rand) columnCheck {
	c := pick(r, []string{"n", "m", "d", "x", "s", "c", "f", "b"})
	functions := []string{"avg", "min", "max", "sum", "stddev", "variance", "distinct_count", "distinct_percent", "zero_percent",
		"median", "percentile"}
	if c == "b" {
		functions = []string{"count_true"}
	} else if kind := oddColumns[columnIndex(c)].kind; kind == "text" || kind == "char" {
		functions = []string{"avg_length", "min_length", "max_length", "distinct_count", "distinct_percent"}
	}
	out := columnCheck{looked: func([]cell) truth { return yes }}
	out.badRule = badRule{kind: "aggregate", options: map[string]any{"column": c, "function": pick(r, functions), "fail": "> 2",
		"compare": "exact"}}
	if out.options["function"] == "percentile" {
		out.options["percentile"] = pick(r, []float64{0.000001, 0.05, 0.25, 0.333333, 0.5, 0.75, 0.95, 0.999, 1})
	}
	if r.IntN(3) == 0 {
		out.by = pick(r, [][]string{{"g"}, {"g", "k"}})
		out.options["by"] = out.by
	}
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

// aggregates computes the number of each segment; "" is all rows.
func (c *columnCheck) aggregates(rows [][]cell) map[string]aggregated {
	segments := map[string][][]cell{}
	if c.by == nil {
		segments[""] = nil
	}
	for _, r := range rows {
		if c.looked(r) == yes {
			segments[segmentName(c.by, r)] = append(segments[segmentName(c.by, r)], r)
		}
	}
	out := map[string]aggregated{}
	for name, of := range segments {
		out[name] = c.aggregate(of)
	}
	return out
}

func (c *columnCheck) aggregate(rows [][]cell) aggregated {
	column := c.options["column"].(string)
	function := c.options["function"].(string)
	kind := oddColumns[columnIndex(column)].kind
	var values []float64
	distinct, out, size, exact := map[string]bool{}, aggregated{}, 0.0, new(big.Rat)
	for _, r := range rows {
		v := r[columnIndex(column)]
		if v == nil {
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
	part, _ := c.options["percentile"].(float64)
	if function == "median" {
		part = 0.5
	}
	if out.value, out.none = combine(function, values, len(distinct)); part > 0 {
		out.value, out.none = nearestRank(values, part)
	}
	if total, _ := exact.Float64(); !out.none && kind == "integer" && function == "sum" {
		out.value = total
	} else if !out.none && kind == "integer" && function == "avg" {
		out.value = total / float64(len(values))
	}
	return out
}

// nearestRank returns the smallest value that at least a part of the values do not exceed.
func nearestRank(values []float64, part float64) (value float64, none bool) {
	exact, _ := new(big.Rat).SetString(strconv.FormatFloat(part, 'f', -1, 64))
	for _, x := range slices.Sorted(slices.Values(values)) {
		below := int64(0)
		for _, y := range values {
			if y <= x {
				below++
			}
		}
		if big.NewRat(below, int64(len(values))).Cmp(exact) >= 0 {
			return x, false
		}
	}
	return 0, true
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
	zeros := 0
	for _, x := range values {
		if x == 0 {
			zeros++
		}
	}
	switch function {
	case "zero_percent":
		return 100 * float64(zeros) / n, n == 0
	case "count_true":
		return sum, false
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

// status is the verdict of a number against "> 2".
func (want aggregated) status() sentinel.Status {
	switch {
	case want.notFinite:
		return sentinel.Fail
	case want.none:
		return sentinel.Unknown
	case want.value > 2 && math.Abs(want.value-2) > 1e-9:
		return sentinel.Fail
	}
	return sentinel.Pass
}

// aggregateDisagreement says how a result differs from what it must be; "" if it does not.
func aggregateDisagreement(want map[string]aggregated, got sentinel.Result) string {
	status, values := sentinel.Pass, map[string]float64{}
	if len(want) == 0 {
		status = sentinel.Unknown // there is no segment
	}
	for _, o := range got.Observations {
		if !o.Value.Absent() {
			values[o.Segment] = o.Value.Float64()
		}
	}
	for _, w := range want { // one that the engine refuses is an error of the check
		if w.over && got.Status == sentinel.Error || w.lossy {
			return ""
		}
	}
	for segment, w := range want {
		if w.over && refused(got, segment) {
			w = aggregated{none: true}
		}
		if w.status().Worse(status) {
			status = w.status()
		}
		v, there := values[segment]
		switch {
		case w.none == there && got.Status != sentinel.Error:
			return fmt.Sprintf("%q: value %v (%t), want none: %t", segment, v, there, w.none)
		case !w.none && !w.over && math.Abs(v-w.value) > 1e-9*max(1, math.Abs(w.value)):
			return fmt.Sprintf("%q: value %v, want %v", segment, v, w.value)
		}
	}
	if got.Status != status {
		return fmt.Sprintf("status %s, want %s of %+v", got.Status, status, want)
	}
	return ""
}

// refused reports whether a result says that the number of a segment cannot be computed.
func refused(got sentinel.Result, segment string) bool {
	return slices.ContainsFunc(got.Findings, func(f sentinel.Finding) bool {
		return f.Key == sentinel.SegmentKey(sentinel.EmptyKey, segment) && f.Status == sentinel.Unknown &&
			strings.Contains(f.Message, "is not judged: ")
	})
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
				if wrong := aggregateDisagreement(list[i].aggregates(rows), got); wrong != "" {
					t.Errorf("seed %d on %s: %s\n%v\n%s\n%s", seed, e.name, wrong, list[i].options, got.Message, shown(rows))
				}
			}
			e.exec(t, "DROP TABLE "+table.name)
		}
	}
	t.Logf("%d verdicts agree", verdicts)
}
