package main

import (
	"math/rand/v2"
	"testing"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	memory := measures[0]
	make := func(at func(i int) float64) []float64 {
		var values []float64
		for i := range 60 {
			values = append(values, at(i))
		}
		return values
	}
	for name, c := range map[string]struct {
		values []float64
		flat   bool
	}{
		"constant":             {make(func(int) float64 { return 40 }), true},
		"noise":                {make(func(int) float64 { return 40 + 10*random.Float64() }), true},
		"a saw":                {make(func(i int) float64 { return 40 + float64(i%10) }), true},
		"one spike at the end": {append(make(func(int) float64 { return 40 })[:59], 400), true},
		"one step up":          {make(func(i int) float64 { return 40 + 2*float64(i/50) }), true},
		"falls":                {make(func(i int) float64 { return 90 - float64(i) }), true},
		"a slow leak":          {make(func(i int) float64 { return 40 + 0.1*float64(i) + 2*random.Float64() }), false},
		"a leak in steps":      {make(func(i int) float64 { return 40 + 3*float64(i/10) }), false},
		"too short":            {[]float64{1, 2, 3}, false},
	} {
		if flat, why := memory.verdict(c.values, 0.1); flat != c.flat {
			t.Errorf("%s: flat = %t: %s", name, flat, why)
		}
	}
	if z := trend([]float64{1, 2, 3, 4, 5, 6, 7, 8}); z < 3.3 || z > 3.4 { // (28-1)/sqrt(8*7*21/18)
		t.Errorf("trend %g", z)
	}
}
