package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestFreshness(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec(
			"CREATE TABLE fresh (id integer, at "+b.plain()+")",
			"INSERT INTO fresh VALUES (1, "+b.ago(10*time.Minute)+"), (2, "+b.ago(30*time.Hour)+")",
			"CREATE TABLE hollow (id integer, at "+b.plain()+")",
		)
		r := b.want("fresh", &checks.Freshness{Warn: 30 * minute, Fail: hour}, sentinel.Pass, "newest row 10m")
		if len(r.Observations) != 2 || r.Observations[0].Metric != "freshness_seconds" ||
			r.Observations[0].Value.Float64() < 590 ||
			r.Observations[0].Value.Float64() > 700 {
			b.tb.Errorf("observations: %+v", r.Observations)
		}
		b.want("fresh", &checks.Freshness{Warn: 5 * minute, Fail: hour}, sentinel.Warn, "expected at most 5m")
		b.want("fresh", &checks.Freshness{Fail: 5 * minute}, sentinel.Fail, "expected at most 5m")
		b.want(
			"fresh",
			&checks.Freshness{Fail: 24 * hour, Options: checks.Options{Where: "id = 2"}},
			sentinel.Fail,
			"newest row 1d 6h old",
		)
		b.want("fresh", &checks.Freshness{Fail: hour, Expression: "nope"}, sentinel.Error, "could not run")
		b.want(
			"fresh",
			&checks.Freshness{Fail: hour, Expression: "CASE WHEN id = 1 THEN at END"},
			sentinel.Pass,
			"newest row 10m",
		)
		b.want("fresh", &checks.Freshness{Fail: hour, Query: "SELECT max(at) FROM fresh"}, sentinel.Pass, "newest row 10m")
		b.want(
			"fresh",
			&checks.Freshness{Fail: hour, Column: "nope"},
			sentinel.Error,
			"column nope does not exist; the table has id, at",
		)
		b.want("hollow", &checks.Freshness{Fail: hour}, sentinel.Fail, "no row has a timestamp")
		b.want("hollow", &checks.Freshness{Fail: hour, OnEmpty: "ignore"}, sentinel.Pass, "no row has a timestamp")
		b.want("missing", &checks.Freshness{Fail: hour}, sentinel.Fail, "the table does not exist")
		b.want("missing", &checks.Freshness{Fail: hour, OnMissing: "unknown"}, sentinel.Unknown, "the table does not exist")
	})
}

func TestC12FutureTimestampsAreNotFresh(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec(
			"CREATE TABLE ahead (id integer, at "+b.plain()+")",
			"INSERT INTO ahead VALUES (1, "+b.ago(-48*time.Hour)+"), (2, "+b.ago(3*time.Hour)+")",
		)
		r := b.want("ahead", &checks.Freshness{Fail: hour}, sentinel.Fail, "newest row 3h")
		keys := map[string]sentinel.Status{}
		for _, f := range r.Findings {
			keys[f.Key] = f.Status
		}
		if keys["future_timestamp"] != sentinel.Warn || keys[""] != sentinel.Fail {
			b.tb.Errorf("findings: %+v", r.Findings)
		}
		b.want("ahead", &checks.Freshness{Fail: 4 * hour}, sentinel.Warn, "ahead of the database's clock")
		b.want("ahead", &checks.Freshness{Fail: 4 * hour, OnFuture: "fail"}, sentinel.Fail, "ahead of the database's clock")
	})
}

func TestC11TimesWithoutAZoneNeedOne(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "mysql"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, name, warehouse.Config{})
			wall := b.tick.Add(-10 * time.Minute).In(berlin).Format("2006-01-02 15:04:05")
			b.exec("CREATE TABLE local (at "+b.plain()+")", "INSERT INTO local VALUES ('"+wall+"')")
			b.loc = nil
			b.want("local", &checks.Freshness{Fail: hour}, sentinel.Error, "set `timezone:`")
			b.loc = berlin
			b.want("local", &checks.Freshness{Fail: hour}, sentinel.Pass, "newest row 10m")
		})
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		due := b.tick.Add(-30 * time.Minute).UTC()
		cron := fmt.Sprintf("%d %d * * *", due.Minute(), due.Hour())
		b.exec("CREATE TABLE daily (at "+b.plain()+")", "INSERT INTO daily VALUES ("+b.ago(26*time.Hour)+")")
		r := b.want(
			"daily",
			&checks.Freshness{Expected: cron},
			sentinel.Fail,
			"missed the deadline of "+due.Format("2006-01-02 15:04"),
		)
		if r.Findings[0].Key != "deadline" {
			b.tb.Errorf("finding %+v", r.Findings[0])
		}
		b.want("daily", &checks.Freshness{Expected: cron, Grace: hour}, sentinel.Pass, "newest row 1d 2h")
		b.exec("INSERT INTO daily VALUES (" + b.ago(20*time.Hour) + ")")
		b.want("daily", &checks.Freshness{Expected: cron}, sentinel.Pass, "newest row 20h")
	})
}

func TestRowCount(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		day := 24 * time.Hour
		b.exec("CREATE TABLE n (id integer, country varchar(2), at " + b.plain() + ")")
		for i := range 5 {
			b.exec(
				fmt.Sprintf(
					"INSERT INTO n VALUES (1, 'DE', %[1]s), (2, 'FR', %[1]s), (3, NULL, %[1]s)",
					b.ago(time.Duration(i)*day),
				),
			)
		}
		b.want("n", &checks.RowCount{Fail: bound(t, "< 1")}, sentinel.Pass, "15 rows")
		b.want(
			"n",
			&checks.RowCount{Fail: bound(t, "not between 20 and 30")},
			sentinel.Fail,
			"15 rows, expected between 20 and 30",
		)
		b.want(
			"n",
			&checks.RowCount{Warn: bound(t, "< 20"), Fail: bound(t, "< 10")},
			sentinel.Warn,
			"15 rows, expected >= 20",
		)
		b.want(
			"n",
			&checks.RowCount{Fail: bound(t, "!= 5"), Options: checks.Options{Where: "country = 'DE'"}},
			sentinel.Pass,
			"5 rows",
		)
		r := b.want(
			"n",
			&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "!= 3")},
			sentinel.Pass,
			"3 rows for "+b.tick.Add(-day).UTC().Format(time.DateOnly),
		)
		if o := r.Observations[0]; !o.Bucket.Equal(b.tick.UTC().Truncate(day).Add(-day)) {
			b.tb.Errorf("bucket %v", o.Bucket)
		}
		r = b.want("n", &checks.RowCount{By: []string{"country"}, Fail: bound(t, "< 5")}, sentinel.Pass, "3 segments")
		var segments []string
		for _, o := range r.Observations {
			segments = append(segments, o.Segment+" "+o.Value.String())
		}
		slices.Sort(segments)
		if got := strings.Join(segments, "; "); got != "country=<null> 5; country=DE 5; country=FR 5" {
			b.tb.Errorf("segments: %s", got)
		}
		r = b.want(
			"n",
			&checks.RowCount{By: []string{"country"}, Limit: 2, Fail: bound(t, "> 4")},
			sentinel.Fail,
			"5 rows in country=",
		)
		if last := r.Observations[len(r.Observations)-1]; last.Segment != "other" || last.Value.String() != "5" ||
			len(r.Findings) != 3 || r.Findings[2].Status != sentinel.Unknown {
			b.tb.Errorf("other: %+v %+v", r.Observations, r.Findings)
		}
		b.want("gone", &checks.RowCount{Fail: bound(t, "< 1")}, sentinel.Fail, "does not exist")
	})
}

func TestExpectedPartitionsListsWhatIsMissing(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		day := 24 * time.Hour
		b.exec("CREATE TABLE p (at " + b.plain() + ")")
		for _, i := range []int{0, 1, 2, 4, 5} {
			b.exec("INSERT INTO p VALUES (" + b.ago(time.Duration(i)*day) + ")")
		}
		missing := b.tick.Add(-3 * day).UTC().Format(time.DateOnly)
		r := b.want(
			"p",
			&checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "day", Last: 5}},
			sentinel.Fail,
			"no rows for "+missing,
		)
		if len(r.Findings) != 1 || r.Findings[0].Key != "missing_partition:"+missing {
			b.tb.Errorf("findings %+v", r.Findings)
		}
		b.exec("INSERT INTO p VALUES (" + b.ago(3*day) + ")")
		b.want(
			"p",
			&checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "day", Last: 5}},
			sentinel.Pass,
			"all of the last 5 days have rows",
		)
	})
}

func TestChangeAgainstThePast(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.exec("CREATE TABLE c (id integer)", "INSERT INTO c VALUES (1), (2), (3), (4)")
	past := &history{}
	b.env.History = past
	change := func(against string, over int) *checks.RowCount {
		return &checks.RowCount{Change: &checks.Change{Against: against, Over: over, Fail: bound(t, "< -50%")}}
	}
	b.want("c", change("previous", 0), sentinel.Unknown, "learning")
	day := 24 * time.Hour
	past.points = []sentinel.Point{
		{Time: b.tick.Add(-7 * day), Value: 5},
		{Time: b.tick.Add(-day), Value: 10},
		{Time: b.tick, Value: 1},
	}
	b.want("c", change("previous", 0), sentinel.Fail, "4 rows, -60.0% against the previous value (10)")
	b.want("c", change("same_day_last_week", 0), sentinel.Pass, "4 rows")
	b.want("c", change("average", 2), sentinel.Pass, "4 rows")
	b.want("c", change("average", 3), sentinel.Unknown, "learning")
	past.points[1].Bad = true
	b.want("c", change("previous", 0), sentinel.Pass, "4 rows")
}

func TestSQL(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE s (n integer)", "INSERT INTO s VALUES (3), (4)")
		b.want("s", &checks.SQL{Query: "SELECT sum(n) FROM s;", Fail: bound(t, "> 7")}, sentinel.Pass, "the query answers 7")
		b.want("s", &checks.SQL{Query: "SELECT sum(n) FROM s", Fail: bound(t, "> 6")}, sentinel.Fail, "expected <= 6")
		b.want(
			"s",
			&checks.SQL{Query: "SELECT max(n) FROM s WHERE n > 9", Fail: bound(t, "> 6")},
			sentinel.Unknown,
			"no value",
		)
		b.want("s", &checks.SQL{Query: "SELECT n FROM s", Fail: bound(t, "> 6")}, sentinel.Error, "want one number")
		b.want("s", &checks.SQL{Query: "SELECT nope FROM s", Fail: bound(t, "> 6")}, sentinel.Error, "could not run")
	})
}

func TestABrokenCheckLeavesItsNeighboursAlone(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE mix (id integer, at "+b.plain()+")", "INSERT INTO mix VALUES (1, "+b.ago(time.Minute)+")")
		results := b.run("mix",
			&checks.RowCount{Fail: bound(t, "< 1")},
			&checks.RowCount{Fail: bound(t, "< 1"), Options: checks.Options{Where: "nope = 1"}},
			&checks.Freshness{Fail: hour})
		for i, want := range []sentinel.Status{sentinel.Pass, sentinel.Error, sentinel.Pass} {
			if results[i].Status != want {
				t.Errorf("%s: %s %s, want %s", results[i].Check, results[i].Status, results[i].Message, want)
			}
		}
	})
}

func TestAllScalarChecksOfATableAreOneStatement(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE one (id integer, at "+b.plain()+")", "CREATE INDEX one_at ON one (at)")
		planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job(
			"one",
			&checks.RowCount{
				Fail: bound(t, "< 1"),
			},
			&checks.RowCount{Fail: bound(t, "< 1"), Options: checks.Options{Where: "id > 1"}},
			&checks.RowCount{
				Bucketed: checks.Bucketed{Bucket: "day"},
				Fail:     bound(t, "< 1"),
			},
			&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "hour"}, Fail: bound(t, "< 1")},
			&checks.Freshness{
				Fail: hour,
			},
			&checks.Freshness{Fail: hour, Options: checks.Options{Where: "id = 7"}},
			&checks.Schema{},
		)})
		if len(planned) != 1 || planned[0].Err != nil {
			t.Fatalf("%d statements: %+v", len(planned), planned)
		}
		if _, err := b.db.Explain(t.Context(), planned[0].Statement); err != nil {
			t.Errorf("%v\n%s", err, planned[0].Statement.SQL)
		}
	})
}

func TestPartitionsArePruned(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE events (id bigint, at timestamptz NOT NULL, updated_at timestamptz) PARTITION BY RANGE (at)")
	day := b.tick.UTC().Truncate(24 * time.Hour)
	for i := range 10 {
		from := day.AddDate(0, 0, i-9)
		b.exec(
			fmt.Sprintf(
				"CREATE TABLE events_%d PARTITION OF events FOR VALUES FROM ('%s') TO ('%s')",
				i,
				from.Format(time.DateOnly),
				from.AddDate(0, 0, 1).Format(time.DateOnly),
			),
		)
	}
	b.exec(
		"INSERT INTO events SELECT i, now() - i * interval '1 hour', now() - i * interval '1 hour' FROM " +
			"generate_series(0, 100) i",
	)
	planned := checks.Plan(
		t.Context(),
		b.env,
		"w",
		[]checks.Job{
			b.job(
				"events",
				&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "< 1")},
				&checks.Freshness{Column: "updated_at", Fail: hour},
			),
		},
	)
	sql := planned[0].Statement.SQL
	for i, a := range planned[0].Statement.Args { // EXPLAIN with the bounds as constants shows what a bound plan prunes
		sql = strings.ReplaceAll(sql, fmt.Sprintf("$%d", i+1), "'"+a.(time.Time).UTC().Format(time.RFC3339)+"'")
	}
	text, err := b.db.Explain(t.Context(), warehouse.Statement{SQL: sql})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if strings.Contains(text, fmt.Sprintf(" on events_%d ", i)) {
			t.Errorf("partition %d is read:\n%s", i, text)
		}
	}
	if !strings.Contains(text, "events_8") || !strings.Contains(text, "events_9") {
		t.Errorf("yesterday's and today's partitions are not read:\n%s", text)
	}
	r := b.want("events", &checks.Freshness{Column: "updated_at", Fail: hour}, sentinel.Pass, "newest row")
	if r.Evidence.Confidence != sentinel.Bounded {
		t.Errorf("evidence %+v, want bounded", r.Evidence)
	}
	b.exec(
		"UPDATE events SET updated_at = updated_at - interval '3 days'",
		"UPDATE events SET updated_at = now() - interval '2 hours' WHERE id = 90",
	)
	r = b.want("events", &checks.Freshness{Column: "updated_at", Fail: hour}, sentinel.Fail, "newest row 2h old")
	if r.Evidence.Confidence != sentinel.Exact {
		t.Errorf("evidence %+v, want exact: the newest row is in an old partition", r.Evidence)
	}
}

func TestEstimates(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE e AS SELECT generate_series(1, 5000) AS id")
	r := b.want("e", &checks.RowCount{Estimate: true, Fail: bound(t, "< 1000")}, sentinel.Pass, "5,000 rows")
	if r.Evidence.Source != "scan" {
		t.Errorf("evidence %+v, want a scan: the table was never analysed", r.Evidence)
	}
	b.exec("ANALYZE e")
	r = b.want("e", &checks.RowCount{Estimate: true, Fail: bound(t, "< 1000")}, sentinel.Pass, "about 5,000 rows")
	if r.Evidence.Confidence != sentinel.Estimated {
		t.Errorf("evidence %+v", r.Evidence)
	}
	r = b.want("e", &checks.RowCount{Estimate: true, Fail: bound(t, "< 4500")}, sentinel.Pass, "5,000 rows")
	if r.Evidence.Confidence != sentinel.Exact {
		t.Errorf("evidence %+v: so close to the threshold the rows must be counted", r.Evidence)
	}
}

func TestC14InfinityIsBadData(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE inf (at timestamptz)", "INSERT INTO inf VALUES ('infinity'), (now() - interval '10 minutes')")
	b.want("inf", &checks.Freshness{Fail: hour}, sentinel.Warn, "infinity")
	b.exec("CREATE TABLE old (at timestamptz)", "INSERT INTO old VALUES ('-infinity')")
	b.want("old", &checks.Freshness{Fail: hour}, sentinel.Fail, "no row has a timestamp")
	b.exec("INSERT INTO old VALUES ('4713-01-01 BC')")
	if r := b.want("old", &checks.Freshness{Fail: hour}, sentinel.Fail, "old"); len(r.Findings) != 1 ||
		r.Findings[0].Key != "" {
		t.Errorf("a date before Christ: %+v", r.Findings)
	}
	m := newBench(t, "mysql", warehouse.Config{})
	m.exec("CREATE TABLE zero (at datetime)", "INSERT INTO zero VALUES ('0000-00-00 00:00:00')")
	if r := m.want("zero", &checks.Freshness{Fail: hour}, sentinel.Fail, ""); len(r.Findings) != 1 ||
		r.Findings[0].Key != "" && r.Findings[0].Key != "empty" {
		t.Errorf("a zero date: %s %+v", r.Message, r.Findings) // MariaDB: of the year 0; MySQL: no timestamp
	}
}

func TestChangeCountersSkipIdleTables(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{ChangeCounters: true, MaxConnections: 1})
	b.exec("CREATE TABLE idle (id integer, at timestamptz)", "INSERT INTO idle VALUES (1, now())")
	poll(t, func() bool { // the server publishes its counters with a delay
		b.run("idle", &checks.RowCount{Fail: bound(t, "< 1")}, &checks.Freshness{Fail: hour})
		r := b.run("idle", &checks.RowCount{Fail: bound(t, "< 1")}, &checks.Freshness{Fail: hour})
		return r[0].Evidence.Source == "change_counters" && r[1].Evidence.Source == "change_counters"
	})
	b.exec("INSERT INTO idle VALUES (2, now())")
	poll(t, func() bool {
		return strings.HasPrefix(b.run("idle", &checks.RowCount{Fail: bound(t, "< 1")})[0].Message, "2 rows")
	})
}

// TestChangeCountersMissNoChange changes tables in ways that the server does not count.
func TestChangeCountersMissNoChange(t *testing.T) {
	t.Parallel()
	for _, r := range []struct{ name, change, want string }{
		{"truncated", "TRUNCATE truncated", "0 rows"},
		{"refilled", "BEGIN; TRUNCATE refilled; COMMIT", "0 rows"},
		{"parent", "ALTER TABLE child INHERIT parent", "3 rows"},
		{"leaf", "TRUNCATE leaf_1", "1 rows"},
		{"deep", "TRUNCATE deep_1_1", "0 rows"},
		{"reset", "SELECT pg_stat_reset(); INSERT INTO reset VALUES (2), (3)", "4 rows"},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "postgres", warehouse.Config{ChangeCounters: true})
			b.exec("CREATE TABLE truncated (id integer)", "CREATE TABLE refilled (id integer)",
				"CREATE TABLE parent (id integer)", "CREATE TABLE child (id integer)", "CREATE TABLE reset (id integer)",
				"CREATE TABLE leaf (id integer) PARTITION BY LIST (id)",
				"CREATE TABLE leaf_1 PARTITION OF leaf FOR VALUES IN (1)",
				"CREATE TABLE leaf_2 PARTITION OF leaf FOR VALUES IN (2)",
				"CREATE TABLE deep (id integer) PARTITION BY LIST (id)",
				"CREATE TABLE deep_1 PARTITION OF deep FOR VALUES IN (1) PARTITION BY LIST (id)",
				"CREATE TABLE deep_1_1 PARTITION OF deep_1 FOR VALUES IN (1)",
				"INSERT INTO child VALUES (1), (1)", "INSERT INTO leaf VALUES (1), (2)", "INSERT INTO deep VALUES (1)",
				"INSERT INTO truncated VALUES (1)", "INSERT INTO refilled VALUES (1)", "INSERT INTO parent VALUES (1)",
				"INSERT INTO reset VALUES (1), (1)")
			count := func() sentinel.Result { return b.run(r.name, &checks.RowCount{Fail: bound(t, "< 0")})[0] }
			poll(t, func() bool { return count().Evidence.Source == "change_counters" })
			b.exec(r.change)
			poll(t, func() bool { return strings.HasPrefix(count().Message, r.want) })
		})
	}
}

// poll waits until a condition holds, for as long as a loaded machine may take.
func poll(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); {
		if time.Now().After(deadline) {
			t.Fatal("the condition was not met in time")
		}
	}
}

// A tick of very many tables is worked off a part at a time, with one reading of the
// catalog and outcomes in the order of the jobs.
func TestATickOfVeryManyTables(t *testing.T) {
	t.Parallel()
	var statements statementCount
	b := newBench(t, "sqlite", warehouse.Config{Observer: &statements})
	b.exec("CREATE TABLE many (id integer)", "INSERT INTO many VALUES (1), (2)")
	jobs := func(n int) (list []checks.Job) {
		for i := range n {
			c := &checks.RowCount{Fail: bound(t, "> 1")}
			c.ID = fmt.Sprint("rows ", i)
			list = append(list, b.job("many", c))
		}
		return list
	}
	checks.Run(t.Context(), b.env, "w", jobs(1))
	one := statements.Swap(0)
	const n = 2345
	outcomes := checks.Run(t.Context(), b.env, "w", jobs(n))
	if got := statements.Load(); got != one+n-1 {
		t.Errorf("%d statements for %d tables, %d for one", got, n, one)
	}
	if len(outcomes) != n {
		t.Fatalf("%d outcomes", len(outcomes))
	}
	for i, o := range outcomes {
		if len(o.Results) != 1 || o.Results[0].Check != fmt.Sprint("rows ", i) || o.Results[0].Status != sentinel.Fail {
			t.Fatalf("outcome %d: %+v", i, o.Results)
		}
	}
}
