package store_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// BenchmarkRecord100k writes 100,000 observations of 1,000 series, 1,000 a batch.
func BenchmarkRecord100k(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := open(b, filepath.Join(b.TempDir(), "s.db"))
		b.StartTimer()
		for n := range 100 {
			v := batch(n)
			v.Results[0].Observations = v.Results[0].Observations[:0]
			for i := range 1000 {
				v.Results[0].Observations = append(
					v.Results[0].Observations,
					sentinel.Observation{Metric: "row_count", Segment: strconv.Itoa(i), Value: sentinel.Int(int64(i))},
				)
			}
			record(b, s, v)
		}
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// tickOf is one tick of 200 datasets with three checks each.
func tickOf(n int) (b store.Batch) {
	for i := range 200 {
		table := sentinel.Table{Warehouse: "shop", Schema: "mart", Name: fmt.Sprintf("table_%03d", i)}
		b.Ticks = append(b.Ticks, store.TickRecord{Schedule: everyMinute, Table: table, Tick: at(n)})
		for _, kind := range []string{"freshness", "row_count", "schema"} {
			r := sentinel.Result{
				Check:    table.String() + "/" + kind,
				Kind:     kind,
				Table:    table,
				Tick:     at(n),
				Duration: time.Millisecond,
				Message:  "1234567 rows, expected > 0",
				Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact, AsOf: at(n)},
			}
			if kind != "schema" {
				r.Observations = []sentinel.Observation{{Metric: kind, Value: sentinel.Int(int64(1234567 + n))}}
			}
			b.Results = append(b.Results, r)
		}
	}
	return b
}

// BenchmarkRecordTick writes a tick of 200 datasets with three checks each into
// a state that knows their series.
func BenchmarkRecordTick(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "s.db"))
	record(b, s, tickOf(0))
	n := 0
	before := testenv.CPU(b)
	for b.Loop() {
		n++
		record(b, s, tickOf(n))
	}
	b.ReportMetric(float64((testenv.CPU(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	st, err := s.Stats(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(st.Bytes)/float64(st.Results), "bytes/result")
}

// BenchmarkRecordParts writes one tick of many datasets, 200 a batch, as the agent does.
// The cost of a dataset must not grow with their number.
func BenchmarkRecordParts(b *testing.B) {
	for _, parts := range []int{5, 50} {
		b.Run(fmt.Sprintf("datasets=%d", 200*parts), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "s.db"))
			n := 0
			before := testenv.CPU(b)
			for b.Loop() {
				n++
				for part := range parts {
					v := tickOf(n)
					for i := range v.Ticks {
						v.Ticks[i].Table.Schema = fmt.Sprintf("mart_%03d", part)
					}
					for i := range v.Results {
						v.Results[i].Table.Schema = fmt.Sprintf("mart_%03d", part)
					}
					record(b, s, v)
				}
			}
			b.ReportMetric(float64((testenv.CPU(b)-before).Microseconds())/float64(200*parts*b.N), "cpu-us/dataset")
		})
	}
}

// BenchmarkPoints reads the 10,000 newest points of one series among many.
func BenchmarkPoints(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "s.db"))
	v := batch(0)
	v.Results[0].Observations = nil
	for i := range 12_000 {
		v.Results[0].Observations = append(
			v.Results[0].Observations,
			sentinel.Observation{Metric: "row_count", Bucket: at(-i), Value: sentinel.Int(int64(i))},
		)
	}
	record(b, s, v)
	for b.Loop() {
		if got := values(b, s, "row_count", "", 10_000); len(got) != 10_000 {
			b.Fatal(len(got))
		}
	}
}

// BenchmarkNewestPoint reads the newest point of each of 400 series, as a check
// does that compares with the value before; twenty-three ticks wait.
func BenchmarkNewestPoint(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "s.db"))
	for n := range 47 {
		record(b, s, tickOf(n))
	}
	checks := tickOf(0).Results
	for b.Loop() {
		for _, r := range checks {
			if r.Kind == "schema" {
				continue
			}
			if got, err := s.Points(b.Context(), store.Series{Check: r.Check, Metric: r.Kind}, at(0), 1); err != nil || len(got) != 1 {
				b.Fatal(got, err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/400, "us/series")
}
