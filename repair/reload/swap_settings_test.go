package reload_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// dumped is how pg_dump describes the partition of Tuesday, without its rows.
func dumped(b *repairtest.Fixture) string {
	b.T.Helper()
	program, err := exec.LookPath("pg_dump")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); err != nil && len(found) > 0 {
		program = found[len(found)-1]
	}
	out, err := exec.CommandContext(b.T.Context(), program, "--schema-only", "--table=orders_11", b.Owner).CombinedOutput()
	if err != nil {
		b.T.Fatalf("%v: %s", err, out)
	}
	return regexp.MustCompile(`(?m)^(--.*|\\(un)?restrict .*|)\n`).ReplaceAllString(string(out), "")
}

// settings are what may lie on a partition, and be kept when another takes its place.
var settings = [][]string{
	{"ALTER TABLE orders_11 SET (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false)"},
	{"COMMENT ON TABLE orders_11 IS 'it''s precious'", "COMMENT ON COLUMN orders_11.note IS 'a note'"},
	{"ALTER TABLE orders_11 ALTER note SET STATISTICS 500, ALTER amount SET (n_distinct = 7)"},
	{"ALTER TABLE orders_11 ALTER note SET STORAGE EXTERNAL, ALTER note SET DEFAULT 'x'"},
	{"ALTER TABLE orders_11 REPLICA IDENTITY FULL"},
	{"ALTER INDEX orders_11_pkey RENAME TO \"Key\"", "ALTER INDEX orders_11_note_idx RENAME TO by_note"},
	{"CREATE INDEX own ON orders_11 (lower(note) DESC) WHERE amount > 3", "CREATE UNIQUE INDEX own2 ON orders_11 (id)",
		"CREATE INDEX own3 ON orders_11 (lower(note) DESC) WHERE amount > 3", "COMMENT ON INDEX own2 IS 'mine'"},
	{"ALTER TABLE orders_11 ADD CONSTRAINT small CHECK (amount < 1000)", "COMMENT ON CONSTRAINT small ON orders_11 IS 'why'"},
	{"CREATE TABLE notes (note varchar(20) PRIMARY KEY)", "INSERT INTO notes SELECT note FROM staging UNION SELECT note FROM orders",
		"ALTER TABLE orders ADD CONSTRAINT known FOREIGN KEY (note) REFERENCES notes"},
	{"ALTER TABLE orders ADD gone integer", "ALTER TABLE orders DROP gone", "ALTER TABLE orders ADD more text", "ALTER TABLE staging ADD more text"},
	{"CREATE TABLE orders_new (note varchar(20), at timestamptz NOT NULL, id integer NOT NULL, amount numeric(10,2))",
		"INSERT INTO orders_new SELECT note, at, id, amount FROM orders_11", "DROP TABLE orders_11", "ALTER TABLE orders_new RENAME TO orders_11",
		"ALTER TABLE orders_11 ADD CONSTRAINT orders_amount_check CHECK (amount >= 0)",
		"ALTER TABLE orders ATTACH PARTITION orders_11 FOR VALUES FROM ('2026-03-11 00:00+00') TO ('2026-03-12 00:00+00')"},
}

// TestSwapKeepsSettings swaps a partition, and takes the swap back. pg_dump describes the
// partition as before each time.
func TestSwapKeepsSettings(t *testing.T) {
	t.Parallel()
	var together []string
	for _, s := range settings[:9] {
		together = append(together, s...)
	}
	for _, s := range append(slices.Clone(settings), together) {
		t.Run(s[0], func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, "postgres")
			partitioned(b)
			b.Exec(s...)
			before := dumped(b)
			a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", Method: "swap"}
			run := b.NewRun(a, b.Target())
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			if got := dumped(b); got != before {
				t.Errorf("swapped:\n%s\nwant\n%s", got, before)
			}
			if got := shown(b, "SELECT sum(amount) FROM orders_11"); got != "100|\n" {
				t.Errorf("the partition holds %s", got)
			}
			b.Must(a.Rollback(t.Context(), run))
			if got := dumped(b); got != before {
				t.Errorf("taken back:\n%s\nwant\n%s", got, before)
			}
		})
	}
}

// TestSwapRefusesWhatItWouldLose: what cannot be kept is named, before anything changes.
func TestSwapRefusesWhatItWouldLose(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	partitioned(b)
	for _, c := range []struct{ do, undo, want string }{
		{"CREATE VIEW seen AS SELECT id FROM orders_11", "DROP VIEW seen", "view seen"},
		{"CREATE MATERIALIZED VIEW kept AS SELECT id FROM orders_11", "DROP MATERIALIZED VIEW kept", "materialized view kept"},
		{"ALTER TABLE orders_11 SET UNLOGGED", "ALTER TABLE orders_11 SET LOGGED", "a storage of another kind"},
		{"CREATE STATISTICS st ON id, note FROM orders_11", "DROP STATISTICS st", "the statistics st"},
		{"CREATE TABLE kid (id integer, at timestamptz, FOREIGN KEY (id, at) REFERENCES orders_11)", "DROP TABLE kid", "the foreign key"},
		{"CREATE SEQUENCE own OWNED BY orders_11.id", "DROP SEQUENCE own", "the sequence own"},
		{"CREATE RULE r AS ON DELETE TO orders_11 DO ALSO NOTHING", "DROP RULE r ON orders_11", "table orders_11"},
		{"CREATE PUBLICATION p FOR TABLE orders", "DROP PUBLICATION p", "the publication p does not tell"},
	} {
		b.Exec(c.do)
		before := dumped(b) + b.Rows("orders")
		if err := tryReload(b, "swap"); err == nil || !strings.Contains(err.Error(), c.want) || dumped(b)+b.Rows("orders") != before {
			t.Errorf("%s: %v, want %s", c.do, err, c.want)
		}
		b.Exec(c.undo)
	}
}

// tryReload plans, stages and applies a reload of orders, as far as it gets.
func tryReload(b *repairtest.Fixture, method string) error {
	b.T.Helper()
	a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Partition: "at", Method: method}
	b.Must(a.Validate())
	plan, err := a.Plan(b.T.Context(), b.Target(), b.OpenIncident(repairtest.MissingDay))
	if err != nil {
		return err
	}
	run := &repair.Run{Target: b.Target(), MayLose: 1000, Repair: sentinel.Repair{
		ID: "r1", Key: "k1", Table: b.Table("orders"), Plan: plan, Fence: 1, Attempts: 1,
	}}
	if err := a.Stage(b.T.Context(), run); err != nil {
		return err
	}
	return a.Apply(b.T.Context(), run)
}

// TestConcurrentWritesAreNotSwappedAway has another session commit around a swap.
func TestConcurrentWritesAreNotSwappedAway(t *testing.T) {
	t.Parallel()
	for i, isolation := range []string{"read committed", "repeatable read", "serializable"} {
		for _, engine := range []string{"postgres", "mysql"} {
			if engine == "mysql" && i > 0 {
				continue // DDL has no level
			}
			t.Run(isolation+" "+engine, func(t *testing.T) {
				t.Parallel()
				b := repairtest.New(t, engine)
				b.CreatePartitionedOrders()
				tryWrites(t, b, "swap", isolation, i)
			})
		}
	}
}
