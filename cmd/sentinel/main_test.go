package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // for `sql`

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sentinel": main})
}

// rememberArrivals writes sixty days of looks at noon into a state: the day's
// rows came at 5:20, and on the last days at 7:10.
func rememberArrivals(ctx context.Context, state, check string, late int) (err error) {
	s, err := store.Open(ctx, "sqlite:"+state)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	var batch store.Batch
	for d := 60; d > 0; d-- {
		day := today.AddDate(0, 0, -d)
		newest := day.Add(5*time.Hour + 20*time.Minute)
		if d <= late {
			newest = day.Add(7*time.Hour + 10*time.Minute)
		}
		batch.Results = append(batch.Results, sentinel.Result{
			Check: check, Kind: "freshness", Table: sentinel.Table{Warehouse: "shop", Schema: "main", Name: "orders"}, Tick: day.Add(12 * time.Hour),
			Observations: []sentinel.Observation{{Metric: "newest_timestamp_seconds", Value: sentinel.Int(newest.Unix())}},
		})
	}
	_, err = s.Record(ctx, batch)
	return err
}

// TestCommands runs the scripts of testdata: each is the command line as a
// person types it, and what it must answer. `sql FILE STATEMENT` writes to a
// SQLite file.
func TestCommands(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sql": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: sql FILE STATEMENT...")
				}
				testenv.Exec(t, "sqlite", ts.MkAbs(args[0]), args[1:]...)
			},
			"arrivals": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 3 {
					ts.Fatalf("usage: arrivals STATE CHECK LATE-DAYS")
				}
				late, err := strconv.Atoi(args[2])
				ts.Check(err)
				ts.Check(rememberArrivals(t.Context(), ts.MkAbs(args[0]), args[1], late))
			},
			"mkdirs": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, a := range args {
					ts.Check(os.MkdirAll(ts.MkAbs(a), 0o700))
				}
			},
		},
	})
}
