package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHistories applies short histories to real servers. Both comparisons agree, and the
// reference finds what the files do.
func TestHistories(t *testing.T) {
	t.Parallel()
	histories := map[string]struct {
		files []string
		want  []string // kinds with their numbers
	}{
		"postgres": {
			[]string{
				"CREATE TABLE p (id int PRIMARY KEY, n text UNIQUE); CREATE INDEX i ON p (n); CREATE VIEW v AS SELECT n FROM p",
				"ALTER TABLE p RENAME n TO m; ALTER TABLE p ADD k int NOT NULL DEFAULT 1",
				"ALTER TABLE p ALTER k TYPE bigint, ADD CHECK (k > 0); DROP INDEX i; DROP VIEW v",
			},
			[]string{"column_renamed 1", "column_added 1", "type 1", "check_changed 1", "index_removed 1", "table_dropped 1"},
		},
		"mysql": {
			[]string{
				"CREATE TABLE p (id int PRIMARY KEY, n varchar(20), KEY i (n)); CREATE TABLE q (id int)",
				"ALTER TABLE p MODIFY n varchar(40) NOT NULL, DROP KEY i, ADD UNIQUE u (n); DROP TABLE q",
				"ALTER TABLE p CHANGE COLUMN n m varchar(40) NOT NULL",
			},
			[]string{"column_renamed 1", "type 1", "nullability 1", "index_removed 1", "unique_changed 1", "table_dropped 1"},
		},
	}
	for dialect, history := range histories {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, text := range history.files {
				if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".sql"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			wrong, err := run(t.Context(), dialect, dir, true, &out)
			if err != nil || wrong > 0 || !strings.Contains(out.String(), "0 not applied") {
				t.Fatalf("%d wrong, %v\n%s", wrong, err, out.String())
			}
			plain := strings.Join(strings.Fields(out.String()), " ")
			for _, want := range history.want {
				if !strings.Contains(plain, want+" 0 0") {
					t.Errorf("no %s in\n%s", want, out.String())
				}
			}
		})
	}
}

// TestDisagreementIsCounted holds that the table shows what only one comparison found.
func TestDisagreementIsCounted(t *testing.T) {
	t.Parallel()
	a, b := difference{"type", "t", "a"}, difference{"type", "t", "b"}
	got := compare(map[difference]bool{a: true}, map[difference]bool{b: true})
	if got.wrong() != 2 || got.missed[0] != b || got.spurious[0] != a {
		t.Errorf("%+v", got)
	}
}
