package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// checksADataset is how many checks each dataset has: freshness, rows, an average, a schema.
const checksADataset = 4

// partDatasets is how many datasets the agent records in one batch.
const partDatasets = 250

// fleet is a set of datasets with the checks that people write, and what they answer. One
// dataset in three gets rows all the time, the others get theirs once a day. Each dataset is
// wrong about once in a month, for two hours.
type fleet struct {
	now      time.Time
	every    time.Duration
	schedule string
	random   *rand.Rand
	datasets []*dataset
}

type dataset struct {
	table   sentinel.Table
	busy    bool
	rows    int64
	newest  time.Time
	average float64
	until   time.Time // it is wrong until then
	took    float64   // the usual duration of a check in microseconds
}

func newFleet(datasets int, every time.Duration) *fleet {
	f := &fleet{
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), every: every, schedule: "*/5 * * * *", random: rand.New(rand.NewPCG(1, 2)),
	}
	words := []string{"orders", "customers", "payments", "shipments", "events", "invoices", "products", "sessions"}
	for i := range datasets {
		name := fmt.Sprintf("%s_%s_%d", []string{"fct", "dim", "stg"}[i%3], words[i%len(words)], i)
		f.datasets = append(f.datasets, &dataset{
			table: sentinel.Table{Warehouse: "warehouse", Schema: "analytics", Name: name}, busy: i%3 == 0,
			rows: int64(math.Exp(f.random.Float64()*8 + 8)), newest: f.now, average: f.random.Float64() * 1000,
			took: math.Exp(f.random.Float64()*4 + 7),
		})
	}
	return f
}

// tick returns what one tick of all datasets brings, as the batches of the agent.
func (f *fleet) tick() (batches []store.Batch) {
	var b store.Batch
	for i, d := range f.datasets {
		f.move(d)
		b.Ticks = append(b.Ticks, store.TickRecord{Schedule: f.schedule, Table: d.table, Tick: f.now})
		b.Results = append(b.Results, f.results(d)...)
		if (i+1)%partDatasets == 0 || i+1 == len(f.datasets) {
			batches = append(batches, b)
			b = store.Batch{}
		}
	}
	return batches
}

// move lets the time of one tick pass for a dataset.
func (f *fleet) move(d *dataset) {
	loads := d.busy || f.now.Hour() == 3 && f.now.Minute() < int(max(1, f.every.Minutes()))
	if loads && f.random.IntN(20) > 0 {
		d.rows += f.random.Int64N(2 + d.rows/1000)
		d.newest = f.now.Add(-time.Duration(f.random.Int64N(int64(20 * time.Minute)))).Truncate(time.Microsecond)
		d.average *= 1 + f.random.NormFloat64()/100
	}
	month := 30 * 24 * time.Hour
	if f.random.Float64() < f.every.Seconds()/month.Seconds() {
		d.until = f.now.Add(2 * time.Hour)
	}
}

func (f *fleet) results(d *dataset) []sentinel.Result {
	age := f.now.Sub(d.newest)
	results := []sentinel.Result{
		{
			Kind:         "freshness",
			Message:      fmt.Sprintf("newest row %s old (%s)", age.Round(time.Second), d.newest.Format(time.DateTime)),
			Observations: []sentinel.Observation{{Metric: "freshness_seconds", Value: sentinel.Float(age.Seconds())}},
		},
		{Kind: "row_count", Message: grouped(d.rows) + " rows, expected > 0",
			Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(d.rows)}}},
		{Kind: "sql", Message: fmt.Sprintf("%.2f, expected 0 to 100000", d.average),
			Observations: []sentinel.Observation{{Metric: "value", Value: sentinel.Float(d.average)}}},
		{Kind: "schema", Message: "14 columns, as accepted"},
	}
	for i := range results {
		r := &results[i]
		r.Check = d.table.String() + "/" + r.Kind
		r.Table, r.Tick = d.table, f.now
		r.Duration = time.Duration(d.took*math.Exp(f.random.NormFloat64()/3)) * time.Microsecond
		r.Evidence = sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact, AsOf: f.now.Add(r.Duration)}
		if f.now.Before(d.until) && i == 1 {
			r.Status = sentinel.Fail
			r.Message = "0 rows, expected > 0"
			r.Findings = []sentinel.Finding{{Status: sentinel.Fail, Message: r.Message, Expected: "> 0"}}
		}
	}
	return results
}

// grouped writes an integer with a blank between thousands.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	var b strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(digit)
	}
	return b.String()
}
