package store_test

import (
	"context"
	"crypto/sha256"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

var (
	orders    = sentinel.Table{Warehouse: "shop", Schema: "public", Name: "orders"}
	customers = sentinel.Table{Warehouse: "shop", Schema: "public", Name: `odd."name`}
)

const everyMinute = "* * * * *"

func open(tb testing.TB, path string) *store.Store {
	tb.Helper()
	return openURL(tb, "sqlite:"+path)
}

// openNew is an empty state: in PostgreSQL for what runs under [TestOnPostgres].
func openNew(tb testing.TB) *store.Store {
	tb.Helper()
	if strings.HasPrefix(tb.Name(), "TestOnPostgres/") {
		return openURL(tb, testenv.Postgres(tb))
	}
	return open(tb, filepath.Join(tb.TempDir(), "s.db"))
}

func openURL(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func at(n int) time.Time { return time.Unix(int64(1_800_000_000+60*n), 0).UTC() }

func batch(n int) store.Batch {
	return store.Batch{
		Ticks: []store.TickRecord{{Schedule: everyMinute, Table: orders, Tick: at(n)}},
		Results: []sentinel.Result{{
			Check: "rows", Kind: "row_count", Table: orders, Tick: at(n), Status: sentinel.Pass, Message: "fine",
			Observations: []sentinel.Observation{
				{Metric: "row_count", Value: sentinel.Int(9007199254740993 + int64(n))},
				{Metric: "ratio", Value: sentinel.Float(0.5)},
				{Metric: "nothing"},
			},
		}},
	}
}

func record(tb testing.TB, s *store.Store, b store.Batch) (dropped int) {
	tb.Helper()
	dropped, err := s.Record(tb.Context(), b)
	if err != nil {
		tb.Fatal(err)
	}
	return dropped
}

func values(tb testing.TB, s *store.Store, metric, segment string, limit int) (out []float64) {
	tb.Helper()
	points, err := s.Points(tb.Context(), store.Series{Check: "rows", Metric: metric, Segment: segment}, time.Time{}, limit)
	if err != nil {
		tb.Fatal(err)
	}
	if !slices.IsSortedFunc(points, func(a, b sentinel.Point) int { return a.Time.Compare(b.Time) }) {
		tb.Errorf("points are not oldest first: %v", points)
	}
	for _, p := range points {
		out = append(out, p.Value)
	}
	return out
}

func TestWhatIsRecordedIsRemembered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	for n := range 5 {
		if dropped := record(t, s, batch(n)); dropped != 0 {
			t.Errorf("tick %d is new: %d results dropped", n, dropped)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if got := values(t, s, "row_count", "", 3); len(got) != 3 || got[2] != 9007199254740997 {
		t.Errorf("the newest three: %v", got)
	}
	if got := values(t, s, "nothing", "", 9); len(got) != 0 {
		t.Errorf("an absent value is no point: %v", got)
	}
	ticks, err := s.LastTicks(t.Context())
	if err != nil || !ticks[store.TickKey{Schedule: everyMinute, Table: orders}].Equal(at(4)) {
		t.Errorf("last ticks %v, %v", ticks, err)
	}
	runs, err := s.Runs(t.Context(), "rows", at(1), 2)
	if err != nil || len(runs) != 2 || !runs[0].Tick.Equal(at(4)) || runs[0].Message != "fine" {
		t.Errorf("runs %+v, %v", runs, err)
	}
	series, err := s.SeriesOf(t.Context(), "rows")
	if err != nil || len(series) != 3 {
		t.Errorf("series %v, %v", series, err)
	}
}

// The last result comes back whole: what the gate, the page and the metrics
// after a restart show is what was seen.
func TestLastResultIsWhole(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	want := sentinel.Result{
		Check:    "all",
		Kind:     "schema",
		Table:    customers,
		Tick:     at(1),
		Duration: 1500 * time.Microsecond,
		Status:   sentinel.Fail,
		Message:  "two things",
		Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact, AsOf: at(1), Note: "standby"},
		Observations: []sentinel.Observation{
			{Metric: "row_count", Segment: "country=DE", Bucket: at(0), Value: sentinel.Int(math.MaxInt64)},
		},
		Findings: []sentinel.Finding{
			{Key: "k", Status: sentinel.Fail, Message: "m", Observed: sentinel.Float(math.Inf(1)), Expected: "> 0"},
		},
		Drifts: []sentinel.Drift{
			{
				Kind:          sentinel.ColumnRemoved,
				Object:        "note",
				Before:        "text",
				Compatibility: sentinel.Breaking,
				Status:        sentinel.Fail,
			},
		},
		Scores: []sentinel.Score{
			{
				Segment: "country=DE",
				Time:    at(0),
				Value:   12,
				Score:   0.25,
				Low:     math.Inf(-1),
				High:    20.5,
				State:   sentinel.Normal,
				Reason:  "as usual",
			},
		},
	}
	whole := want
	whole.Past = []sentinel.Observation{{Metric: "row_count", Bucket: at(-1), Value: sentinel.Int(1)}} // an observation alone
	record(t, s, store.Batch{Results: []sentinel.Result{whole}})
	got, err := s.LastResults(t.Context(), store.Filter{Table: customers, Check: "all"})
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if other, err := s.LastResults(t.Context(), store.Filter{Table: orders}); err != nil || len(other) != 0 {
		t.Errorf("of another dataset: %v, %v", other, err)
	}

	older := want
	older.Tick, older.Scores = at(0), nil
	record(t, s, store.Batch{Results: []sentinel.Result{older}})
	if got, err := s.LastResults(t.Context(), store.Filter{}); err != nil || len(got) != 1 || !got[0].Tick.Equal(at(1)) {
		t.Errorf("an older result came later and must not win: %+v, %v", got, err)
	}

	learning := want
	learning.Tick, learning.Scores = at(2), []sentinel.Score{{Low: math.NaN(), High: math.NaN(), State: sentinel.Learning}}
	record(t, s, store.Batch{Results: []sentinel.Result{learning}})
	got, err = s.LastResults(t.Context(), store.Filter{})
	if err != nil || len(got) != 1 || len(got[0].Scores) != 1 || !math.IsNaN(got[0].Scores[0].Low) ||
		got[0].Scores[0].State != sentinel.Learning {
		t.Errorf("a score without a range yet: %+v, %v", got, err)
	}
}

func TestATickIsRecordedOnce(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	first := batch(1)
	first.States = []store.State{{Kind: "confirm", Key: "rows", Data: []byte("new")}}
	record(t, s, first)

	again := batch(1)
	again.Results[0].Message, again.Results[0].Observations[1].Value = "doubled", sentinel.Float(9)
	again.States = []store.State{{Kind: "confirm", Key: "rows", Data: []byte("doubled")}}
	again.Incidents = []sentinel.Incident{{ID: "i", Check: "rows", Table: orders, State: sentinel.Open, Opened: at(1)}}
	if dropped := record(t, s, again); dropped != 1 {
		t.Errorf("%d results dropped, want 1", dropped)
	}
	if got := values(t, s, "ratio", "", 9); !slices.Equal(got, []float64{0.5}) {
		t.Errorf("points %v", got)
	}
	if data, ok, err := s.State(t.Context(), "confirm", "rows"); err != nil || !ok || string(data) != "new" {
		t.Errorf("state %s, %v, %v", data, ok, err)
	}
	if open, err := s.OpenIncidents(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("incidents %v, %v", open, err)
	}

	both := batch(1) // a known tick beside a new one of another dataset
	other := both.Results[0]
	other.Check, other.Table = "other", customers
	both.Results = append(both.Results, other)
	both.Ticks = append(both.Ticks, store.TickRecord{Schedule: everyMinute, Table: customers, Tick: at(1)})
	if dropped := record(t, s, both); dropped != 1 {
		t.Errorf("%d results dropped, want the one of orders", dropped)
	}
	if runs, err := s.Runs(t.Context(), "other", time.Time{}, 9); err != nil || len(runs) != 1 {
		t.Errorf("the new dataset's runs: %v, %v", runs, err)
	}
}

func TestSkippedTicksKeepTheirReason(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	record(t, s, store.Batch{Ticks: []store.TickRecord{
		{Schedule: everyMinute, Table: orders, Tick: at(1)},
		{Schedule: everyMinute, Table: orders, Tick: at(2), Skipped: "the one before was still running"},
	}})
	ticks, err := s.Ticks(t.Context(), orders, 9)
	if err != nil || len(ticks) != 2 || ticks[0].Skipped != "the one before was still running" || ticks[1].Skipped != "" {
		t.Errorf("ticks %+v, %v", ticks, err)
	}
	last, err := s.LastTicks(t.Context())
	if err != nil || !last[store.TickKey{Schedule: everyMinute, Table: orders}].Equal(at(2)) {
		t.Errorf("a skipped tick is not due again: %v, %v", last, err)
	}
}

// Many series in one batch, written in groups of several sizes; the value of a
// bucket seen again replaces the one before.
func TestSegmentsAndBuckets(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	const segments = 64 + 2*8 + 3
	for n := range 2 {
		b := batch(n)
		b.Results[0].Observations = nil
		for i := range segments {
			b.Results[0].Observations = append(b.Results[0].Observations, sentinel.Observation{
				Metric:  "row_count",
				Segment: strconv.Itoa(i),
				Bucket:  at(-60),
				Value:   sentinel.Int(int64(1000*n + i)),
			})
		}
		record(t, s, b)
	}
	for i := range segments {
		if got := values(t, s, "row_count", strconv.Itoa(i), 9); !slices.Equal(got, []float64{float64(1000 + i)}) {
			t.Errorf("segment %d: %v", i, got)
		}
	}
	if series, err := s.SeriesOf(t.Context(), ""); err != nil || len(series) != segments {
		t.Errorf("%d series, %v", len(series), err)
	}
	for _, odd := range []string{"größe='ä\u2028'", `"; DROP TABLE series; --`, " ", "\x01\t\n"} {
		b := batch(3)
		b.Ticks, b.Results[0].Observations = nil, []sentinel.Observation{
			{Metric: "row_count", Segment: odd, Value: sentinel.Int(5)},
		}
		record(t, s, b)
		record(t, s, b)
		if got := values(t, s, "row_count", odd, 9); !slices.Equal(got, []float64{5}) {
			t.Errorf("segment %q: %v", odd, got)
		}
	}
}

// Values wait together and go to their series many at a time: wherever one is, it
// is read once, and the newest of a bucket is the one that counts.
func TestNewestValuesAreReadWhereverTheyWait(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	days := func(tick int, values map[int]int64) store.Batch {
		b := batch(tick)
		b.Results[0].Observations = nil
		for day, v := range values {
			b.Results[0].Observations = append(
				b.Results[0].Observations,
				sentinel.Observation{Metric: "row_count", Bucket: at(day), Value: sentinel.Int(v)},
			)
		}
		return b
	}
	many := map[int]int64{}
	for day := range 1500 {
		many[-day] = int64(day)
	}
	record(t, s, days(0, many)) // enough to go to their series at once
	record(t, s, days(1, map[int]int64{-5: 999, 1: 7}))
	expect := func(when string, n int, newest ...float64) {
		t.Helper()
		got := values(t, s, "row_count", "", 5000)
		if len(got) != n || !slices.Equal(got[max(0, len(got)-len(newest)):], newest) {
			t.Errorf(
				"%s: %d values, the newest %v, want %d and %v",
				when,
				len(got),
				got[max(0, len(got)-len(newest)):],
				n,
				newest,
			)
		}
	}
	expect("after a bucket was counted again", 1501, 6, 999, 4, 3, 2, 1, 0, 7)

	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Record(over, days(2, map[int]int64{2: 1})); err == nil {
		t.Error("recorded after the end")
	}
	record(t, s, days(2, map[int]int64{2: 8, -5: 1000}))
	expect("after a write that was taken back", 1502, 6, 1000, 4, 3, 2, 1, 0, 7, 8)

	if _, err := s.Prune(t.Context(), at(2), 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	expect("after pruning", 11, 8, 7, 6, 1000, 4, 3, 2, 1, 0, 7, 8)
}

func TestBaselineMovesOnlyWhenAccepted(t *testing.T) {
	t.Parallel()
	s, ctx := openNew(t), t.Context()
	if _, ok, err := s.Baseline(ctx, "schema"); ok || err != nil {
		t.Errorf("there is none yet: %v, %v", ok, err)
	}
	for n, data := range []string{"first", "second"} {
		b := batch(n)
		b.Baselines = map[string]store.Snapshot{
			"schema": {Data: []byte(data), TakenAt: at(n), AcceptedBy: "sentinel", Why: "first check"},
		}
		record(t, s, b)
	}
	if got, ok, err := s.Baseline(ctx, "schema"); err != nil || !ok || string(got.Data) != "first" ||
		!got.TakenAt.Equal(at(0)) {
		t.Errorf("a later run moved it: %+v, %v, %v", got, ok, err)
	}
	accepted := store.Snapshot{Data: []byte("third"), TakenAt: at(9), AcceptedBy: "ann", Why: "release"}
	entry := store.AuditEntry{At: at(9), Actor: "ann", What: "baseline.accept", Subject: "schema"}
	if err := s.AcceptBaselines(ctx, map[string]store.Snapshot{"schema": accepted}, entry); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Baseline(ctx, "schema"); err != nil || !reflect.DeepEqual(got, accepted) {
		t.Errorf("accepted %+v, %v", got, err)
	}
	if history, err := s.Baselines(ctx, "schema"); err != nil || len(history) != 2 || string(history[1].Data) != "first" {
		t.Errorf("history %+v, %v", history, err)
	}
	for n, of := range []string{"first", "third"} { // only what is current is renewed
		digest := sha256.Sum256([]byte(of))
		b := batch(10 + n)
		b.Renewals = map[string]store.Renewal{"schema": {Data: []byte("renewed " + of), Of: digest[:]}}
		record(t, s, b)
	}
	if got, _, err := s.Baseline(ctx, "schema"); err != nil || string(got.Data) != "renewed third" || got.Why != "release" {
		t.Errorf("renewed %+v, %v", got, err)
	}
}

func TestIncidentsOpenAndResolve(t *testing.T) {
	t.Parallel()
	s, ctx := openNew(t), t.Context()
	put := func(n int, i sentinel.Incident) {
		b := batch(n)
		i.Check, i.Key, i.Table = "rows", "k", orders
		i.Findings = []sentinel.IncidentFinding{{Check: "rows", Key: "k", Opened: i.Opened, Resolved: i.Resolved}}
		b.Incidents = []sentinel.Incident{i}
		record(t, s, b)
	}
	ids := func(list []sentinel.Incident, err error) (out []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			out = append(out, i.ID+" "+string(i.State))
		}
		return out
	}
	put(0, sentinel.Incident{ID: "1", State: sentinel.Open, Opened: at(0), Observed: sentinel.Int(7)})
	if got := ids(s.OpenIncidents(ctx)); !slices.Equal(got, []string{"1 open"}) {
		t.Errorf("open: %v", got)
	}
	put(1, sentinel.Incident{ID: "1", State: sentinel.Resolved, Opened: at(0), Resolved: at(1)})
	if got := ids(s.OpenIncidents(ctx)); len(got) != 0 {
		t.Errorf("open after the end: %v", got)
	}
	// The end of 2 was never recorded: 3 must not be kept out by it.
	put(2, sentinel.Incident{ID: "2", State: sentinel.Open, Opened: at(2)})
	put(3, sentinel.Incident{ID: "3", State: sentinel.Open, Opened: at(3)})
	if got := ids(s.Incidents(ctx, store.IncidentFilter{Check: "rows", Resolved: true})); !slices.Equal(got, []string{"3 open", "2 resolved", "1 resolved"}) {
		t.Errorf("all: %v", got)
	}
	for _, f := range []store.IncidentFilter{{Resolved: true, Limit: 1}, {Check: "rows", Resolved: true, Limit: 1}} {
		if got := ids(s.Incidents(ctx, f)); !slices.Equal(got, []string{"3 open"}) {
			t.Errorf("newest: %v", got)
		}
	}
	if got := ids(s.Incidents(ctx, store.IncidentFilter{Check: "other", Resolved: true})); len(got) != 0 {
		t.Errorf("of a check that found nothing: %v", got)
	}
	two, _, err := s.Incident(ctx, "2")
	if err != nil || two.Findings[0].Open() {
		t.Errorf("a finding outlives its incident: %+v, %v", two, err)
	}
	// One that is opened again has a start of its own.
	put(4, sentinel.Incident{ID: "3", State: sentinel.Resolved, Opened: at(3), Resolved: at(4)})
	put(5, sentinel.Incident{ID: "4", State: sentinel.Resolved, Opened: at(4), Resolved: at(5)})
	put(6, sentinel.Incident{ID: "3", State: sentinel.Open, Opened: at(6)})
	if got := ids(s.Incidents(ctx, store.IncidentFilter{Resolved: true, Limit: 2})); !slices.Equal(got, []string{"3 open", "4 resolved"}) {
		t.Errorf("opened again: %v", got)
	}
}

func TestLabelsMarkPoints(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	for n := range 4 {
		record(t, s, batch(n))
	}
	label := func(from, to int, exclude bool) {
		t.Helper()
		if err := s.Label(t.Context(), store.Label{
			Check:   "rows",
			From:    at(from),
			To:      at(to),
			Exclude: exclude,
			Why:     "migration",
			Who:     "ann",
		}); err != nil {
			t.Fatal(err)
		}
	}
	label(1, 3, true)
	label(2, 2, false) // taken back
	points, err := s.Points(t.Context(), store.Series{Check: "rows", Metric: "ratio"}, time.Time{}, 9)
	if err != nil {
		t.Fatal(err)
	}
	var bad []bool
	for _, p := range points {
		bad = append(bad, p.Bad)
	}
	if !slices.Equal(bad, []bool{false, true, false, true}) {
		t.Errorf("bad points: %v", bad)
	}
	if err := s.Label(t.Context(), store.Label{Check: "rows", From: at(2), To: at(1)}); err == nil {
		t.Error("a label that ends before it begins was kept")
	}
}
