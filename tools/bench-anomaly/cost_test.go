package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// BenchmarkObserve measures a point of each detector in one run, so that they can be compared on a
// busy machine.
func BenchmarkObserve(b *testing.B) {
	var hours family
	for _, f := range families {
		if f.name == "hourly" {
			hours = f
		}
	}
	for _, name := range anomaly.Names() {
		b.Run(name, func(b *testing.B) {
			d, err := anomaly.New(name)
			if err != nil {
				b.Fatal(err)
			}
			c := anomaly.Config{Detector: name}
			if err := c.Validate(); err != nil {
				b.Fatal(err)
			}
			value := hours.draw(rand.New(rand.NewPCG(1, 23)))
			at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
			observe := func(i int) {
				d.Observe(c, sentinel.Point{Time: at.Add(time.Duration(i) * time.Hour), Value: count(value(i))})
			}
			const learned = 24 * 7 * 8
			for i := range learned {
				observe(i)
			}
			b.ReportAllocs()
			i := learned
			for b.Loop() {
				observe(i)
				i++
			}
		})
	}
}
