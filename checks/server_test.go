package checks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestLagIsNoFailureOfTheData: checks that have moved to a standby whose replay
// has stopped. What was late when its newest transaction was committed is late. What only
// the lag makes late is unknown.
func TestLagIsNoFailureOfTheData(t *testing.T) {
	t.Parallel()
	primary, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	write := func(statements ...string) {
		t.Helper()
		if err := primary.Exec(statements...); err != nil {
			t.Fatal(err)
		}
	}
	write("CREATE TABLE fresh (at timestamptz)", "CREATE TABLE stale (at timestamptz)")
	standby, err := testenv.StartStandby(primary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	db, err := warehouse.Open(
		warehouse.Config{
			Name:       "w",
			DSN:        sentinel.NewSecret("postgres://nobody@127.0.0.1:1/postgres"),
			StandbyDSN: []sentinel.Secret{sentinel.NewSecret(standby.DSN)},
			Clock:      sentinel.ClockFunc(time.Now),
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{tb: t, schema: "public", db: db, loc: time.UTC, column: "at"}
	b.env = checks.Env{Clock: sentinel.ClockFunc(time.Now), Warehouse: func(string) (*warehouse.DB, error) { return db, nil }}
	runCheck := func(table string) sentinel.Result {
		t.Helper()
		b.tick = time.Now()
		return b.run(table, &checks.Freshness{Column: "at", Fail: checks.Duration(2 * time.Second)})[0]
	}
	write("INSERT INTO stale VALUES (now() - interval '1 day')", "INSERT INTO fresh VALUES (now())")
	poll(t, func() bool { return runCheck("fresh").Status == sentinel.Pass })
	if got := runCheck("fresh"); !strings.HasSuffix(got.Message, "; taken on standby 1") {
		t.Errorf("without a lag: %q", got.Message)
	}
	if err := standby.Exec("SELECT pg_wal_replay_pause()"); err != nil {
		t.Fatal(err)
	}
	write("INSERT INTO fresh VALUES (now())") // received, and not replayed
	var got sentinel.Result
	poll(t, func() bool { got = runCheck("fresh"); return got.Status != sentinel.Pass })
	if got.Status != sentinel.Unknown ||
		!strings.Contains(got.Message, ": the lag of the standby may be why; taken on standby 1, ") ||
		!strings.HasSuffix(got.Message, "s behind") {
		t.Errorf("late only by the lag: %s %q", got.Status, got.Message)
	}
	if age := got.Observations[0]; age.Metric != "freshness_seconds" || age.Value.Float64() > 1.9 {
		t.Errorf("the lag is not subtracted: %+v", got.Observations)
	}
	if got := runCheck("stale"); got.Status != sentinel.Fail ||
		!strings.Contains(got.Findings[0].Message, "; taken on standby 1, ") {
		t.Errorf("late before the lag: %s %q", got.Status, got.Findings)
	}
	if err := standby.Exec("SELECT pg_wal_replay_resume()"); err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool {
		write("INSERT INTO fresh VALUES (now())")
		return runCheck("fresh").Status == sentinel.Pass
	})
}

// TestWhatAStandbyMayNotHaveYet judges the same answers of several servers.
func TestWhatAStandbyMayNotHaveYet(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 5, 12, 0, 30, 0, time.UTC)
	rel := &warehouse.Table{
		Columns: []warehouse.Column{{Name: "at", Type: warehouse.Type{Family: warehouse.Timestamp, Zoned: true}}},
	}
	known := checks.Known{Relation: rel, Catalog: &warehouse.Catalog{AsOf: now}}
	hourly := &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "hour"}, Fail: bound(t, "< 100")}
	daily := &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "< 100")}
	parts := &checks.RowCount{Fail: bound(t, "< 0"), ExpectedPartitions: &checks.Partitions{Every: "hour", Last: 2}}
	fresh := &checks.Freshness{Fail: checks.Duration(time.Hour)}
	deadline := &checks.Freshness{Expected: "0 12 * * *"}
	newest := func(age time.Duration) checks.Answers {
		return checks.Answers{
			{Key: "newest", Answer: checks.Answer{Number: sentinel.Float(float64(now.Add(-age).Unix())), AsOf: now}},
		}
	}
	few := checks.Answers{{Key: "count", Answer: checks.Answer{Number: sentinel.Int(7), AsOf: now}}, {Key: "buckets"}}
	behind := func(d time.Duration) checks.Server {
		return checks.Server{Place: "standby 1", Standby: true, Lag: warehouse.Lag{Behind: d}}
	}
	silent := checks.Server{Standby: true, Lag: warehouse.Lag{Unknown: "replication has stopped"}}
	moved := silent
	moved.Place = "standby 1"
	for _, c := range []struct {
		name    string
		check   checks.Check
		answers checks.Answers
		server  checks.Server
		want    sentinel.Status
	}{
		{"age, primary", fresh, newest(61 * time.Minute), checks.Server{}, sentinel.Fail},
		{"age, the lag explains it", fresh, newest(61 * time.Minute), behind(2 * time.Minute), sentinel.Unknown},
		{"age, the lag does not explain it", fresh, newest(65 * time.Minute), behind(2 * time.Minute), sentinel.Fail},
		{"age, fresh in spite of the lag", fresh, newest(5 * time.Minute), behind(2 * time.Minute), sentinel.Pass},
		{"age, no lag", fresh, newest(61 * time.Minute), behind(0), sentinel.Fail},
		{"age, promoted", fresh, newest(61 * time.Minute), checks.Server{Place: "standby 1"}, sentinel.Fail},
		{"age, the lag is unknown", fresh, newest(61 * time.Minute), moved, sentinel.Unknown},
		{"age, fresh, the lag is unknown", fresh, newest(5 * time.Minute), moved, sentinel.Pass},
		{"age, dsn is a replica that does not tell", fresh, newest(61 * time.Minute), silent, sentinel.Fail},
		{"deadline, primary", deadline, newest(25 * time.Hour), checks.Server{}, sentinel.Fail},
		{
			"deadline that passed while the standby was behind", deadline, newest(23 * time.Hour), behind(time.Minute),
			sentinel.Pass,
		},
		{
			"deadline missed, as far as the standby knows", deadline, newest(24*time.Hour + time.Minute), behind(time.Minute),
			sentinel.Unknown,
		},
		{"deadline missed for long", deadline, newest(49 * time.Hour), behind(time.Minute), sentinel.Fail},
		{"the last hour, primary", hourly, few, checks.Server{}, sentinel.Fail},
		{"the last hour is not all there", hourly, few, behind(2 * time.Minute), sentinel.Unknown},
		{"the last hour is all there", hourly, few, behind(10 * time.Second), sentinel.Fail},
		{"the last day is all there", daily, few, behind(2 * time.Minute), sentinel.Fail},
		{"a partition, primary", parts, few, checks.Server{}, sentinel.Fail},
		{"an older partition is missing for certain", parts, few, behind(2 * time.Minute), sentinel.Fail},
		{"partitions that may be on their way", parts, few, behind(3 * time.Hour), sentinel.Unknown},
	} {
		if err := c.check.Validate(); err != nil {
			t.Fatal(c.name, err)
		}
		target := checks.Target{Check: "c", TimeColumn: "at", Location: time.UTC, Tick: now, Known: known}
		target.Known.Server = c.server
		if got := c.check.Judge(target, c.answers); got.Status != c.want {
			t.Errorf("%s: %s, want %s: %s", c.name, got.Status, c.want, got.Message)
		}
	}
}
