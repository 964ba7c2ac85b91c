package checks_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// loads creates a table of loads, one an hour, of which the one of 09:00 was read again at 11:00:
// its 100 rows are there twice, with a customer who is not known.
func (b *bench) loads() *sentinel.Table {
	b.tick = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	b.exec("CREATE TABLE loads (id integer, load_id integer, country varchar(10), channel varchar(10), customer integer, at "+
		b.plain()+")", "CREATE INDEX loads_id ON loads (id)", "CREATE TABLE customers (id integer)",
		"INSERT INTO customers VALUES (1), (2), (2)")
	var tuples []string
	add := func(id, load, customer int) {
		at := b.tick.Add(time.Duration(load-12)*time.Hour + time.Duration(id%100)*time.Second).Format(time.DateTime)
		tuples = append(tuples, fmt.Sprintf("(%d, %d, '%s', '%s', %d, '%s')", id, load, []string{"PL", "DE", "FR"}[id%3],
			[]string{"web", "app"}[id%2], customer, at))
	}
	for load := range 12 {
		for i := range 100 {
			add(100*load+i, load, 1+i%2)
		}
	}
	for i := range 100 {
		add(900+i, 11, 9)
	}
	b.exec("INSERT INTO loads VALUES " + strings.Join(tuples, ", "))
	return &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "customers"}
}

// Of a load that was read twice the later rows are the bad ones. All kinds of checks of a table
// share two statements, and nothing is sent for good ones.
func TestExplanationsOfKeys(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		customers := b.loads()
		unique := func(change func(*checks.Duplicate), columns ...string) *checks.Duplicate {
			c := &checks.Duplicate{Column: "id", Options: naming(columns...)}
			change(c)
			return c
		}
		same := func(*checks.Duplicate) {}
		const again = "all of the bad rows: load_id = 11"
		for _, c := range []struct {
			check checks.Check
			want  string
		}{
			{unique(same, "load_id", "at"), again},
			{unique(same, "at"), "all of the bad rows: since 11:00"},
			{unique(func(c *checks.Duplicate) { c.Count = "keys" }, "load_id", "at"), again},
			{unique(func(c *checks.Duplicate) { c.IncludeNull = true }, "load_id", "at"), again},
			{unique(func(c *checks.Duplicate) { c.Bucket = "hour" }, "load_id", "country"), ""},
			{unique(func(c *checks.Duplicate) { c.Bucket, c.Within = "hour", "table" }, "country", "load_id"),
				"the bad rows are spread evenly over country"},
			{unique(func(c *checks.Duplicate) { c.By = []string{"country"} }, "load_id", "country", "at"),
				"all of the bad rows of 3 segments: load_id = 11"},
			{unique(func(c *checks.Duplicate) { c.By = []string{"load_id"} }, "load_id", "country"), ""},
			{&checks.Reference{Column: "customer", To: customers, Options: naming("load_id", "country")}, again},
			{&checks.Reference{Column: "customer", To: customers, Options: naming("at")},
				"all of the bad rows: since 11:00"},
			{&checks.Reference{Column: "customer", To: customers, Field: []string{"id"}, ToWhere: "id < 2", Options: naming("load_id")},
				"the bad rows are spread evenly over load_id"},
		} {
			if r, ok := c.check.(*checks.Reference); ok && len(r.Field) == 0 {
				r.Field = []string{"id"}
			}
			if got := b.explained("loads", c.check); got != "c0: "+c.want {
				b.tb.Errorf("%+v\ngot  %s\nwant %s", c.check, got, c.want)
			}
		}
		sent := &statementCount{}
		counted := benchOn(b.tb, b.name, b.schema, warehouse.Config{DSN: sentinel.NewSecret(b.database.Warehouse), Observer: sent})
		counted.tick = b.tick
		job := counted.job("loads", unique(same, "load_id", "at"), unique(func(c *checks.Duplicate) { c.Compare = "exact" }, "at"),
			&checks.Reference{Column: "customer", To: customers, Field: []string{"id"}, Options: naming("load_id", "at")},
			&checks.Invalid{Column: "customer", Max: "2", BadRows: checks.BadRows{By: []string{"channel"}}, Options: naming("load_id", "country", "at")})
		outcomes := checks.Run(b.tb.Context(), counted.env, "w", []checks.Job{job})
		sent.Store(0)
		planned := checks.PlanExplanations(b.tb.Context(), counted.env, "w", []checks.Job{job})
		if len(planned) != 1 || planned[0].Err != nil {
			b.tb.Error(planned)
		}
		catalog := sent.Swap(0)
		want := "c0: " + again + "\nc1: all of the bad rows: since 11:00\nc2: " + again +
			"\nc3: all of the bad rows of 2 segments: load_id = 11"
		if got := counted.explain(outcomes); got != want || sent.Load()-catalog > 2 {
			b.tb.Errorf("%s\n%d statements", got, sent.Load()-catalog)
		}
	})
}

// Keys that take too long to compare do not keep other checks of the table from being explained.
func TestExplanationsOfSlowKeys(t *testing.T) {
	t.Parallel()
	sent := &statementCount{}
	b := newBench(t, "postgres", warehouse.Config{StatementTimeout: 9 * time.Second, Observer: sent})
	b.loads()
	slow := &checks.Duplicate{Column: "id", Options: naming("load_id")}
	slow.Where = "pg_sleep(0.006) IS NOT NULL"
	job := b.job("loads", slow, &checks.Invalid{Column: "customer", Max: "2", Options: naming("load_id")})
	bad := sentinel.Finding{Status: sentinel.Fail}
	outcome := checks.Outcome{Job: job}
	for _, c := range job.Checks {
		outcome.Results = append(outcome.Results, sentinel.Result{Check: c.Common().ID, Table: job.Table, Status: sentinel.Fail,
			Findings: []sentinel.Finding{bad}})
	}
	_ = checks.PlanExplanations(t.Context(), b.env, "w", []checks.Job{job})
	catalog := sent.Swap(0)
	want := "c0: not explained: the statement took longer than 3s, a third of statement_timeout\n" +
		"c1: all of the bad rows: load_id = 11"
	if got := b.explain([]checks.Outcome{outcome}); got != want || sent.Load()-catalog > 2 {
		t.Errorf("%s\n%d statements", got, sent.Load()-catalog)
	}
}

// Only the rows of bad segments are looked at: those of good ones, which may be many more, have
// other causes.
func TestExplanationsOfSegments(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.atNoon()
		b.exec("CREATE TABLE s (id integer, country varchar(10), size integer, channel varchar(10), status varchar(10), n integer)")
		var tuples []string
		for i := range 6000 {
			country, channel, n := fmt.Sprintf("'c%d'", i%5), i/7%4, 1
			if i%5 == 4 {
				country = "NULL"
			}
			if i/5%20 == 0 && i%5 < 4 { // 5 % are not too much
				n = -1
			}
			if i/5%10 == 1 && i%5 == 4 {
				n, channel = -1, 2
			}
			tuples = append(tuples, fmt.Sprintf("(%d, %s, %d, 'ch%d', 's%d', %d)", i, country, i%3, channel, i/50%2, n))
		}
		b.exec("INSERT INTO s VALUES " + strings.Join(tuples, ", "))
		check := func(by ...string) checks.Check {
			return &checks.FailedRows{Expression: "n < 0", BadRows: checks.BadRows{By: by, Fail: bound(t, "> 9%")},
				Options: naming("channel", "status", "country")}
		}
		for _, c := range []struct {
			by   string
			want string
		}{
			{"country", "all of the bad rows: channel = ch2"},
			{"country,size", "all of the bad rows of 3 segments: channel = ch2"},
		} {
			if got := b.explained("s", check(strings.Split(c.by, ",")...)); got != "c0: "+c.want {
				b.tb.Errorf("by %s\ngot  %s\nwant %s", c.by, got, c.want)
			}
		}
	})
}

// Of rows that repeat others at random nothing is said, although the later ones of them are more
// often late.
func TestExplanationsOfKeysByChance(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.tick = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(5, 1))
	said := 0
	for table := range 150 {
		name := fmt.Sprintf("r%d", table)
		b.exec("CREATE TABLE " + name + " (id integer, load_id integer, at " + b.plain() + ")")
		var tuples []string
		for i := range 2000 {
			seconds := r.IntN(86400)
			tuples = append(tuples, fmt.Sprintf("(%d, %d, '%s')", r.IntN(1+i), min(3, seconds/14400),
				b.tick.Add(time.Duration(seconds-86400)*time.Second).Format(time.DateTime)))
		}
		b.exec("INSERT INTO " + name + " VALUES " + strings.Join(tuples, ", "))
		text := b.explained(name, &checks.Duplicate{Column: "id", Options: naming("load_id", "at")})
		if strings.Contains(text, "of the bad rows: ") {
			said++
			t.Log(text)
		}
	}
	if said > 1 { // one of a thousand tables
		t.Errorf("a cause of %d in 150 tables", said)
	}
}
