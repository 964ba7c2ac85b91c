package postgres

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestCatalogRowsMayComeInAnyOrder: the server promises none for the parts of a
// UNION ALL.
func TestCatalogRowsMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	dsn := testenv.Postgres(t)
	testenv.Exec(
		t,
		"pgx",
		dsn,
		"CREATE TYPE mood AS ENUM ('good', 'bad')",
		`CREATE TABLE parent (
			id integer PRIMARY KEY, code text NOT NULL UNIQUE, mood mood, dropped integer, amount numeric(12,2) DEFAULT 5)`,
		"ALTER TABLE parent DROP COLUMN dropped",
		"COMMENT ON TABLE parent IS 'of children'",
		`CREATE TABLE child (
			id bigint PRIMARY KEY, parent integer REFERENCES parent (id),
			code text REFERENCES parent (code) ON DELETE CASCADE, at timestamptz)`,
		"CREATE INDEX ON child (at DESC, lower(code)) INCLUDE (parent) WHERE parent > 7",
		"CREATE TABLE parts (id bigint, at timestamptz NOT NULL, PRIMARY KEY (at, id)) PARTITION BY RANGE (at)",
		"CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-11-01') TO ('2026-11-02')",
		"CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-11-02') TO ('2026-11-03')",
		"CREATE TABLE unwanted (id integer PRIMARY KEY)",
		"CREATE VIEW seen AS SELECT id FROM child",
	)
	pool, err := Dialect{}.Open(warehouse.Config{
		DSN:              sentinel.NewSecret(dsn),
		Clock:            sentinel.ClockFunc(time.Now),
		Observer:         warehouse.NopObserver{},
		MaxConnections:   1,
		StatementTimeout: 30 * time.Second,
		LockTimeout:      time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	scope := warehouse.Scope{Facts: warehouse.AllFacts}
	for _, name := range []string{"parent", "child", "parts", "seen", "missing"} {
		scope.Tables = append(scope.Tables, warehouse.TableName{Schema: "public", Name: name})
	}
	rows, err := warehouse.Ask(t.Context(), pool, catalogStatement(warehouse.Scope{Facts: warehouse.AllFacts}))
	if err != nil {
		t.Fatal(err)
	}
	read := func(rows warehouse.Rows) (c *warehouse.Catalog, waited int) {
		reading := newReading(scope)
		reused := make([]warehouse.Cell, len(rows[0]))
		for _, row := range rows {
			copy(reused, row)
			if err := reading.row(reused); err != nil {
				t.Fatal(err)
			}
		}
		waited = len(reading.waiting)
		if c, err = reading.end(); err != nil {
			t.Fatal(err)
		}
		return c, waited
	}
	want, waited := read(rows)
	child := want.Tables[warehouse.TableName{Schema: "public", Name: "child"}]
	if len(want.Tables) != 4 || len(child.Columns) != 4 || len(child.ForeignKeys) != 2 || len(child.Indexes) != 2 ||
		want.DefaultSchema != "public" {
		t.Fatalf("%d tables, child %+v", len(want.Tables), child)
	}
	if waited > 0 {
		t.Errorf("%d rows wait in the order that the server gives today", waited)
	}
	for seed := range uint64(50) {
		shuffled := slices.Clone(rows)
		rand.New(rand.NewPCG(seed, 0)).
			Shuffle(len(rows), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got, _ := read(shuffled)
		for name, table := range want.Tables {
			if !reflect.DeepEqual(got.Tables[name], table) {
				t.Errorf("seed %d: %+v, want %+v", seed, got.Tables[name], table)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: another catalog", seed)
		}
	}
}
