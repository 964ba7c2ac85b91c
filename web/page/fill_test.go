package page_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// configured is a dataset with freshness and a row count.
func configured(t sentinel.Table, owner string, upstream ...sentinel.Table) agent.Dataset {
	meta := agent.Meta{Owner: owner, Tier: "critical", Runbook: "https://runbooks.example.com/" + t.Name}
	detector := &anomaly.Config{Metric: "row_count", Unit: "rows"}
	if err := detector.Validate(); err != nil {
		panic(err)
	}
	return agent.Dataset{Table: t, Location: time.UTC, DependsOn: upstream, Checks: []agent.Check{
		{
			Check: &checks.Freshness{
				Options: checks.Options{ID: t.String() + "/freshness"},
				Fail:    checks.Duration(6 * time.Hour),
			},
			Meta: meta,
		},
		{Check: &checks.RowCount{
			Options: checks.Options{ID: t.String() + "/row_count:day", Aspect: "day", Anomaly: detector},
			Fail:    checks.Bound{Op: "<", Low: sentinel.Int(5000)},
		}, Meta: meta},
	}}
}

// results are what the checks of a dataset say at noon.
func results(t sentinel.Table, status sentinel.Status, rows int64, message string) []sentinel.Result {
	newest := noon.Add(-40 * time.Minute)
	return []sentinel.Result{
		{
			Check: t.String() + "/freshness", Kind: "freshness", Table: t, Tick: noon, Message: "newest row 40m old",
			Observations: []sentinel.Observation{
				{Metric: "freshness_seconds", Value: sentinel.Int(2400)},
				{Metric: "newest_timestamp_seconds", Value: sentinel.Int(newest.Unix())},
			},
		},
		{
			Check: t.String() + "/row_count:day", Kind: "row_count", Table: t, Tick: noon, Status: status, Message: message,
			Observations: []sentinel.Observation{
				{Metric: "row_count", Bucket: noon.Truncate(24 * time.Hour), Value: sentinel.Int(rows)},
			},
		},
	}
}

// table is the nth table of a large warehouse.
func table(n int) sentinel.Table {
	return sentinel.Table{Warehouse: "shop", Schema: fmt.Sprintf("schema_%02d", n%40), Name: fmt.Sprintf("table_%05d", n)}
}

// fill configures n datasets, each with its results; every hundredth fails and has an incident.
func (s *site) fill(n int) {
	s.Helper()
	var datasets []agent.Dataset
	for i := range n {
		var up []sentinel.Table
		if i%10 == 9 {
			up = []sentinel.Table{table(i - 1), table(i - 2)}
		}
		datasets = append(datasets, configured(table(i), fmt.Sprintf("team-%d", i%7), up...))
	}
	s.board.Configured(datasets)
	for first := 0; first < n; first += 500 {
		var b store.Batch
		b.Ticks = append(b.Ticks, store.TickRecord{Schedule: "s", Table: table(first), Tick: noon})
		for i := first; i < min(n, first+500); i++ {
			b.Ticks = append(b.Ticks, store.TickRecord{Schedule: "s", Table: table(i), Tick: noon})
			status, message := sentinel.Pass, "13,200 rows"
			if i%100 == 7 {
				status, message = sentinel.Fail, "3,118 rows for 2026-11-26; 11,900 to 14,600 expected"
				b.Incidents = append(b.Incidents, incident(table(i), message))
			}
			b.Results = append(b.Results, results(table(i), status, 13200+int64(i%50), message)...)
		}
		s.record(b)
	}
}

// incident is one that began at ten.
func incident(t sentinel.Table, message string) sentinel.Incident {
	f := sentinel.IncidentFinding{
		Check: t.String() + "/row_count:day", Kind: "row_count", Severity: sentinel.Fail, Message: message,
		Opened: noon.Add(-2 * time.Hour), Updated: noon, Ticks: 3,
	}
	return sentinel.Incident{
		ID: "i-" + t.Name, Check: f.Check, Kind: f.Kind, Table: t, Tier: "critical", State: sentinel.Open, Severity: sentinel.Fail,
		Findings: []sentinel.IncidentFinding{f}, Opened: f.Opened, Updated: noon, Message: message,
	}
}

// past records 30 days of values of one dataset: ages every five minutes, and rows a day.
func (s *site) past(t sentinel.Table) {
	s.Helper()
	var all []sentinel.Result
	for day := 60; day > 0; day-- {
		at := noon.Truncate(24*time.Hour).AddDate(0, 0, -day)
		rows := 13000 + 1500*math.Sin(float64(day)*2*math.Pi/7) + 100*math.Sin(float64(day)*12.9898)
		all = append(all, sentinel.Result{
			Check: t.String() + "/row_count:day", Kind: "row_count", Table: t, Tick: at,
			Observations: []sentinel.Observation{{Metric: "row_count", Bucket: at, Value: sentinel.Int(int64(rows))}},
		})
	}
	for at := noon.AddDate(0, 0, -30); at.Before(noon); at = at.Add(5 * time.Minute) {
		all = append(all, sentinel.Result{
			Check: t.String() + "/freshness", Kind: "freshness", Table: t, Tick: at,
			Observations: []sentinel.Observation{
				{Metric: "freshness_seconds", Value: sentinel.Int(int64(at.Hour()%4*3600 + at.Minute()*60))},
			},
		})
	}
	if _, err := s.store.Record(s.Context(), store.Batch{Results: all}); err != nil {
		s.Fatal(err)
	}
}

// processor is the time that this process has had of the processors.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The overview, the list and the API of 50,000 datasets with 100,000 checks, and a dataset
// with 30 days of values, are small and take no more than a moment. The bytes are those that are sent, the milliseconds those of the
// processors, of the browser's side too; a machine at work does not change them much.
func BenchmarkPages(b *testing.B) {
	s := serve(b)
	s.fill(50_000)
	s.past(table(7))
	for _, path := range []string{
		"/", "/datasets", "/datasets?q=table_099&sort=oldest", "/datasets?state=fail", "/datasets/shop/schema_07/table_00007", "/lineage",
		"/incidents/i-table_00007", "/history", "/history?q=nowhere", "/history/report", "/silences", "/api/v1/datasets",
		"/api/v1/results", "/api/v1/results?after=shop.schema_20.table_25020", "/api/v1/results?state=fail,error",
		"/api/v1/results?dataset=SCHEMA_07.TABLE_00007", "/api/v1/results?check=shop.schema_07.table_00007/freshness",
		"/api/v1/results?dataset=shop.schema_39.*", "/api/v1/incidents",
	} {
		b.Run(path, func(b *testing.B) {
			before := processor(b)
			for b.Loop() {
				status, body, size := s.get(path, nil)
				most := 200_000
				if strings.HasPrefix(path, "/api/") {
					most = 1_000_000 // a part of 1000
				}
				if status != http.StatusOK || size > most {
					b.Fatalf("%s: %d with %d bytes: %.200s", path, status, size, body)
				}
				b.ReportMetric(float64(size), "bytes/page")
			}
			b.ReportMetric(float64((processor(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/page")
		})
	}
}

func batchOf(i sentinel.Incident) store.Batch { return store.Batch{Incidents: []sentinel.Incident{i}} }
