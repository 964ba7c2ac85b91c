package reload_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestStagedRowsAreWhatIsApplied: every check that is judged on staged rows says of them
// exactly what it says of the table after they were applied. Tables, sources and checks
// are drawn; the table itself, once the rows are applied, is the oracle.
func TestStagedRowsAreWhatIsApplied(t *testing.T) {
	t.Parallel()
	for _, engine := range repairtest.Engines {
		for _, method := range []string{"delete_insert", "merge", "swap"} {
			if method == "swap" && engine == "sqlite" {
				continue // it has no partitions
			}
			t.Run(engine+" "+method, func(t *testing.T) {
				t.Parallel()
				for round := range 4 {
					seed := uint64(round)
					r := &drawn{Fixture: repairtest.New(t, engine), rand: rand.New(rand.NewPCG(seed, 20)), method: method}
					if r.round(); t.Failed() {
						t.Fatalf("seed %d", seed)
					}
				}
			})
		}
	}
}

// drawn is a round of the test: a table and a source with drawn rows.
type drawn struct {
	*repairtest.Fixture
	rand   *rand.Rand
	method string
}

func (d *drawn) one(of ...string) string { return of[d.rand.IntN(len(of))] }

// cells draws all columns of a row but its key and its time.
func (d *drawn) cells() string {
	return d.one("1", "2.50", "30", "NULL", "99999.99") + ", " +
		d.one("'a'", "'A'", "'a '", "'ß'", "''", "NULL", "'old'") + ", " + d.one("'DE'", "'de'", "'FR'", "NULL")
}

// at draws a time of the n-th day; "NULL" now and then, where the table takes it.
func (d *drawn) at(day int) string {
	if day != 1 && d.method != "swap" && d.rand.IntN(6) == 0 {
		return "NULL"
	}
	at := repairtest.Day0.AddDate(0, 0, day).Add(time.Duration(d.rand.IntN(24*60)) * time.Minute)
	return "'" + at.Format(time.DateTime) + "'"
}

// create draws a table for three days, and a source for the second.
func (d *drawn) create() *reload.Partition {
	a := &reload.Partition{From: []sentinel.Table{d.Table("staging")}, Partition: "at", Method: d.method,
		MinRatio: new(float64), AllowEmpty: true}
	folds := map[string]string{"sqlite": " COLLATE NOCASE"}[d.Engine] // a staging table does not have it
	columns := " (id integer NOT NULL, amount numeric(10,2), note varchar(20)" + folds + ", country varchar(2), at " +
		d.Instant
	if d.method == "swap" {
		d.CreatePartitionedOrders()
		d.Exec("ALTER TABLE orders ADD COLUMN country varchar(2)", "DROP TABLE staging", "CREATE TABLE staging"+columns+")")
	} else {
		d.Exec("CREATE TABLE orders"+columns+", kept varchar(20) DEFAULT 'from before', filled integer "+
			"GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id))", "CREATE TABLE staging"+columns+")")
	}
	if d.method == "merge" {
		a.Columns = []string{"id", "amount", "note", "country", "at"}
	} else if d.method == "delete_insert" {
		d.Exec("ALTER TABLE staging ADD COLUMN kept varchar(20)")
	}
	into := func(table string, id, day int) {
		d.Exec(fmt.Sprintf("INSERT INTO %s (id, amount, note, country, at) VALUES (%d, %s, %s)", table, id, d.cells(),
			d.at(day)))
	}
	for i := range 12 + d.rand.IntN(20) {
		day := i % 3
		into("orders", i, day)
		if day == 1 && d.rand.IntN(3) > 0 {
			into("staging", i, day)
		}
	}
	for i := range d.rand.IntN(6) {
		into("staging", 100+i, 1)
	}
	d.Exec("CREATE TABLE mirror AS SELECT id, amount FROM orders WHERE id % 5 > 0")
	return a
}

// checks returns checks of every kind that can be judged on staged rows.
func (d *drawn) checks() []checks.Check {
	limit := func() checks.Bound {
		b, err := checks.ParseBound(fmt.Sprintf("%s %d", d.one("<", ">", "!="), d.rand.IntN(30)))
		d.Must(err)
		return b
	}
	where := func(s string) checks.Options { return checks.Options{Where: s} }
	mirror := d.Table("mirror")
	list := []checks.Check{
		&checks.RowCount{Fail: limit(), Estimate: true},
		&checks.RowCount{Fail: limit(), Options: where("note = 'a'")},
		&checks.RowCount{Fail: limit(), Options: where("orders.amount > 1 OR country = 'DE'")},
		&checks.RowCount{Fail: limit(), Bucketed: checks.Bucketed{Bucket: "day"}},
		&checks.RowCount{Fail: limit(), By: []string{"note"}},
		&checks.RowCount{Fail: limit(), By: []string{"country"}, Bucketed: checks.Bucketed{Bucket: "day"}},
		&checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "hour", Last: 60}},
		&checks.Freshness{Fail: checks.Duration(time.Hour)},
		&checks.Freshness{Fail: checks.Duration(time.Hour), Options: where("country = 'FR'")},
		&checks.Freshness{Fail: checks.Duration(time.Hour), By: []string{"country"}},
		&checks.Reconcile{With: &mirror, Sum: []string{"amount"}},
		&checks.RowCount{Fail: limit(), Options: where("kept IS NULL")},
		&checks.RowCount{Fail: limit(), Options: where("filled > 20")},
		&checks.SQL{Query: "SELECT count(*) FROM orders", Fail: limit()},
		&checks.Schema{},
	}
	if d.method == "swap" {
		list = slices.Delete(list, 11, 13) // of columns that it does not have
	}
	for i, c := range list {
		c.Common().ID = fmt.Sprintf("%d %s", i, checks.KindOf(c))
		d.Must(c.Validate())
	}
	return list
}

// judge runs checks at a tick after the three days.
func (d *drawn) judge(db *warehouse.DB, list []checks.Check, sub *checks.Substitute) checks.Outcome {
	d.T.Helper()
	env := checks.Env{Clock: repairtest.Clock, Substitute: sub,
		Warehouse: func(string) (*warehouse.DB, error) { return db, nil }}
	return checks.Run(d.T.Context(), env, "w", []checks.Job{{Table: d.Table("orders"), TimeColumn: "at",
		Location: time.UTC, Tick: repairtest.Day0.AddDate(0, 0, 2).Add(time.Hour), Checks: list}})[0]
}

func (d *drawn) round() {
	t := d.T
	t.Helper()
	a := d.create()
	run := d.NewRun(a, d.Target())
	d.Must(a.Stage(t.Context(), run))
	staged, err := a.Staged(t.Context(), run)
	d.Must(err)
	if staged.Source != "w."+d.Schema+".staging" || staged.Content == "" {
		t.Errorf("staged from %q: %q", staged.Source, staged.Content)
	}
	db, err := d.Write.Reader()
	d.Must(err)
	list := d.checks()
	before := d.Rows("orders")
	would := d.judge(db, list, &checks.Substitute{Table: d.Table("orders"), Rows: staged.Rows, Hidden: staged.Hidden})
	if d.Rows("orders") != before {
		t.Fatal("judging has changed the table")
	}
	d.Must(a.Apply(t.Context(), run))
	is := d.judge(db, list, nil)
	d.Must(db.Close())
	judged := 0
	for i := range list {
		id := list[i].Common().ID
		if _, out := would.LeftOut[id]; out {
			continue
		}
		judged++
		if got, want := verdict(would.Results[i]), verdict(is.Results[i]); got != want {
			t.Errorf("check %s %+v\nof the staged rows: %sof the table after: %sbefore\n%safter\n%s", id, list[i], got, want,
				before, d.Rows("orders"))
		}
	}
	if out := len(list) - judged; judged < 11 || out < 2 {
		t.Errorf("%d checks were judged, and left out are %v", judged, would.LeftOut)
	}
	if again, err := a.Staged(t.Context(), run); again != nil || err != nil {
		t.Errorf("once applied: %+v, %v", again, err)
	}
}

// verdict is what a result says, without ages, which depend on the clock. An engine that
// groups texts without regard to case may name a group by any of its spellings.
func verdict(r sentinel.Result) string {
	lines := []string{r.Status.String()}
	for _, f := range r.Findings {
		observed := f.Observed.String()
		if r.Kind == "freshness" {
			observed = ""
		}
		lines = append(lines, fmt.Sprint(strings.TrimRight(f.Key, " "), " ", f.Status, " ", observed, f.Expected))
	}
	for _, o := range r.Observations {
		if r.Kind != "freshness" || o.Metric == "newest_timestamp_seconds" {
			lines = append(lines, fmt.Sprint(o.Metric, " ", strings.TrimRight(o.Segment, " "), " ", o.Value, " ", o.Bucket))
		}
	}
	for i := range lines {
		lines[i] = strings.ToLower(lines[i])
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Rows whose time cannot be read stay in the table, and so among the rows that are judged.
func TestStagedRowsKeepUnreadableTimes(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		for _, table := range []string{"orders", "staging"} {
			b.Exec("CREATE TABLE " + table + " (id integer NOT NULL PRIMARY KEY, at varchar(20))")
		}
		b.Exec("INSERT INTO orders VALUES (1, '2026/03/10'), (2, '2026/03/11'), (3, 'unknown'), (4, NULL)",
			"INSERT INTO staging VALUES (2, '2026/03/11'), (5, '2026/03/11')")
		trigger := b.OpenIncident(repairtest.MissingDay)
		trigger.TimeFormat = "%Y/%m/%d"
		a := b.ReloadFromStaging()
		run := b.NewRunOf(a, b.Target(), trigger)
		b.Must(a.Stage(t.Context(), run))
		staged, err := a.Staged(t.Context(), run)
		b.Must(err)
		var args []any
		query, err := staged.Rows.Query(b.Write.Dialect, &args)
		b.Must(err)
		var would, is int
		count := "SELECT count(*) FROM "
		b.Must(b.Write.DB.QueryRowContext(t.Context(), count+"("+query+") rows_after", args...).Scan(&would))
		b.Must(a.Apply(t.Context(), run))
		b.Must(b.Write.DB.QueryRowContext(t.Context(), count+"orders").Scan(&is))
		if would != 5 || is != 5 {
			t.Errorf("%d rows are judged, and the table has %d, want 5", would, is)
		}
	})
}

// Content tells sources with other rows apart, whatever their number.
func TestContentOfStagedRows(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		a := b.ReloadFromStaging()
		run := b.NewRun(a, b.Target())
		content := func() string {
			b.Must(a.Stage(t.Context(), run))
			staged, err := a.Staged(t.Context(), run)
			b.Must(err)
			return staged.Content
		}
		first := content()
		if again := content(); again != first {
			t.Errorf("the same rows: %q and %q", first, again)
		}
		b.Exec("UPDATE staging SET note = 'newer' WHERE id = 103")
		if changed := content(); changed == first {
			t.Errorf("other rows: %q again", changed)
		}
	})
}

// A source that was given up in this try is not staged again; the next one is.
func TestStageSkipsUnhelpfulSources(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	b.CreateOrders()
	b.Exec("CREATE TABLE spare AS SELECT * FROM staging")
	a := &reload.Partition{From: []sentinel.Table{b.Table("staging"), b.Table("spare")}}
	run := b.NewRun(a, b.Target())
	note := func(source sentinel.Table) {
		run.Repair.Unhelpful = append(run.Repair.Unhelpful, sentinel.UnhelpfulSource{Source: source.String(),
			Repair: run.Repair.ID, Why: "too few rows"})
	}
	note(b.Table("staging"))
	b.Must(a.Stage(t.Context(), run))
	if run.Source != b.Table("spare").String() {
		t.Errorf("staged from %q", run.Source)
	}
	note(b.Table("spare"))
	err := a.Stage(t.Context(), run)
	unhelpful, ok := err.(*repair.UnhelpfulError)
	if !ok || strings.Count(unhelpful.Why, "too few rows") != 2 {
		t.Errorf("no source is left: %v", err)
	}
}
