package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Whatever comes in whatever order, the newest value of an instant is the one that
// is read: of buckets seen again and again, of a past that is filled in later, and
// after a prune.
func TestPointsAreWhatWasRecordedLast(t *testing.T) {
	t.Parallel()
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	s := openNew(t)
	want := map[string]map[int]float64{} // by series and minute
	see := func(name string, minute int, v sentinel.Number) sentinel.Observation {
		if want[name] == nil {
			want[name] = map[int]float64{}
		}
		if delete(want[name], minute); v.Finite() {
			want[name][minute] = v.Float64()
		}
		return sentinel.Observation{Metric: name, Bucket: at(minute), Value: v}
	}
	numbers := []func() sentinel.Number{
		func() sentinel.Number { return sentinel.Int(random.Int64() >> random.IntN(64)) },
		func() sentinel.Number { return sentinel.Float(math.Float64frombits(random.Uint64())) }, // NaN and infinities too
		func() sentinel.Number { return sentinel.Float(float64(random.IntN(5) - 2)) },
		func() sentinel.Number { return sentinel.Number{} },
	}
	compare := func(when string) {
		t.Helper()
		for name, values := range want {
			since, limit := random.IntN(200), 1+random.IntN(300)
			minutes := slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(m int) bool { return m < since })
			minutes = minutes[max(0, len(minutes)-limit):]
			got, err := s.Points(t.Context(), store.Series{Check: "rows", Metric: name}, at(since), limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(minutes) {
				t.Fatalf("%s, %s since %d, at most %d: %d points, want %d", when, name, since, limit, len(got), len(minutes))
			}
			for i, m := range minutes {
				if !got[i].Time.Equal(at(m)) || got[i].Value != values[m] {
					t.Fatalf("%s, %s at minute %d: %+v, want %g", when, name, m, got[i], values[m])
				}
			}
		}
	}
	for n := range 400 {
		r := sentinel.Result{Check: "rows", Kind: "row_count", Table: orders, Tick: at(n)}
		for i := range 1 + random.IntN(12) {
			minute := n
			switch random.IntN(6) {
			case 0:
				minute = n / 60 * 60 // an hour that is not over
			case 1:
				minute = random.IntN(n + 1)
			}
			r.Observations = append(r.Observations, see(fmt.Sprint("m", i), minute, numbers[random.IntN(len(numbers))]()))
		}
		if random.IntN(50) == 0 {
			for m := range 150 {
				r.Past = append(r.Past, see("past", max(0, n-m*random.IntN(3)), sentinel.Int(int64(m))))
			}
		}
		// A store writes what is past first.
		for _, o := range r.Observations {
			see(o.Metric, int(o.Bucket.Sub(at(0))/time.Minute), o.Value)
		}
		record(
			t,
			s,
			store.Batch{
				Ticks:   []store.TickRecord{{Schedule: everyMinute, Table: orders, Tick: at(n)}},
				Results: []sentinel.Result{r},
			},
		)
		if n%97 == 0 {
			compare(fmt.Sprintf("after tick %d", n))
		}
	}
	compare("at the end")
	before := 0
	for _, values := range want {
		for m := range values {
			if m < 250 {
				delete(values, m)
				before++
			}
		}
	}
	pruned, err := s.Prune(t.Context(), at(250+24*60), 24*time.Hour)
	if err != nil || int(pruned.Observations) < before || pruned.Thinned != 0 { // it counts those without a value too
		t.Errorf("%+v pruned, %v; want %d observations at least", pruned, err, before)
	}
	compare("after the prune")
}

// An older state has a row a value. All its values stay, to the last digit.
func TestValuesOfAnOlderStateStay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	scripts, err := filepath.Glob("sqlite/migrations/00[1-6]*.sql")
	if err != nil || len(scripts) != 6 {
		t.Fatalf("scripts %v, %v", scripts, err)
	}
	for _, name := range scripts {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		exec(string(script))
	}
	exec("PRAGMA user_version = 6")
	want := []float64{0.1, 1.0 / 3, 5e-324, math.MaxFloat64, -2.5e-17, 3, -9007199254740993, 0}
	numbers := []any{want[0], want[1], want[2], want[3], want[4], float64(3), int64(-9007199254740993), int64(0)}
	for series, metric := range []string{"ratio", "row_count"} {
		exec("INSERT INTO series (id, check_id, metric, segment) VALUES (?, 'rows', ?, '')", series+1, metric)
		for n := range 200 {
			exec("INSERT INTO observation (series, at, value) VALUES (?, ?, ?)",
				series+1, at(n).UnixMicro(), numbers[n%len(numbers)])
		}
		exec("INSERT INTO observation (series, at, value) VALUES (?, ?, NULL)", series+1, at(200).UnixMicro())
		exec("INSERT INTO recent (series, at, value) VALUES (?, ?, 42), (?, ?, 43)",
			series+1, at(199).UnixMicro(), series+1, at(201).UnixMicro())
	}
	s := open(t, path)
	for _, metric := range []string{"ratio", "row_count"} {
		got := values(t, s, metric, "", 1000)
		if len(got) != 201 || got[199] != 42 || got[200] != 43 {
			t.Fatalf("%s: %d values, at the end %v", metric, len(got), got[max(0, len(got)-3):])
		}
		for n, v := range got[:199] {
			if v != want[n%len(want)] {
				t.Errorf("%s, %d: %g, want %g", metric, n, v, want[n%len(want)])
			}
		}
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	st, err := s.Stats(t.Context())
	if err != nil || st.Observations != 2*202 {
		t.Errorf("stats %+v, %v", st, err)
	}
	record(t, s, batch(300))
	if got := values(t, s, "row_count", "", 1); len(got) != 1 || got[0] != 9007199254741293 {
		t.Errorf("the newest number: %v", got)
	}
}

// Values that cannot be read are said to be damaged, not left out.
func TestDamagedValues(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	for n := range 1600 { // many enough not to wait
		b := batch(n)
		b.Results[0].Observations = b.Results[0].Observations[:1]
		record(t, s, b)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{
		"",
		"[[0,1]]",
		"\x02\x00\x01",
		"\x01\x00\x03",
		"\x01\x00\x02\x01",
		"\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	} {
		result, err := db.Exec("UPDATE block SET points = ? WHERE first = (SELECT min(first) FROM block)", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			t.Fatalf("%d blocks changed, %v", n, err)
		}
		if _, err := s.Points(t.Context(), store.Series{Check: "rows", Metric: "row_count"}, time.Time{}, 5000); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%q: points: %v", text, err)
		}
		if err := s.Verify(t.Context()); !errors.Is(err, store.ErrDamaged) ||
			!strings.Contains(err.Error(), "restore a backup") {
			t.Errorf("%q: verify: %v", text, err)
		}
		if got := values(t, s, "row_count", "", 10); len(got) != 10 {
			t.Errorf("%q: the newest values are whole: %v", text, got)
		}
	}
}

// A command, which knows a part of the series when it begins to write, waits as long
// as an agent before values go to their series.
func TestCommandsLetValuesWait(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	for n := range 20 {
		var b store.Batch
		for i := range 100 {
			table := sentinel.Table{Warehouse: "shop", Schema: "mart", Name: fmt.Sprint("t", i)}
			b.Results = append(b.Results, sentinel.Result{
				Check:        table.String(),
				Kind:         "sql",
				Table:        table,
				Tick:         at(n),
				Observations: []sentinel.Observation{{Metric: "value", Value: sentinel.Int(int64(n))}},
			})
		}
		s, err := store.Open(t.Context(), "sqlite:"+path)
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, b)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var blocks, waiting int
	const query = "SELECT (SELECT count(*) FROM block), (SELECT sum(n) FROM recent)"
	if err := db.QueryRow(query).Scan(&blocks, &waiting); err != nil ||
		blocks != 0 ||
		waiting != 2000 {
		t.Errorf("%d blocks, %d values wait: %v", blocks, waiting, err)
	}
}

// A command finds the series of its checks, however few of all they are, and adds
// those that are new.
func TestCommandsFindTheirSeries(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	count := make([]int, 150)
	for n, some := range [][2]int{{0, 100}, {40, 41}, {90, 93}, {20, 80}, {30, 150}, {149, 150}} {
		var b store.Batch
		for i := some[0]; i < some[1]; i++ {
			count[i]++
			r := sentinel.Result{Check: fmt.Sprint("check ", i), Kind: "sql", Table: orders, Tick: at(n)}
			for _, segment := range []string{"", "country=DE"} {
				r.Observations = append(
					r.Observations,
					sentinel.Observation{Metric: "value", Segment: segment, Value: sentinel.Int(int64(1000*n + i + len(segment)))},
				)
			}
			b.Results = append(b.Results, r)
		}
		s, err := store.Open(t.Context(), "sqlite:"+path)
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, b)
		for i := some[0]; i < some[1]; i++ {
			for _, segment := range []string{"", "country=DE"} {
				points, err := s.Points(t.Context(), store.Series{Check: fmt.Sprint("check ", i), Metric: "value", Segment: segment}, at(0), 10)
				if err != nil || len(points) != count[i] || points[count[i]-1].Value != float64(1000*n+i+len(segment)) {
					t.Fatalf("check %d, segment %q, command %d: %v, %v; want %d", i, segment, n, points, err, count[i])
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
