package engine

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// TestDamagedTicksAreLeftOut: rows that cannot be decoded do not keep a state from being migrated. A
// warning counts them, and all others are there.
func TestDamagedTicksAreLeftOut(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	script, err := os.ReadFile("../../sqlite/migrations/012_names.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`
CREATE TABLE tick (id INTEGER PRIMARY KEY, tick INTEGER NOT NULL, schedule TEXT NOT NULL, low TEXT NOT NULL,
  high TEXT NOT NULL, n INTEGER NOT NULL, checks INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX tick_at ON tick (tick, schedule);`)
	if err != nil {
		t.Fatal(err)
	}
	const rows, whole = 4 * jsonPage, 3 * jsonPage / 2 // a page of damaged rows, and some in others
	for n := range rows {
		args, err := jsonTickArgs(int64(n), "@hourly", []jsonTick{{Dataset: fmt.Sprint("t", n%7), Runs: []jsonRun{{Check: "c"}}}})
		if err != nil {
			t.Fatal(err)
		}
		if body := args[6].([]byte); n >= whole {
			args[6] = [][]byte{{}, body[:len(body)/2], []byte("[]")}[n%3]
		}
		if _, err := db.Exec(insertJSONTicks, args...); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(string(script)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	err = NumberNames(t.Context(), tx)
	slog.SetDefault(before)
	if err != nil || !strings.Contains(log.String(), "level=WARN") ||
		!strings.Contains(log.String(), fmt.Sprint("rows=", rows-whole)) {
		t.Errorf("%v; it logs %s", err, &log)
	}
	var n, ticks int
	if err := tx.QueryRow(`SELECT count(*), max(tick) + 1 FROM tick`).Scan(&n, &ticks); err != nil || n != whole || ticks != whole {
		t.Errorf("%d rows are left, the last one %d; %v", n, ticks-1, err)
	}
}
