package exporters_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
)

// twoResults returns the results of the two checks of one dataset.
func twoResults(i int) []sentinel.Result {
	table := sentinel.Table{Warehouse: "shop", Schema: "public", Name: fmt.Sprintf("orders_%d", i)}
	return []sentinel.Result{
		{
			Check:        table.String() + "/row_count",
			Kind:         "row_count",
			Table:        table,
			Tick:         tick,
			Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(int64(100_000 + i))}},
		},
		{
			Check: table.String() + "/freshness:updated_at",
			Kind:  "freshness",
			Table: table,
			Tick:  tick,
			Observations: []sentinel.Observation{
				{
					Metric: "newest_timestamp_seconds",
					Value:  sentinel.Float(1.8e9 + float64(i)/7),
				}, {Metric: "freshness_seconds", Value: sentinel.Float(float64(i) / 7)},
			},
		},
	}
}

// filled returns an exporter with n datasets of two checks each, and with every metric
// of datasets.
func filled(b *testing.B, n int) *exporters.Prometheus {
	p := exporters.NewPrometheus("v1")
	p.MaxSeries = 10 * n
	for i := range n {
		results := twoResults(i)
		export(b, p, results...)
		labels := []string{results[0].Table.Warehouse, exporters.DatasetLabel(results[0].Table)}
		p.Set(exporters.DatasetInfo, 1, labels[0], labels[1], "data-team", "critical")
		for _, m := range []exporters.Metric{exporters.TicksMissed, exporters.JobsSkipped} {
			p.Add(m, 0, labels...)
		}
		for _, m := range []exporters.Metric{
			exporters.Risk, exporters.Deadline, exporters.ExpectedArrival, exporters.RiskBrier, exporters.RiskSkill,
			exporters.RiskCalibration, exporters.RiskLead, exporters.RiskModel,
		} {
			p.Set(m, 1/float64(i+3), labels...)
		}
	}
	return p
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkScrape measures scrapes. A tenth of the checks have new results after each.
func BenchmarkScrape(b *testing.B) {
	for _, datasets := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("checks=%d", 2*datasets), func(b *testing.B) {
			before := heap()
			p := filled(b, datasets)
			kept := heap() - before
			server := httptest.NewServer(p)
			defer server.Close()
			var took []time.Duration
			var size int64
			scraped := func() {
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL, nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
				begin := time.Now()
				answer, err := server.Client().Do(r)
				if err != nil {
					b.Fatal(err)
				}
				if size, err = io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
					b.Fatal(answer.Status, err)
				}
				if err := answer.Body.Close(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			scraped()
			after := heap() - before
			took = took[:0]
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				for j := range datasets / 10 {
					export(b, p, twoResults((i*datasets/10+j)%datasets)...)
				}
				b.StartTimer()
				scraped()
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
			b.ReportMetric(float64(kept)/float64(2*datasets), "kept-B/check")
			b.ReportMetric(float64(after)/float64(2*datasets), "kept-after-a-scrape-B/check")
			b.ReportMetric(float64(size), "answer-B")
		})
	}
}
