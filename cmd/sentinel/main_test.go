package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // for `sql`

	"github.com/sentinel-dq/sentinel/testenv"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sentinel": main})
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
			"mkdirs": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, a := range args {
					ts.Check(os.MkdirAll(ts.MkAbs(a), 0o700))
				}
			},
		},
	})
}
