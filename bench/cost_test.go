package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sentinel-dq/sentinel/testenv"
)

// TestCostBesideTheFloor holds what a check costs a PostgreSQL to what the
// hand-written statements cost it: counts, which do not depend on the machine.
func TestCostBesideTheFloor(t *testing.T) {
	server, err := testenv.StartPostgres("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all", "shared_buffers=512MB", "fsync=off", "autovacuum=off")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	conn, err := pgx.Connect(t.Context(), server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := build(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "sentinel")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/sentinel").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	reader := strings.Replace(server.DSN, "postgres@", "reader@", 1)
	for name, limit := range map[string]struct{ statements, blocks, ratio float64 }{
		"mart":            {205, 0, 1.02},
		"rich":            {205, 0, 1.02},
		"events":          {5, 250, 0}, // a few blocks of catalog beside the floor's; 1.02 of it at 20 million rows (go run ./bench -per-day 335000)
		"events-estimate": {5, 250, 0},
	} {
		config := filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(config, []byte(configOf(name, reader)), 0o600); err != nil {
			t.Fatal(err)
		}
		floor, err := one(t.Context(), conn, exec.Command(os.Args[0], append(floorArgs(reader), name)...))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := one(t.Context(), conn, exec.Command(binary, "check", "-c", config))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.0f statements (floor %.0f), %.0f blocks (floor %.0f)", name, ours[0], floor[0], ours[1], floor[1])
		if ours[0] > limit.statements || limit.blocks > 0 && ours[1] > limit.blocks || limit.ratio > 0 && ours[1] > limit.ratio*floor[1] {
			t.Errorf("%s costs more than %+v", name, limit)
		}
	}
}

// TestMain lets the test's binary be the floor, as the command itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "-floor" {
		main()
		return
	}
	os.Exit(m.Run())
}
