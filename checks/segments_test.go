package checks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
)

// segmentHistory is what a store remembers of one check.
type segmentHistory struct {
	history
	stored checks.StoredSegments
	points map[string][]sentinel.Point // by segment
}

func (h *segmentHistory) Points(_ context.Context, _ string, s checks.Series) ([]sentinel.Point, error) {
	return h.points[s.Segment], nil
}

func (h *segmentHistory) Segments(_ context.Context, ids []string) (map[string]checks.StoredSegments, error) {
	return map[string]checks.StoredSegments{ids[0]: h.stored}, nil
}

// record keeps an outcome as the agent does.
func (h *segmentHistory) record(t testing.TB, o checks.Outcome) sentinel.Result {
	t.Helper()
	r := o.Results[0]
	if m := o.Segments[r.Check]; m != nil {
		m.Hold(&r)
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if m.Changed {
			h.stored.Memory = data
		} else if string(data) != string(h.stored.Memory) {
			t.Fatalf("the memory changed without a word: %s\n%s", h.stored.Memory, data)
		}
	}
	for _, o := range r.Observations {
		h.points[o.Segment] = append(h.points[o.Segment], sentinel.Point{Time: r.Tick, Value: o.Value.Float64()})
	}
	return r
}

// accept accepts a segment as gone.
func (h *segmentHistory) accept(t testing.TB, segment string) {
	t.Helper()
	m, err := h.stored.Decode()
	if err != nil {
		t.Fatal(err)
	}
	accepted := checks.AcceptedSegments{}
	for _, k := range m.Known {
		if k.Name == segment {
			accepted[segment] = k.First
		}
	}
	if h.stored.Accepted, err = json.Marshal(accepted); err != nil {
		t.Fatal(err)
	}
}

// segmentOracle says by plain arithmetic what a check must say.
type segmentOracle struct {
	rows     map[string]int // of the segments that had rows, and whose end is not accepted
	previous map[string]int
	held     map[string]bool // keys of findings since a segment is gone
	fail     int             // fails below
	change   bool            // fails when more than half is lost
}

// judge returns the keys of the findings that fail, and the status.
func (o *segmentOracle) judge() (bad []string, status sentinel.Status) {
	unknown := false
	for segment, n := range o.rows {
		before, had := o.previous[segment]
		keys := map[string]bool{segment: n < o.fail}
		switch {
		case !o.change:
		case !had:
			unknown = true
		case before == 0:
			unknown = unknown || n == 0 && !o.held["change:"+segment]
		default:
			keys["change:"+segment] = float64(n-before)/float64(before) < -0.5
		}
		for _, key := range []string{segment, "change:" + segment} {
			o.held[key] = n == 0 && (o.held[key] || keys[key])
			if keys[key] || o.held[key] {
				bad = append(bad, key)
			}
		}
		o.previous[segment] = n
	}
	if len(o.rows) == 0 {
		if o.fail > 0 {
			return []string{""}, sentinel.Fail
		}
		unknown = o.change
	}
	slices.Sort(bad)
	switch {
	case len(bad) > 0:
		return bad, sentinel.Fail
	case unknown:
		return nil, sentinel.Unknown
	}
	return nil, sentinel.Pass
}

// TestSegmentHistories lets segments come, shrink, vanish, come back and be accepted as
// gone, and compares every tick with the oracle.
func TestSegmentHistories(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec(`CREATE TABLE t (country VARCHAR(20))`)
		for seed := range uint64(6) {
			segmentHistoryRound(b, seed)
		}
	})
}

func segmentHistoryRound(b *bench, seed uint64) {
	b.exec(`DELETE FROM t`)
	r := rand.New(rand.NewPCG(seed, 19))
	oracle := &segmentOracle{
		rows: map[string]int{}, previous: map[string]int{}, held: map[string]bool{},
		fail: []int{0, 1, 4}[seed%3], change: seed%3 == 0 || seed%2 == 1,
	}
	check := &checks.RowCount{By: []string{"country"}}
	if oracle.fail > 0 {
		check.Fail = bound(b.tb, fmt.Sprintf("< %d", oracle.fail))
	}
	if oracle.change {
		check.Change = &checks.Change{Fail: bound(b.tb, "< -50%")}
	}
	h := &segmentHistory{points: map[string][]sentinel.Point{}}
	b.env.History = h
	job := b.job("t", check)
	log := ""
	for range 25 {
		log += segmentStep(b, r, oracle, h)
		job.Tick = job.Tick.Add(time.Minute)
		got := h.record(b.tb, checks.Run(b.tb.Context(), b.env, "w", []checks.Job{job})[0])
		var bad []string
		for _, f := range got.Findings {
			if f.Status.Bad() {
				bad = append(bad, f.Key)
			}
		}
		slices.Sort(bad)
		wantBad, status := oracle.judge()
		log += fmt.Sprintf(" = %s %v;", status, wantBad)
		if got.Status != status || !slices.Equal(bad, wantBad) {
			b.tb.Fatalf("%s, seed %d, fail < %d, change %v: %s\ngot %s %v: %s", b.name, seed, oracle.fail, oracle.change,
				log, got.Status, bad, got.Message)
		}
	}
}

// segmentStep changes the rows of the table, or accepts a segment, and tells the oracle.
func segmentStep(b *bench, r *rand.Rand, oracle *segmentOracle, h *segmentHistory) string {
	var gone []string
	for _, s := range slices.Sorted(maps.Keys(oracle.rows)) {
		if oracle.rows[s] == 0 {
			gone = append(gone, s)
		}
	}
	if len(gone) > 0 && r.IntN(4) == 0 {
		segment := gone[r.IntN(len(gone))]
		h.accept(b.tb, segment)
		delete(oracle.rows, segment)
		delete(oracle.previous, segment) // it is another segment if it comes back
		delete(oracle.held, segment)
		delete(oracle.held, "change:"+segment)
		return " accept " + segment
	}
	name := []string{"DE", "FR", "IT", "it''s"}[r.IntN(4)]
	n := []int{0, 0, 1, 3, 5, 9, 12}[r.IntN(7)]
	statements := []string{fmt.Sprintf("DELETE FROM t WHERE country = '%s'", name)}
	if n > 0 {
		statements = append(statements, "INSERT INTO t VALUES "+strings.TrimSuffix(strings.Repeat("('"+name+"'),", n), ","))
	}
	b.exec(statements...)
	segment := "country=" + strings.ReplaceAll(name, "''", "'")
	if _, known := oracle.rows[segment]; known || n > 0 {
		oracle.rows[segment] = n
	}
	return fmt.Sprintf(" %s %d", segment, n)
}

// TestSegmentPast reads the past of segments over a change of the clock, and compares it
// with the rows that were written.
func TestSegmentPast(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	onEveryEngine(t, func(b *bench) {
		b.exec(`CREATE TABLE t (country VARCHAR(20), at TIMESTAMP)`)
		b.loc = berlin
		b.tick = time.Date(2026, 11, 10, 12, 0, 0, 0, berlin)
		want := map[string]int64{}
		var rows []string
		add := func(country string, at time.Time) {
			local := at.In(berlin)
			text := local // a column without a zone holds the wall clock
			if b.name == "mysql" {
				text = at.UTC()
			}
			rows = append(rows, fmt.Sprintf("('%s', '%s')", country, text.Format("2006-01-02 15:04:05")))
			want[country+" "+local.Format(time.DateOnly)]++
		}
		for day := range 40 {
			from := time.Date(2026, 11, 10, 0, 30, 0, 0, berlin).AddDate(0, 0, -day)
			for k := range 3 + day%4 {
				add("DE", from.Add(time.Duration(k)*7*time.Hour/2))
			}
			if day > 3 {
				add("FR", from) // gone since three days
			}
			if day > 20 {
				add("IT", from) // gone for long
			}
		}
		b.exec("INSERT INTO t VALUES " + strings.Join(rows, ","))
		check := &checks.RowCount{By: []string{"country"}}
		check.Bucket, check.Anomaly = "day", &anomaly.Config{}
		b.env.History = &newSegments{}
		r := b.run("t", check)[0]
		got := map[string]int64{}
		for _, p := range r.Past {
			n, _ := p.Value.Int64()
			got[strings.TrimPrefix(p.Segment, "country=")+" "+p.Bucket.In(berlin).Format(time.DateOnly)] = n
		}
		for key, n := range want {
			if day := key[3:]; day >= "2026-11-09" || key[:2] == "IT" {
				continue // the judged day, and the running one
			}
			if got[key] != n {
				t.Errorf("%s: %s has %d rows, want %d", b.name, key, got[key], n)
			}
		}
		gone := slices.IndexFunc(r.Observations, func(o sentinel.Observation) bool { return o.Gone })
		if len(r.Observations) != 2 || gone < 0 || r.Observations[gone].Segment != "country=FR" {
			t.Errorf("%s: %+v", b.name, r.Observations)
		}
	})
}

// newSegments is the history of a check that was never run.
type newSegments struct{ segmentHistory }

func (*newSegments) IsNew(context.Context, string) bool { return true }

// TestFreshnessBySegment says which segment is silent, by one statement.
func TestFreshnessBySegment(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec(`CREATE TABLE t (shop INTEGER, at TIMESTAMP)`, `INSERT INTO t VALUES (1, `+b.ago(10*time.Minute)+`), (1, `+
			b.ago(9*time.Hour)+`), (2, `+b.ago(5*time.Hour)+`), (3, `+b.ago(-3*time.Hour)+`), (3, `+b.ago(7*time.Hour)+`)`)
		h := &segmentHistory{points: map[string][]sentinel.Point{}}
		b.env.History = h
		job := b.job("t", &checks.Freshness{By: []string{"shop"}, Fail: hour})
		run := func() sentinel.Result {
			return h.record(b.tb, checks.Run(b.tb.Context(), b.env, "w", []checks.Job{job})[0])
		}
		keys := func(r sentinel.Result) string {
			var out []string
			for _, f := range r.Findings {
				out = append(out, f.Key+" "+f.Status.String())
			}
			slices.Sort(out)
			return strings.Join(out, "; ")
		}
		r := run()
		if got := keys(r); r.Status != sentinel.Fail || got != "future_timestamp:shop=3 warn; shop=2 fail; shop=3 fail" {
			t.Errorf("%s: %s %q %s", b.name, r.Status, got, r.Message)
		}
		b.exec(`DELETE FROM t WHERE shop = 2`, `DELETE FROM t WHERE shop = 3`)
		r = run()
		if got := keys(r); got != "empty:shop=2 fail; empty:shop=3 fail" {
			t.Errorf("%s: shops without rows: %s %q %s", b.name, r.Status, got, r.Message)
		}
		h.accept(b.tb, "shop=2")
		b.exec(`INSERT INTO t VALUES (3, ` + b.ago(0) + `)`)
		r = run()
		if got := keys(r); r.Status != sentinel.Pass || !strings.Contains(r.Message, "2 segments, the oldest shop=1: newest row 10m") {
			t.Errorf("%s: one accepted, one back: %s %q %s", b.name, r.Status, got, r.Message)
		}
		age := r.Observations[len(r.Observations)-2]
		if n := age.Value.Float64(); age.Metric != "freshness_seconds" || age.Segment != "" || n < 599 || n > 700 {
			t.Errorf("%s: the age of the oldest: %+v", b.name, age)
		}
	})
}
