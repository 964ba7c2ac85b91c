package backup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// Only what an ended process has left of the same state is removed: agents of other states,
// and a command that takes a backup now, go on to use theirs.
func TestCleanLeavesWhatIsInUse(t *testing.T) {
	t.Parallel()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "[a-z]*") // no pattern
	own, other := &Keeper{Scratch: dir, State: "postgres://db/a"}, &Keeper{Scratch: dir, State: "postgres://db/b"}
	ended, parent := strconv.Itoa(gone.Process.Pid), strconv.Itoa(os.Getppid())
	left := []string{own.prefix() + ended + "-1", own.prefix() + strconv.Itoa(os.Getpid()) + "-1"}
	kept := []string{
		own.prefix() + parent + "-1", own.prefix() + "x-1", other.prefix() + ended + "-1",
		scratchPrefix + "123456", "notes.txt",
	}
	for _, name := range slices.Concat(left, kept) {
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := own.Clean(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(kept)
	if err != nil || !slices.Equal(names, kept) {
		t.Errorf("%v, %v, want %v", names, err, kept)
	}
	made, err := other.scratch()
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Clean(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(made); err != nil {
		t.Errorf("the directory of another state: %v", err)
	}
	if err := (&Keeper{Scratch: filepath.Join(dir, "none")}).Clean(); err == nil {
		t.Error("a directory that cannot be read is no error")
	}
}
