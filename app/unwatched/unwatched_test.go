package unwatched

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
	"github.com/sentinel-dq/sentinel/web/page"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// finding is a finder whose clock and configuration a test sets.
type finding struct {
	testing.TB
	*Finder
	state  string
	mu     sync.Mutex
	cfg    *config.Config
	now    time.Time
	opened []string // warehouses, in the order of opening

	changed chan struct{} // of capacity 1
}

func (f *finding) Now() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now }

func (f *finding) passes(d time.Duration) { f.mu.Lock(); defer f.mu.Unlock(); f.now = f.now.Add(d) }

// configure puts a configuration in force.
func (f *finding) configure(text string) {
	f.Helper()
	c, err := config.Parse("sentinel.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		f.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg = c
}

// begin makes a finder of a state; the same state: what was found is remembered.
func (f *finding) begin() {
	f.Helper()
	s, err := store.Open(f.Context(), "sqlite:"+f.state)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Finder = New(Config{
		Store: s, Metrics: exporters.NewPrometheus("test"), Clock: f, Log: slog.New(slog.DiscardHandler), Host: f,
	})
	f.restore(f.Context())
}

// InForce, Open, Ready and Changed implement Host.
func (f *finding) InForce() *config.Config { f.mu.Lock(); defer f.mu.Unlock(); return f.cfg }

func (f *finding) Open(c *config.Config, w warehouse.Config) (*warehouse.DB, error) {
	f.mu.Lock()
	f.opened = append(f.opened, w.Name)
	f.mu.Unlock()
	return setup.Setup{Config: c, Clock: f}.Warehouse(w)
}

func (f *finding) Ready() bool { return true }

func (f *finding) Changed() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func newFinding(t *testing.T, cfg string) *finding {
	t.Helper()
	f := &finding{TB: t, state: filepath.Join(t.TempDir(), "s.db"), now: time.Now(), changed: make(chan struct{}, 1)}
	f.configure(cfg)
	f.begin()
	return f
}

// tables are the tables of a warehouse that nobody watches.
func (f *finding) tables(warehouse string) (names []string) {
	f.Helper()
	for _, t := range f.of(warehouse).Tables {
		names = append(names, t.Table.String())
	}
	return names
}

func (f *finding) of(warehouse string) page.UnwatchedWarehouse {
	f.Helper()
	all, ok := f.Known()
	at := slices.IndexFunc(all, func(w page.UnwatchedWarehouse) bool { return w.Name == warehouse })
	if !ok || at < 0 {
		f.Fatalf("nothing is known of %s: %v", warehouse, all)
	}
	return all[at]
}

func (f *finding) table(name string) page.UnwatchedTable {
	f.Helper()
	t, err := sentinel.ParseTable(name)
	if err != nil {
		f.Fatal(err)
	}
	list := f.of(t.Warehouse).Tables
	at, found := find(list, t)
	if !found {
		f.Fatalf("%s is not among %v", name, f.tables(t.Warehouse))
	}
	return list[at]
}

// reads reads the rows of a table as if somebody had asked for it.
func (f *finding) reads(name string) page.UnwatchedTable {
	f.Helper()
	t, err := sentinel.ParseTable(name)
	if err == nil {
		err = f.Propose(f.Context(), t, "ann")
	}
	if err == nil {
		err = f.proposeAsked(f.Context())
	}
	if err != nil {
		f.Fatal(err)
	}
	return f.table(name)
}

// shop are tables of which some are watched.
var shop = []string{
	"CREATE SCHEMA mart", "CREATE SCHEMA hr", "CREATE SCHEMA staging",
	"CREATE TABLE orders (id bigserial PRIMARY KEY, created_at timestamptz)",
	`CREATE TABLE "Odd.Name" (id int)`,
	"CREATE TABLE customers (id int, city text, updated_at timestamptz)",
	"INSERT INTO customers SELECT i, CASE i % 2 WHEN 0 THEN 'Ghent' ELSE 'Köln' END, now() - i * interval '20 minutes'" +
		" FROM generate_series(1, 3000) i",
	"CREATE TABLE child () INHERITS (customers)",
	"CREATE TABLE mart.sales (id int)", "CREATE TABLE mart.tmp_1 (id int)", "CREATE VIEW mart.v AS SELECT * FROM mart.sales",
	"CREATE TABLE staging.load (id int)", "CREATE TABLE hr.salaries (id int, amount numeric)",
	"CREATE TABLE events (id int, day date) PARTITION BY RANGE (day)",
	"CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
	"ANALYZE",
}

const watched = `
warehouses: {shop: {dsn: %q}}
datasets:
  - {table: shop.ORDERS, checks: [schema]}
  - {table: shop.mart.*, exclude: [tmp_*], checks: [schema]}
unwatched: {exclude: [shop.staging.*]}
`

// What the configuration names or leaves out is not listed, nor are parts of other tables and
// the agent's own ones. The rest has a proposal without a row being read.
func TestTablesThatNobodyWatches(t *testing.T) {
	t.Parallel()
	dsn := testenv.Postgres(t)
	testenv.Exec(t, "pgx", dsn, shop...)
	if s, err := store.OpenDSN(t.Context(), sentinel.NewSecret(dsn)); err != nil { // a state in the same database
		t.Fatal(err)
	} else if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f := newFinding(t, fmt.Sprintf(watched, dsn))
	if w := f.of("shop"); !w.Read.IsZero() || w.Name != "shop" {
		t.Errorf("before the first look: %+v", w)
	}
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{`shop.hr.salaries`, `shop.public."Odd.Name"`, "shop.public.customers", "shop.public.events"}
	if got := f.tables("shop"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	w := f.of("shop")
	if w.Count != 4 || w.Excluded != 2 || w.Relations != 9 || !w.Read.Equal(f.Now().UTC().Truncate(time.Second)) {
		t.Errorf("%+v", w)
	}
	const customers = "  - table: 'shop.public.customers'\n    time_column: 'updated_at'\n    checks:\n      - schema\n" +
		"      - row_count > 0\n      - freshness: {warn: 1d, fail: 2d}\n"
	if got := f.table("shop.public.customers"); got.Proposal != customers || got.Rows != 3000 || got.Kind != "table" {
		t.Errorf("%+v", got)
	}
	var whole strings.Builder
	whole.WriteString(fmt.Sprintf("warehouses: {shop: {dsn: %q}}\ndatasets:\n", dsn))
	for _, one := range w.Tables {
		whole.WriteString(one.Proposal)
	}
	f.configure(whole.String()) // the proposals are valid, and nothing is left when they are taken
	f.Reloaded()
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.tables("shop"); slices.ContainsFunc(got, func(n string) bool { return slices.Contains(want, n) }) {
		t.Errorf("these are watched: %q", got)
	}
}

// A proposal by the rows says how they come and what they obey, and holds none of their values.
// It stays at the next look and after a restart.
func TestProposalByRows(t *testing.T) {
	t.Parallel()
	dsn := testenv.Postgres(t)
	testenv.Exec(t, "pgx", dsn, shop...)
	f := newFinding(t, fmt.Sprintf(watched, dsn))
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := f.reads("shop.public.customers")
	for _, part := range []string{
		"freshness: {warn: 2h, fail: 3h}   # rows come every 1h", "duplicate_count(id) = 0", "missing_count(city) = 0",
		"would have raised 0 alarms",
	} {
		if !strings.Contains(got.Proposal, part) {
			t.Errorf("no %q in\n%s", part, got.Proposal)
		}
	}
	if strings.Contains(got.Proposal, "Ghent") || got.RowsRead.IsZero() || got.Failed != "" {
		t.Errorf("%+v", got)
	}
	f.passes(lookEvery)
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := f.table("shop.public.customers"); again.Proposal != got.Proposal {
		t.Errorf("after the next look:\n%s", again.Proposal)
	}
	if err := f.Store.Close(); err != nil {
		t.Fatal(err)
	}
	opened := len(f.opened)
	f.begin()
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := f.table("shop.public.customers"); again != got || len(f.opened) != opened {
		t.Errorf("after a restart, with %d readings: %+v", len(f.opened)-opened, again)
	}
	log, err := f.Store.AuditEntries(t.Context(), store.AuditFilter{What: "unwatched."})
	if err != nil || len(log) != 1 || log[0].Actor != "ann" || log[0].Subject != "shop.public.customers" {
		t.Errorf("%+v, %v", log, err)
	}
	testenv.Exec(t, "pgx", dsn, "DROP TABLE customers CASCADE")
	if got := f.reads("shop.public.customers"); !strings.Contains(got.Failed, "is gone") {
		t.Errorf("a table that is gone: %+v", got)
	}
	if err := f.Propose(t.Context(), sentinel.Table{Warehouse: "shop", Schema: "mart", Name: "sales"}, "ann"); !errors.Is(err,
		errNotListed) {
		t.Errorf("a table that is watched: %v", err)
	}
}

// A catalog is read once a day, an hour after a reading that failed, and when somebody asks for
// it. What was found before stays while a catalog cannot be read.
func TestCatalogsAreReadOnceADay(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "w.db")
	testenv.Exec(t, "sqlite", file, "CREATE TABLE a (id int)", "CREATE TABLE b (id int)")
	const two = `
warehouses: {here: {dsn: "sqlite:%s"}, away: {dsn: "postgres://u@127.0.0.1:1/x"}}
datasets: [{table: here.a, checks: [schema]}]
`
	f := newFinding(t, fmt.Sprintf(two, file))
	look := func(after time.Duration, want ...string) {
		t.Helper()
		f.passes(after)
		f.opened = nil
		err := f.look(t.Context())
		if slices.Contains(want, "away") != (err != nil) || !slices.Equal(f.opened, want) {
			t.Errorf("after %v: %q, want %q; %v", after, f.opened, want, err)
		}
	}
	look(0, "away", "here")
	look(time.Minute)
	look(lookAgain, "away")
	look(lookEvery, "away", "here")
	if err := f.Look(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	look(0, "away", "here")
	if got := f.of("away"); got.Failed == "" || !got.Read.IsZero() {
		t.Errorf("%+v", got)
	}
	if err := os.Rename(file, file+"~"); err != nil {
		t.Fatal(err)
	}
	f.passes(lookEvery)
	if err := f.look(t.Context()); err == nil {
		t.Error("a file that is gone can be read")
	}
	if got := f.of("here"); got.Failed == "" || len(got.Tables) != 1 || got.Read.IsZero() {
		t.Errorf("%+v", got)
	}
	f.configure(fmt.Sprintf(two, file) + "unwatched: off\n")
	look(2*lookEvery, []string(nil)...)
	if all, ok := f.Known(); ok || len(all) > 0 {
		t.Errorf("off: %v", all)
	}
	for _, err := range []error{f.Look(t.Context(), "ann"), f.Propose(t.Context(), sentinel.Table{}, "ann")} {
		if !errors.Is(err, page.ErrUnwatchedOff) {
			t.Errorf("off: %v", err)
		}
	}
}

// What the user of the DSN may not read is said in the proposal, and other databases of a server
// are none of the warehouse's, but those that are watched in part.
func TestPrivilegesAndDatabases(t *testing.T) {
	t.Parallel()
	dsn := testenv.MySQL(t)
	other := testenv.MySQL(t)
	name := func(dsn string) string {
		_, after, _ := strings.Cut(dsn, "/")
		n, _, _ := strings.Cut(after, "?")
		return n
	}
	testenv.Exec(t, "mysql", dsn, "CREATE TABLE a (id int, note text, created_at datetime)",
		"INSERT INTO a VALUES (1, 'x', now())", "CREATE VIEW broken AS SELECT note FROM a", "ALTER TABLE a DROP note")
	testenv.Exec(t, "mysql", other, "CREATE TABLE watched (id int)", "CREATE TABLE beside (id int)")
	text := fmt.Sprintf("warehouses: {my: {dsn: %q}}\ndatasets: [{table: my.nothing, checks: [schema]}]\n", dsn)
	f := newFinding(t, text)
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	here := []string{"my." + name(dsn) + ".a", "my." + name(dsn) + ".broken"}
	if got := f.tables("my"); !slices.Equal(got, here) {
		t.Errorf("%q, want %q", got, here)
	}
	if got := f.reads(here[1]); !strings.Contains(got.Proposal, "# - schema   # left out: it cannot be run") {
		t.Errorf("of a broken view: %+v", got)
	}
	if got := f.reads(here[0]); !strings.Contains(got.Proposal, "time_column: 'created_at'") {
		t.Errorf("%+v", got)
	}
	f.configure(strings.Replace(text, "my.nothing", "my."+name(other)+".watched", 1))
	f.Reloaded()
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.tables("my"); !slices.Contains(got, "my."+name(other)+".beside") {
		t.Errorf("beside a table that is watched: %q", got)
	}
}

// Of 50,000 tables the list has the 10,000 with the most rows, and all are counted.
func TestManyTables(t *testing.T) {
	t.Parallel()
	c := &warehouse.Catalog{DefaultSchema: "s", Tables: map[warehouse.TableName]*warehouse.Table{}}
	for i := range 50_000 {
		n := warehouse.TableName{Schema: "s", Name: fmt.Sprintf("t%05d", i)}
		c.Tables[n] = &warehouse.Table{TableName: n, Kind: warehouse.BaseTable, Rows: int64(i)}
	}
	cfg, err := config.Parse("c", []byte("warehouses: {w: {dsn: \"sqlite:x\"}}\n"+
		"datasets: [{table: w.s.t4999*, checks: [schema]}, {table: w.t49980, checks: [schema]}]\n"), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	d, err := warehouse.DialectNamed("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	found := choose(cfg, "w", d, c)
	if found.Count != 49_989 || found.Relations != 50_000 || len(found.Tables) != listed {
		t.Errorf("%d of %d, %d listed", found.Count, found.Relations, len(found.Tables))
	}
	if first, last := found.Tables[0].Rows, found.Tables[listed-1].Rows; first != 39_989 || last != 49_989 {
		t.Errorf("from %d to %d rows", first, last)
	}
	data, err := encode(found)
	if err != nil || len(data) > 200_000 {
		t.Errorf("%d bytes in the state, %v", len(data), err)
	}
	if got, err := decode(data); err != nil || !slices.Equal(got.Tables, found.Tables) {
		t.Errorf("it is not read as it was written: %v", err)
	}
}

// Run does what is asked for, and ends.
func TestRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "w.db")
	testenv.Exec(t, "sqlite", file, "CREATE TABLE a (id int)", "CREATE TABLE b (id int)")
	f := newFinding(t, fmt.Sprintf("warehouses: {w: {dsn: %q}}\ndatasets: [{table: w.a, checks: [schema]}]\n", "sqlite:"+file))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { f.Run(ctx); close(ended) }()
	until := func(is func() bool) {
		t.Helper()
		for !is() {
			select {
			case <-f.changed:
			case <-time.After(20 * time.Second):
				t.Fatalf("nothing has changed: %+v", f.of("w"))
			}
		}
	}
	until(func() bool { return len(f.tables("w")) == 1 && !f.of("w").Looking })
	b := sentinel.Table{Warehouse: "w", Schema: "main", Name: "b"}
	if err := f.Propose(ctx, b, "ann"); err != nil {
		t.Fatal(err)
	}
	until(func() bool { return !f.table("w.main.b").RowsRead.IsZero() && len(f.of("w").Asked) == 0 })
	stop()
	<-ended
}
