package exporters_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
)

var tick = time.Unix(1_800_000_000, 0).UTC()

func result(i int) sentinel.Result {
	return sentinel.Result{
		Check: fmt.Sprintf(
			"shop.public.t_%d/row_count",
			i,
		), Kind: "row_count", Table: sentinel.Table{Warehouse: "shop", Schema: "public", Name: fmt.Sprintf("t_%d", i)},
		Tick: tick, Observations: []sentinel.Observation{
			{Metric: "row_count", Value: sentinel.Int(int64(i))}, {Metric: "freshness_seconds", Value: sentinel.Float(1.5)},
		},
	}
}

func scrape(p *exporters.Prometheus) string {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func export(tb testing.TB, p *exporters.Prometheus, results ...sentinel.Result) {
	tb.Helper()
	if err := p.Export(context.Background(), results); err != nil {
		tb.Fatal(err)
	}
}

// reconciled is the result of a comparison of rows.
func reconciled() sentinel.Result {
	r := result(3)
	r.Check, r.Kind, r.Observations = "rows", "reconcile", nil
	for _, metric := range []string{"difference", "rows_missing", "rows_extra", "rows_changed"} {
		r.Observations = append(r.Observations, sentinel.Observation{Metric: metric, Value: sentinel.Int(int64(len(metric)))})
	}
	return r
}

// distributed is the result of a comparison of distributions.
func distributed() sentinel.Result {
	r := result(4)
	r.Check, r.Kind = "values", "distribution"
	r.Observations = []sentinel.Observation{{Metric: "value", Value: sentinel.Float(0.25)}}
	return r
}

// Each kind of difference has a series of its own, and no two series have the same labels.
func TestSeriesOfComparisons(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("v1")
	export(t, p, reconciled(), distributed())
	text := scrape(p)
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		series, _, _ := strings.Cut(line, "} ")
		if seen[series] && strings.Contains(line, "{") {
			t.Errorf("two samples of %s", series)
		}
		seen[series] = true
	}
	for _, want := range []string{
		`sentinel_reconcile_rows{warehouse="shop",dataset="public.t_3",check="rows",difference="missing"} 12`,
		`sentinel_reconcile_rows{warehouse="shop",dataset="public.t_3",check="rows",difference="changed"} 12`,
		`sentinel_distribution_distance{warehouse="shop",dataset="public.t_4",check="values"} 0.25`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// everything returns an exporter with a value of every metric.
func everything(tb testing.TB) *exporters.Prometheus {
	p := exporters.NewPrometheus("v1")
	odd := result(1)
	odd.Check, odd.Table.Name = "odd\"\\\nid", "größe \"x\""
	odd.Observations = append(
		odd.Observations,
		sentinel.Observation{Metric: "value", Segment: "c=\"a\\b\"", Value: sentinel.Int(9007199254740993)},
		sentinel.Observation{
			Metric: "newest_timestamp_seconds",
			Value:  sentinel.Float(1.8e9),
		},
		sentinel.Observation{Metric: "missing_partitions", Value: sentinel.Int(0)},
		sentinel.Observation{Metric: "failed_rows", Value: sentinel.Int(1)},
		sentinel.Observation{Metric: "examined_rows", Value: sentinel.Int(2)},
		sentinel.Observation{Metric: "row_count"},
	)
	odd.Drifts = []sentinel.Drift{
		{Kind: sentinel.ColumnAdded, Object: "x", Status: sentinel.Warn},
		{Kind: sentinel.IndexAdded, Status: sentinel.Pass},
	}
	odd.Scores = []sentinel.Score{{Score: 0.2, Low: 1, High: 2}}
	export(tb, p, result(2), odd, reconciled(), distributed())
	p.NextRun(odd.Table, odd.Check, tick)
	p.IncidentsOpen(map[string]int{"critical": 1})
	p.TicksMissed(odd.Table, 2)
	p.JobSkipped(odd.Table, 1)
	p.Warehouse("shop", true, time.Millisecond, time.Second, "")
	p.StoreUp(true)
	p.Reloaded(true, tick)
	for _, m := range exporters.Metrics()[18:] {
		labels := slices.Repeat([]string{"a"}, len(m.Labels))
		switch m.Type {
		case "gauge":
			p.Set(m, 1, labels...)
		case "counter":
			p.Add(m, 1, labels...)
		case "histogram":
			p.Observe(m, 1, labels...)
		}
	}
	return p
}

func TestMetricsPassPromtool(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(scrape(everything(t)))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics (install it with `make deps`): %v\n%s", err, out)
	}
}

func TestEveryListedMetricIsExportedAndParses(t *testing.T) {
	t.Parallel()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(everything(t))))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range exporters.Metrics() {
		f := families[m.Name]
		if f == nil {
			t.Errorf("%s is listed and not exported", m.Name)
			continue
		}
		if got := strings.ToLower(f.GetType().String()); got != m.Type {
			t.Errorf("%s is a %s, listed as %s", m.Name, got, m.Type)
		}
		for _, metric := range f.Metric {
			if len(metric.Label) != len(m.Labels) {
				t.Errorf("%s has the labels %v, listed as %v", m.Name, metric.Label, m.Labels)
			}
		}
		delete(families, m.Name)
	}
	for name := range families {
		if strings.HasPrefix(name, "sentinel_") {
			t.Errorf("%s is exported and not listed", name)
		}
	}
}

func TestLastValueStaysExported(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("v1")
	export(t, p, result(1))
	failed := result(1)
	failed.Status, failed.Tick, failed.Observations = sentinel.Error, tick.Add(time.Hour), nil
	export(t, p, failed)
	text := scrape(p)
	for _, want := range []string{
		`sentinel_check_status{warehouse="shop",dataset="public.t_1",check="shop.public.t_1/row_count",kind="row_count"} 4`,
		`sentinel_rows{warehouse="shop",dataset="public.t_1",check="shop.public.t_1/row_count",segment=""} 1`,
		`sentinel_check_last_run_timestamp_seconds{warehouse="shop",dataset="public.t_1",check="shop.public.t_1/row_count"} 1.8e+09`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %s in\n%s", want, text)
		}
	}
	for name, want := range map[string]string{
		"last_run": "1.8e+09", "last_try": "1.8000036e+09", "last_good": "1.8e+09",
	} {
		line := `sentinel_check_` + name + `_timestamp_seconds{warehouse="shop",dataset="public.t_1",` +
			`check="shop.public.t_1/row_count"} ` + want + "\n"
		if !strings.Contains(text, line) {
			t.Errorf("missing %s in\n%s", line, text)
		}
	}
	p.Keep(nil, nil)
	if strings.Contains(scrape(p), "t_1") {
		t.Error("a check taken out of the configuration is still exported")
	}
}

func TestDescribeReplacesOwnerAndTier(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("v1")
	table := sentinel.Table{Warehouse: "shop", Schema: "public", Name: "orders"}
	p.TicksMissed(table, 2)
	p.Set(exporters.Risk, 0.5, "shop", "public.orders")
	for _, owner := range []string{"ann", "bob", "bob", "cy"} {
		p.Describe(table, owner, "critical")
	}
	text := scrape(p)
	for _, want := range []string{
		`sentinel_dataset_info{warehouse="shop",dataset="public.orders",owner="cy",tier="critical"} 1`,
		`sentinel_ticks_missed_total{warehouse="shop",dataset="public.orders"} 2`,
		`sentinel_risk{warehouse="shop",dataset="public.orders"} 0.5`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %s in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "\nsentinel_dataset_info{"); n != 1 {
		t.Errorf("%d owners in\n%s", n, text)
	}
}

func TestC40ACapOnSeries(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("v1")
	p.MaxSeries = 10
	for i := range 10 {
		export(t, p, result(i))
	}
	if text := scrape(p); strings.Count(
		text,
		"\nsentinel_rows{",
	)+strings.Count(
		text,
		"\nsentinel_freshness_seconds{",
	) > 10 ||
		!strings.Contains(text, "sentinel_series_dropped 50") {
		t.Error(text)
	}
}

// TestSeriesChangeDuringScrapes holds that every scrape has each check once, with values
// that it had, while checks are added and removed.
func TestSeriesChangeDuringScrapes(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("v1")
	const n = 500 // more than one buffer of the answer
	for i := range n {
		export(t, p, result(i))
	}
	var writing sync.WaitGroup
	stop := make(chan struct{})
	writing.Go(func() {
		for k := 1; ; k++ {
			select {
			case <-stop:
				return
			default:
			}
			r := result(k % n)
			switch k / n % 3 {
			case 0:
				r.Observations[0].Value = sentinel.Int(1_000_000_000)
			case 1:
				r.Status, r.Observations = sentinel.Error, nil
			}
			if err := p.Export(t.Context(), []sentinel.Result{r, result(n + k)}); err != nil {
				t.Error(err)
			}
			if k%n == 0 {
				p.Keep(nil, nil)
				for i := range n {
					if err := p.Export(t.Context(), []sentinel.Result{result(i)}); err != nil {
						t.Error(err)
					}
				}
			}
		}
	})
	parser := expfmt.NewTextParser(model.UTF8Validation)
	for range 10 {
		families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(p)))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, m := range families["sentinel_rows"].GetMetric() {
			check := ""
			for _, l := range m.GetLabel() {
				if l.GetName() == "check" {
					check = l.GetValue()
				}
			}
			i := 0
			if _, err := fmt.Sscanf(check, "shop.public.t_%d/row_count", &i); err != nil {
				t.Fatal(check, err)
			}
			if v := m.GetGauge().GetValue(); seen[check] ||
				v != 1_000_000_000 && v != result(i).Observations[0].Value.Float64() {
				t.Errorf("%s: %v, seen before: %t", check, v, seen[check])
			}
			seen[check] = true
		}
	}
	close(stop)
	writing.Wait()
}

func FuzzLabels(f *testing.F) {
	f.Add("a\"b\\c\nd", "ü\xff")
	f.Fuzz(func(t *testing.T, check, segment string) {
		p := exporters.NewPrometheus("v1")
		r := result(1)
		r.Check, r.Observations[0].Segment = check, segment
		export(t, p, r)
		parser := expfmt.NewTextParser(model.UTF8Validation)
		if _, err := parser.TextToMetricFamilies(bytes.NewReader([]byte(scrape(p)))); err != nil {
			t.Errorf("%v", err)
		}
	})
}

var update = flag.Bool("update", false, "write docs/metrics.md")

// TestMetricsAreDocumented holds docs/metrics.md to the table of metrics; run
// with -update to write it.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(
		"# Metrics\n\nThis page is for those who write queries, alerts or dashboards: it lists every metric of the agent.\n" +
			"`go test ./exporters -update` writes it from the table that registers them.\n\n" +
			"A series appears once there is something to report. /metrics also has the metrics of the Go runtime\n" +
			"and of the process (`go_*`, `process_*`).\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n",
	)
	for _, m := range exporters.Metrics() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(m.Labels, ", "), m.Help)
	}
	const page = "../docs/metrics.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != b.String() {
		t.Errorf("docs/metrics.md is not as the metrics are: run go test ./exporters -update (%v)", err)
	}
}

func TestExemplarsComeWithOpenMetrics(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("test")
	p.ObserveTraced(exporters.CheckDuration, 0.2, "0af7651916cd43dd8448eb211c80319c", "shop")
	if err := p.Export(t.Context(), []sentinel.Result{sample()}); err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]bool{"application/openmetrics-text;version=1.0.0": true, "text/plain": false} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if got := strings.Contains(w.Body.String(), `# {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.2`); got != want {
			t.Errorf("%s: an exemplar: %t", accept, got)
		}
		if ended := strings.HasSuffix(w.Body.String(), "# EOF\n"); ended != want ||
			!strings.Contains(w.Body.String(), "sentinel_check_status{") {
			t.Errorf("%s: %s", accept, w.Body.String())
		}
	}
	families, err := p.Gather()
	if err != nil || len(families) < 3 {
		t.Errorf("%d families, %v", len(families), err)
	}
}

// TestCountersOfDatasetsAreExact holds that concurrent increments and scrapes lose no
// count, and that every scrape is complete.
func TestCountersOfDatasetsAreExact(t *testing.T) {
	t.Parallel()
	p := exporters.NewPrometheus("v1")
	tables := map[sentinel.Table]bool{}
	for i := range 3 {
		table := result(i).Table
		tables[table] = true
		p.Add(exporters.TicksMissed, 0, table.Warehouse, exporters.DatasetLabel(table))
		if text := scrape(p); !strings.Contains(
			text,
			fmt.Sprintf("sentinel_ticks_missed_total{warehouse=\"shop\",dataset=\"public.t_%d\"} 0\n", i),
		) {
			t.Errorf("a dataset without missed ticks has no counter:\n%s", text)
		}
	}
	var parts sync.WaitGroup
	for range 4 {
		parts.Go(func() {
			for i := range 500 {
				p.TicksMissed(result(i%3).Table, 2)
				p.Add(exporters.Repairs, 1, "shop", "public.t_0", "sql", []string{"failed", "succeeded"}[i%2])
				p.Set(exporters.Risk, 0.5, "shop", "public.t_1")
				export(t, p, result(i))
			}
		})
		parts.Go(func() {
			for range 20 {
				parser := expfmt.NewTextParser(model.UTF8Validation)
				if _, err := parser.TextToMetricFamilies(strings.NewReader(scrape(p))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	parts.Wait()
	text := scrape(p)
	for _, want := range []string{
		`sentinel_ticks_missed_total{warehouse="shop",dataset="public.t_0"} 1336`,
		`sentinel_ticks_missed_total{warehouse="shop",dataset="public.t_1"} 1336`,
		`sentinel_ticks_missed_total{warehouse="shop",dataset="public.t_2"} 1328`,
		`sentinel_repairs_total{warehouse="shop",dataset="public.t_0",action="sql",outcome="failed"} 1000`,
		`sentinel_repairs_total{warehouse="shop",dataset="public.t_0",action="sql",outcome="succeeded"} 1000`,
		`sentinel_risk{warehouse="shop",dataset="public.t_1"} 0.5`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing %s", want)
		}
	}
	p.Forget(exporters.Risk, "shop", "public.t_1")
	delete(tables, result(0).Table)
	p.Keep(nil, tables)
	if text := scrape(p); strings.Contains(text, "t_0") || strings.Contains(text, "sentinel_risk{") ||
		!strings.Contains(text, `dataset="public.t_1"} 1336`) {
		t.Errorf("want only the risk and the removed dataset gone:\n%s", text)
	}
}

func TestSeriesOfAMetricAreContiguous(t *testing.T) {
	t.Parallel()
	for accept, counter := range map[string]string{
		"application/openmetrics-text;version=1.0.0": "sentinel_ticks_missed",
		"text/plain": "sentinel_ticks_missed_total",
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		everything(t).ServeHTTP(w, r)
		text, seen := w.Body.String(), map[string]bool{}
		if !strings.Contains(text, "# HELP "+counter+" Ticks that ") ||
			!strings.Contains(
				text,
				"# TYPE "+counter+" counter\n"+`sentinel_ticks_missed_total{warehouse="a",dataset="a"} 1`+"\n",
			) {
			t.Errorf("%s: %s", accept, text)
		}
		block := ""
		for line := range strings.Lines(text) {
			if name, is := strings.CutPrefix(line, "# TYPE "); is {
				if block, _, _ = strings.Cut(name, " "); seen[block] && strings.HasPrefix(block, "sentinel_") {
					t.Errorf("%s: %s twice", accept, block)
				}
				seen[block] = true
			} else if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, block) {
				t.Errorf("%s: in the block of %s: %s", accept, block, line)
			}
		}
	}
}
