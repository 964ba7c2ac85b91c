package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// largeBatch is a tick whose runs and values do not compress.
func largeBatch(n int, at time.Time) (b store.Batch) {
	b.Ticks = []store.TickRecord{{Schedule: everyMinute, Table: orders, Tick: at}}
	for i := range 40 {
		text := ""
		for k := range 8 {
			text += fmt.Sprintf("%016x ", uint64((n*40+i)*8+k+1)*0x9e3779b97f4a7c15)
		}
		b.Results = append(b.Results, sentinel.Result{
			Check: fmt.Sprint("check ", i), Kind: "sql", Table: orders, Tick: at, Message: text,
			Observations: []sentinel.Observation{{Metric: "value", Value: sentinel.Float(float64(n*i) / 7)}},
		})
	}
	return b
}

// What is beyond the size goes, the oldest days first and no more than must, and the rest
// stays as it was.
func TestRetentionBySize(t *testing.T) {
	t.Parallel()
	s, ctx := openNew(t), t.Context()
	begin := at(0).Truncate(24 * time.Hour)
	const days, aDay = 30, 12
	for n := range days * aDay {
		b := largeBatch(n, begin.Add(time.Duration(n)*24*time.Hour/aDay))
		b.Baselines = map[string]store.Snapshot{"schema": {Data: []byte("one")}}
		record(t, s, b)
	}
	now := begin.Add(days * 24 * time.Hour)
	used, err := s.Used(ctx)
	if err != nil || used < 1_000_000 {
		t.Fatalf("%d bytes are used, %v", used, err)
	}
	if c, err := s.PruneTo(ctx, now, used+1); err != nil || !c.Before.IsZero() || c.Ticks+c.Observations > 0 {
		t.Errorf("it fits: %+v, %v", c, err)
	}
	limit := used * 2 / 3
	c, err := s.PruneTo(ctx, now, limit)
	if err != nil || c.Used > limit || c.Before.IsZero() || !c.Before.Equal(c.Before.Truncate(24*time.Hour)) {
		t.Fatalf("%+v, %v; want at most %d", c, err, limit)
	}
	if lost := c.Before.Sub(begin); lost > 12*day {
		t.Errorf("%s of %d days went for a third of the bytes", lost, days)
	}
	ticks, err := s.Ticks(ctx, orders, 1<<20)
	if err != nil || int64(days*aDay-len(ticks)) != c.Ticks || ticks[len(ticks)-1].Tick != c.Before {
		t.Errorf("%d ticks are left, %v; %+v", len(ticks), err, c)
	}
	for i := range 40 {
		check := fmt.Sprint("check ", i)
		points, err := s.Points(ctx, store.Series{Check: check, Metric: "value"}, time.Time{}, 1<<20)
		if err != nil || len(points) != len(ticks) || !points[0].Time.Equal(c.Before) {
			t.Fatalf("%d points of check %d are left, %v", len(points), i, err)
		}
		runs, err := s.Runs(ctx, check, time.Unix(0, 0), 1<<20)
		if err != nil || len(runs) != len(ticks) {
			t.Fatalf("%d runs of check %d are left, %v", len(runs), i, err)
		}
	}
	// The last day stays, however little space there may be. What is no history does too.
	if c, err = s.PruneTo(ctx, now, 1); err != nil || c.Used < 1 || !c.LastDay {
		t.Errorf("%+v, %v", c, err)
	}
	if ticks, err = s.Ticks(ctx, orders, 1<<20); err != nil || len(ticks) != aDay {
		t.Errorf("%d ticks of the last day are left, %v", len(ticks), err)
	}
	if last, err := s.LastResults(ctx, store.Filter{}); err != nil || len(last) != 40 {
		t.Errorf("%d last results are left, %v", len(last), err)
	}
	if _, ok, err := s.Baseline(ctx, "schema"); err != nil || !ok {
		t.Errorf("the baseline is gone: %v", err)
	}
	record(t, s, largeBatch(days*aDay, now)) // it goes on
}

// Both engines measure history alike, and cut it at the same instant. What is no history does not
// count.
func TestSizeOfHistoryIsTheSameOnBothEngines(t *testing.T) {
	t.Parallel()
	begin := at(0).Truncate(24 * time.Hour)
	const days, aDay = 10, 6
	now := begin.Add(days * 24 * time.Hour)
	var sizes [2]int64
	var cuts [2]store.Cut
	for n, s := range []*store.Store{openNew(t), openURL(t, testenv.Postgres(t))} {
		for i := range days * aDay {
			record(t, s, largeBatch(i, begin.Add(time.Duration(i)*24*time.Hour/aDay)))
		}
		var err error
		if sizes[n], err = s.Used(t.Context()); err != nil {
			t.Fatal(err)
		}
		other := store.Batch{States: []store.State{{Kind: "anomaly", Key: "k", Data: make([]byte, 5_000_000)}}}
		for i := range 100 {
			other.Audit = append(other.Audit, store.AuditEntry{At: now, Actor: "ann", What: "test", Detail: strings.Repeat("x", 1000+i)})
		}
		record(t, s, other)
		if used, err := s.Used(t.Context()); err != nil || used != sizes[n] {
			t.Errorf("history took %d bytes, and %d with what is none; %v", sizes[n], used, err)
		}
		if c, err := s.PruneTo(t.Context(), now, sizes[n]); err != nil || c != (store.Cut{Used: sizes[n]}) {
			t.Errorf("it fits: %+v, %v", c, err)
		}
		if cuts[n], err = s.PruneTo(t.Context(), now, sizes[n]/2); err != nil || cuts[n].LastDay || cuts[n].Used > sizes[n]/2 {
			t.Errorf("%+v, %v", cuts[n], err)
		}
	}
	if sizes[0] != sizes[1] || cuts[0] != cuts[1] || sizes[0] < 200_000 {
		t.Errorf("SQLite has %d bytes and %+v, PostgreSQL %d and %+v", sizes[0], cuts[0], sizes[1], cuts[1])
	}
}
