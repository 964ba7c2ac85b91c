package checks_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// benchOn is a bench on a DSN, of a server of the test's own or of another user.
func benchOn(t testing.TB, name, schema string, cfg warehouse.Config) *bench {
	t.Helper()
	cfg.Name, cfg.Dialect, cfg.Clock = "w", name, sentinel.ClockFunc(time.Now)
	db, err := warehouse.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{tb: t, name: name, schema: schema, db: db, tick: time.Now(), loc: time.UTC, column: "at"}
	b.env = checks.Env{Clock: sentinel.ClockFunc(time.Now), Warehouse: func(string) (*warehouse.DB, error) { return db, nil }}
	return b
}

// as writes the DSN of a PostgreSQL for another user.
func as(t *testing.T, dsn, user string) sentinel.Secret {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "x")
	return sentinel.NewSecret(u.String())
}

// TestC01AServerThatDiesUnderACheck: the check could not run, which is no verdict on the
// data. It runs again when the server is back.
func TestC01AServerThatDiesUnderACheck(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]struct {
		start        func(...string) (*testenv.Server, error)
		slow, sleeps string
	}{
		"postgres": {
			testenv.StartPostgres, "SELECT 1 FROM pg_sleep(60)",
			"SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> " +
				"pg_backend_pid()",
		},
		"mysql": {
			testenv.StartMySQL, "SELECT sleep(60) + 1",
			"SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%sleep(60)%' AND id <> connection_id()",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := e.start()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			b := benchOn(t, name, "", warehouse.Config{DSN: sentinel.NewSecret(server.DSN)})
			watch := benchOn(t, name, "", warehouse.Config{DSN: sentinel.NewSecret(server.DSN)})
			runCheck := func(b *bench, query string) sentinel.Result {
				b.tick = time.Now()
				return b.run("t", &checks.SQL{Query: query, Fail: bound(t, "< 1")})[0]
			}
			dead := make(chan sentinel.Result)
			go func() { dead <- runCheck(b, e.slow) }()
			poll(t, func() bool { return runCheck(watch, e.sleeps).Status == sentinel.Pass })
			server.Halt(true)
			if got := <-dead; got.Status != sentinel.Error || len(got.Findings) > 0 || len(got.Observations) > 0 {
				t.Errorf("killed under the check: %s %q %+v", got.Status, got.Message, got.Findings)
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			poll(t, func() bool { return runCheck(b, "SELECT 1").Status == sentinel.Pass })
		})
	}
}

// TestC09AgesAreMeasuredByTheDatabasesClock: the agent's is ten minutes off.
func TestC09AgesAreMeasuredByTheDatabasesClock(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE c (at "+b.plain()+")", "INSERT INTO c VALUES ("+b.ago(30*time.Minute)+")")
		for _, skew := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
			b.tick = time.Now().Add(skew)
			b.env.Clock = sentinel.ClockFunc(func() time.Time { return time.Now().Add(skew) })
			r := b.want("c", &checks.Freshness{Fail: hour}, sentinel.Pass, "newest row 30m")
			if off := time.Until(r.Evidence.AsOf).Abs(); off > time.Minute {
				b.tb.Errorf("taken as of %s", r.Evidence.AsOf)
			}
		}
	})
}

// TestC13AnEmptyTableHasNoAge: it is not 0, nor that of 1970.
func TestC13AnEmptyTableHasNoAge(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec(
			"CREATE TABLE empty (at "+b.plain()+")",
			"CREATE TABLE nulls (at "+b.plain()+")",
			"INSERT INTO nulls VALUES (NULL)",
		)
		for _, table := range []string{"empty", "nulls"} {
			for policy, want := range map[checks.Policy]sentinel.Status{
				"":        sentinel.Fail,
				"warn":    sentinel.Warn,
				"unknown": sentinel.Unknown,
				"ignore":  sentinel.Pass,
			} {
				r := b.want(table, &checks.Freshness{Fail: hour, OnEmpty: policy}, want, "no row has a timestamp")
				if len(r.Observations) > 0 {
					b.tb.Errorf("%s: %+v", table, r.Observations)
				}
			}
		}
	})
}

// TestC15ATableThatIsGone is a finding of its own, and stands in the schema's
// check too.
func TestC15ATableThatIsGone(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE gone (id integer, at "+b.plain()+")", "INSERT INTO gone VALUES (1, "+b.ago(time.Minute)+")")
		list := []checks.Check{&checks.Freshness{Fail: hour}, &checks.RowCount{Fail: bound(b.tb, "< 1")}, &checks.Schema{}}
		b.run("gone", list...)
		b.exec("DROP TABLE gone")
		for _, r := range b.run("gone", list...) {
			if r.Status != sentinel.Fail || !strings.Contains(r.Message, "does not exist") ||
				!strings.Contains(r.Findings[0].Key, "missing_table") && r.Kind != "schema" ||
				len(r.Observations) > 0 {
				b.tb.Errorf("%s: %s %q %+v", r.Kind, r.Status, r.Message, r.Findings)
			}
		}
	})
}

// TestC17OneForbiddenTable: only its checks cannot run, and they are not asked
// again and again.
func TestC17OneForbiddenTable(t *testing.T) {
	t.Parallel()
	admin := newBench(t, "postgres", warehouse.Config{})
	admin.exec(
		"CREATE TABLE mine (at timestamptz)",
		"CREATE TABLE secret (at timestamptz)",
		"INSERT INTO mine VALUES (now())",
		"CREATE ROLE c17 LOGIN PASSWORD 'x'",
		"GRANT SELECT ON mine TO c17",
	)
	t.Cleanup(func() { admin.exec("DROP OWNED BY c17", "DROP ROLE c17") })
	var sent statementCount
	b := benchOn(t, "postgres", "public", warehouse.Config{DSN: as(t, admin.admin, "c17"), Observer: &sent})
	two := func() []checks.Check {
		return []checks.Check{&checks.Freshness{Fail: hour}, &checks.RowCount{Fail: bound(t, "< 1")}}
	}
	out := checks.Run(t.Context(), b.env, "w", []checks.Job{b.job("secret", two()...), b.job("mine", two()...)})
	for i, want := range []sentinel.Status{sentinel.Error, sentinel.Pass} {
		for _, r := range out[i].Results {
			if r.Status != want || want == sentinel.Error && !strings.Contains(r.Message, "grant SELECT") {
				t.Errorf("%s: %s %q", r.Table, r.Status, r.Message)
			}
		}
	}
	if n := sent.Load(); n > 5 { // the catalog, a statement a table, and the two checks of the one that failed
		t.Errorf("%d statements", n)
	}
}

// TestC22WhatIsNoNumberIsNotCompared: NaN is above everything in PostgreSQL.
func TestC22WhatIsNoNumberIsNotCompared(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE n (v float8)", "INSERT INTO n VALUES (1), ('NaN')")
	for _, value := range []string{"NaN", "Infinity", "-Infinity"} {
		for _, threshold := range []string{"> 5", "< 5"} {
			r := b.want(
				"n",
				&checks.SQL{Query: "SELECT '" + value + "'::float8", Fail: bound(t, threshold)},
				sentinel.Error,
				"which cannot be compared",
			)
			if data, err := json.Marshal(r); err != nil || !json.Valid(data) || len(r.Observations) > 0 {
				t.Errorf("%s: %s, %v", value, data, err)
			}
		}
	}
	b.want("n", &checks.SQL{Query: "SELECT max(v) FROM n", Fail: bound(t, "> 5")}, sentinel.Error, "cannot be compared")
}

// TestC21NumbersTooLargeAreErrors: what does not fit into 64 bits is not
// rounded, and a negative count stands as it is.
func TestC21NumbersTooLargeAreErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE big (n numeric)", "INSERT INTO big VALUES (9007199254740993), (1)")
	r := b.want(
		"big",
		&checks.SQL{Query: "SELECT max(n) FROM big", Fail: bound(t, "> 9007199254740993")},
		sentinel.Pass,
		"9,007,199,254,740,993",
	)
	if data, err := json.Marshal(r.Observations[0].Value); err != nil || string(data) != `"9007199254740993"` {
		t.Errorf("as JSON: %s, %v", data, err)
	}
	b.want(
		"big",
		&checks.SQL{Query: "SELECT max(n) FROM big", Fail: bound(t, "> 9007199254740992")},
		sentinel.Fail,
		"9,007,199,254,740,993",
	)
	b.want(
		"big",
		&checks.SQL{Query: "SELECT 18446744073709551616", Fail: bound(t, "> 5")},
		sentinel.Error,
		"does not fit in 64 bits",
	)
	b.want("big", &checks.SQL{Query: "SELECT -7", Fail: bound(t, "< 0")}, sentinel.Fail, "-7")
}

// TestC40ASegmentForEveryUser: the largest are kept, the rest is one, which is not judged
// unless no count up to the smallest that is kept could be bad.
func TestC40ASegmentForEveryUser(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE clicks (user_id integer)", "INSERT INTO clicks SELECT i FROM generate_series(1, 20000) i")
	b.want(
		"clicks",
		&checks.RowCount{By: []string{"user_id"}, Fail: bound(t, "< 1")},
		sentinel.Unknown,
		"19900 segments beyond the limit of 100 are not judged",
	)
	r := b.want(
		"clicks",
		&checks.RowCount{By: []string{"user_id"}, Fail: bound(t, "> 1")},
		sentinel.Pass,
		"19900 more as one",
	)
	if last := r.Observations[len(r.Observations)-1]; len(r.Observations) != 101 || last.Segment != "other" ||
		last.Value.String() != "19900" {
		t.Errorf("%d observations, the last %+v", len(r.Observations), last)
	}
}
