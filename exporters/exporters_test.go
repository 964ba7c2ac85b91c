package exporters_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
)

var morning = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// sample returns a result with all characters that need escapes.
func sample() sentinel.Result {
	return sentinel.Result{
		Check: "shop.public.odd, name/row_count", Kind: "row_count", Table: sentinel.Table{
			Warehouse: "shop",
			Schema:    "public",
			Name:      "odd, name",
		}, Tick: morning,
		Duration: 1500 * time.Microsecond, Status: sentinel.Fail, Message: "0 rows,\n\"expected\" > 0", Evidence: sentinel.Evidence{Source: "scan"},
		Observations: []sentinel.Observation{
			{Metric: "row_count", Value: sentinel.Int(9007199254740993), Bucket: morning.Add(-time.Hour)},
			{Metric: "row_count", Segment: "country=D E", Value: sentinel.Float(0.5)},
			{Metric: "row_count", Segment: "none"},
		},
		Findings: []sentinel.Finding{
			{Key: "k", Status: sentinel.Fail, Message: "m", Expected: "> 0", Observed: sentinel.Int(0)},
		},
		Drifts: []sentinel.Drift{{Kind: sentinel.ColumnAdded, Object: "note", Status: sentinel.Warn}},
		Scores: []sentinel.Score{{Score: 0.75}},
	}
}

func ready(t *testing.T, e exporters.Exporter) exporters.Exporter {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func exported(t *testing.T, e exporters.Exporter, path string) string {
	t.Helper()
	if err := ready(t, e).Export(t.Context(), []sentinel.Result{sample()}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestJSONL(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.jsonl")
	const want = `{"time":"2026-03-01T06:00:00Z","warehouse":"shop","dataset":"public.odd, name","check":"shop.public.odd, name/row_count","kind":"row_count","status":"fail","message":"0 rows,\n\"expected\" > 0","duration_seconds":0.0015,"source":"scan","values":[{"metric":"row_count","bucket":"2026-03-01T05:00:00Z","value":9007199254740993,"anomaly_score":0.75},{"metric":"row_count","segment":"country=D E","value":0.5},{"metric":"row_count","segment":"none","value":null}],"findings":[{"key":"k","status":"fail","message":"m","expected":"> 0","observed":0}],"drifts":[{"kind":"column_added","name":"note","status":"warn"}]}` + "\n"
	if got := exported(t, &exporters.JSONL{File: path}, path); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestFileRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.jsonl")
	e := ready(t, &exporters.JSONL{File: path, MaxSize: 1000})
	for range 3 {
		if err := e.Export(t.Context(), []sentinel.Result{sample()}); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(path + ".1")
	if err != nil || strings.Count(string(old), "\n") != 2 {
		t.Errorf("%d lines in the old file, %v", strings.Count(string(old), "\n"), err)
	}
	if err := (&exporters.JSONL{MaxSize: -1}).Validate(); err == nil {
		t.Error("a negative size")
	}
	gone := ready(t, &exporters.JSONL{File: filepath.Join(t.TempDir(), "no", "folder")})
	if err := gone.Export(t.Context(), []sentinel.Result{sample()}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestCloudWatch(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "emf.jsonl")
	lines := strings.Split(strings.TrimSpace(exported(t, &exporters.CloudWatch{File: path}, path)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	const want = `{"_aws":{"CloudWatchMetrics":[{"Namespace":"Sentinel","Dimensions":[["warehouse","dataset","check","segment"]],"Metrics":[{"Name":"row_count","Unit":"Count"}]}],"Timestamp":1772344800000},"check":"shop.public.odd, name/row_count","dataset":"public.odd, name","kind":"row_count","message":"0 rows,\n\"expected\" > 0","row_count":0.5,"segment":"country=D E","warehouse":"shop"}`
	var got, wanted any
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(wanted)
	if string(a) != string(b) {
		t.Errorf("got  %s\nwant %s", a, b)
	}
	if !strings.Contains(lines[0], `"status":2`) || !strings.Contains(lines[0], `"row_count":9007199254740993`) {
		t.Error(lines[0])
	}
}

func TestStatsD(t *testing.T) {
	t.Parallel()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	e := ready(t, &exporters.StatsD{Address: socket.LocalAddr().String(), Tags: map[string]string{"env": "prod"}})
	if err := e.Export(t.Context(), []sentinel.Result{sample()}); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	if err := socket.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := socket.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	const tags = "|g|#warehouse:shop,dataset:public.odd_ name,check:shop.public.odd_ " +
		"name/row_count,kind:row_count,env:prod"
	want := "sentinel.check.status:2" + tags + "\nsentinel.row_count:9007199254740993" + tags + "\nsentinel.row_count:0.5" + tags + ",segment:country=D E\nsentinel.anomaly_score:0.75" + tags + ",segment:"
	if got := string(buffer[:n]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Many results are cut into datagrams that a frame can carry.
	var many []sentinel.Result
	for range 20 {
		many = append(many, sample())
	}
	if err := e.Export(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	for lines := 0; lines < 80; {
		n, _, err := socket.ReadFrom(buffer)
		if err != nil || n > 1432 {
			t.Fatalf("a packet of %d bytes, %v", n, err)
		}
		lines += strings.Count(string(buffer[:n]), "\n") + 1
	}
	if err := (&exporters.StatsD{Address: "nowhere"}).Validate(); err == nil {
		t.Error("an address without a port")
	}
}

// destination starts a server that records requests and answers with a status.
func destination(t *testing.T, status int) (url string, got func() (requests []*http.Request, bodies []string)) {
	t.Helper()
	var mu sync.Mutex
	var requests []*http.Request
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		requests, bodies = append(requests, r), append(bodies, string(body))
		mu.Unlock()
		w.WriteHeader(status)
		if status >= 400 {
			if _, err := io.WriteString(w, "bucket is\nfull"); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, func() ([]*http.Request, []string) { mu.Lock(); defer mu.Unlock(); return requests, bodies }
}

func TestInflux(t *testing.T) {
	t.Parallel()
	url, got := destination(t, http.StatusNoContent)
	e := ready(t, &exporters.Influx{URL: sentinel.NewSecret(url), Token: sentinel.NewSecret("s3cret"), Org: "data", Bucket: "b"})
	if err := e.Export(t.Context(), []sentinel.Result{sample()}); err != nil {
		t.Fatal(err)
	}
	requests, bodies := got()
	if r := requests[0]; r.URL.Path != "/api/v2/write" || r.URL.Query().Get("bucket") != "b" ||
		r.Header.Get("Authorization") != "Token s3cret" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
	const tags = `,check=shop.public.odd\,\ name/row_count,dataset=public.odd\,\ name,kind=row_count,warehouse=shop`
	want := `sentinel_check` + tags + ` status=2i,duration_seconds=0.0015,message="0 rows, \"expected\" > 0" 1772344800000000000
sentinel_value` + tags + `,metric=row_count value=9.007199254740992e+15 1772344800000000000
sentinel_value` + tags + `,metric=row_count,segment=country\=D\ E value=0.5 1772344800000000000
`
	if bodies[0] != want {
		t.Errorf("got\n%s\nwant\n%s", bodies[0], want)
	}

	full, _ := destination(t, http.StatusInsufficientStorage)
	secret := strings.Replace(full, "127.0.0.1", "user:hidden@127.0.0.1", 1)
	e = ready(t, &exporters.Influx{URL: sentinel.NewSecret(secret), Bucket: "b"})
	if err := e.Export(t.Context(), []sentinel.Result{sample()}); err == nil ||
		!strings.Contains(err.Error(), "influx: answered 507 Insufficient Storage: bucket is full") ||
		strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
	nobody := ready(t, &exporters.Influx{URL: sentinel.NewSecret("http://user:hidden@127.0.0.1:1"), Bucket: "b"})
	if err := nobody.Export(t.Context(), []sentinel.Result{sample()}); err == nil ||
		strings.Contains(err.Error(), "hidden") {
		t.Errorf("%v", err)
	}
}

func TestOpenLineage(t *testing.T) {
	t.Parallel()
	url, got := destination(t, http.StatusCreated)
	e := ready(
		t,
		&exporters.OpenLineage{
			URL:      sentinel.NewSecret(url + "/api/v1/lineage"),
			Token:    sentinel.NewSecret("s3cret"),
			Datasets: map[string]string{"shop": "postgres://db:5432"},
		},
	)
	blind := sample()
	blind.Status = sentinel.Error
	for range 2 {
		if err := e.Export(t.Context(), []sentinel.Result{sample(), blind}); err != nil {
			t.Fatal(err)
		}
	}
	requests, bodies := got()
	if len(bodies) != 2 || bodies[0] != bodies[1] || requests[0].Header.Get("Authorization") != "Bearer s3cret" {
		t.Fatalf("%d events; the same result is the same run, and what could not run is none", len(bodies))
	}
	var event struct {
		EventType, EventTime string
		Run                  struct{ RunID string }
		Job                  struct{ Namespace, Name string }
		Inputs               []struct {
			Namespace, Name string
			InputFacets     struct {
				DataQualityAssertions struct {
					Assertions []struct {
						Assertion string
						Success   bool
					}
				}
				DataQualityMetrics struct{ RowCount json.Number }
			}
		}
	}
	if err := json.Unmarshal([]byte(bodies[0]), &event); err != nil {
		t.Fatal(err)
	}
	in := event.Inputs[0]
	if event.EventType != "COMPLETE" || len(event.Run.RunID) != 36 || event.Run.RunID[14] != '5' ||
		event.Job.Name != sample().Check || in.Namespace != "postgres://db:5432" || in.Name != "public.odd, name" ||
		in.InputFacets.DataQualityAssertions.Assertions[0].Assertion != "row_count.k" ||
		in.InputFacets.DataQualityAssertions.Assertions[0].Success ||
		in.InputFacets.DataQualityMetrics.RowCount != "9007199254740993" {
		t.Errorf("%s", bodies[0])
	}
}

// stuck is an exporter that blocks until the test releases it.
type stuck struct {
	exporters.JSONL
	let    chan struct{}
	mu     sync.Mutex
	taken  int
	closed bool
}

func (s *stuck) Export(context.Context, []sentinel.Result) error {
	<-s.let
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	return nil
}

func (s *stuck) Close(context.Context) error { s.closed = true; return nil }

func TestSlowDestinationDoesNotBlock(t *testing.T) {
	t.Parallel()
	slow := &stuck{let: make(chan struct{})}
	dropped := 0
	var mu sync.Mutex
	q := &exporters.Queue{Exporter: slow, Name: "slow", Size: 10, Observer: lost(func(_ string, n int, err error) {
		mu.Lock()
		defer mu.Unlock()
		dropped += n
		if !strings.Contains(err.Error(), "too slow") {
			t.Error(err)
		}
	})}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); q.Run(ctx) }()
	for range 50 { // none of these waits
		if err := q.Export(t.Context(), []sentinel.Result{sample()}); err != nil {
			t.Fatal(err)
		}
	}
	close(slow.let)
	stop()
	<-done
	mu.Lock()
	defer mu.Unlock()
	if slow.taken+dropped != 50 || slow.taken < 10 || !slow.closed {
		t.Errorf("%d arrived, %d dropped, closed: %t", slow.taken, dropped, slow.closed)
	}
}

// failing is a destination that takes nothing.
type failing struct{ stuck }

func (*failing) Export(context.Context, []sentinel.Result) error { return errors.New("refused") }

// TestClosedQueueLosesNothingInSilence: each result arrives, is reported as lost, or is
// refused by the queue. Results are counted, not batches.
func TestClosedQueueLosesNothingInSilence(t *testing.T) {
	t.Parallel()
	dropped := 0
	q := &exporters.Queue{Exporter: &failing{}, Name: "refusing", Observer: lost(func(_ string, n int, err error) {
		dropped += n
		if !strings.Contains(err.Error(), "refused") {
			t.Error(err)
		}
	})}
	for range 20 {
		if err := q.Export(t.Context(), []sentinel.Result{sample(), sample(), sample()}); err != nil {
			t.Fatal(err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	q.Run(ended)
	if dropped != 60 {
		t.Errorf("%d of 60 results are reported as lost", dropped)
	}
	if err := q.Export(t.Context(), []sentinel.Result{sample()}); !errors.Is(err, exporters.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestEveryExporterHasAPage holds the registry to the docs.
func TestEveryExporterHasAPage(t *testing.T) {
	t.Parallel()
	for _, kind := range exporters.Kinds() {
		if _, err := os.Stat("../docs/exporters/" + kind + ".md"); err != nil {
			t.Error(err)
		}
	}
	if _, err := exporters.New("carrier_pigeon"); err == nil ||
		!strings.Contains(err.Error(), "want one of cloudwatch, influx, jsonl") {
		t.Errorf("%v", err)
	}
}

// lost makes a function a QueueObserver.
type lost func(exporter string, results int, err error)

func (f lost) Lost(exporter string, results int, err error) { f(exporter, results, err) }
