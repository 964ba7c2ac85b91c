package hooks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
)

// markOf is a file that outlives this process. It is written before a program starts, and
// again with its pid once it has started.
func markOf(run *repair.Run, step string) (string, error) {
	directory, err := markDirectory(filepath.Join(os.TempDir(), fmt.Sprintf("sentinel-%d", os.Getuid())))
	return filepath.Join(directory, run.Repair.ID+"-"+step+".pid"), err
}

// markDirectory makes a directory that nobody else can write to. The ids of repairs are
// public: in a directory of all users, somebody could put a link in the place of a mark.
func markDirectory(path string) (string, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("the directory of mark files: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("the directory of mark files: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return "", repair.Refuse("%s is not a directory that only this user writes to: remove it", path)
	}
	return path, nil
}

// readMark reads the mark of an earlier try. While that program still runs, the repair
// is tried again later.
func readMark(mark string) (begunBefore bool, err error) {
	data, err := os.ReadFile(mark)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	var pid int
	var started string
	if _, err := fmt.Sscan(string(data), &pid, &started); err == nil && syscall.Kill(-pid, 0) == nil &&
		sameProcessGroup(pid, started) {
		return true, &repair.TransientError{Err: fmt.Errorf("the program of an earlier try still runs (process "+
			"group %d)", pid), After: 10 * time.Second}
	}
	return true, nil
}

// sameProcessGroup reports whether a process group is the one that began with this
// leader. The number of a leader that has ended is not given to another process while
// the group lives. A process with another start time is not the leader.
func sameProcessGroup(pid int, started string) bool {
	now := processStart(pid)
	return now == "" || now == started
}

// processStart returns when a process began, in the kernel's ticks since boot. It
// returns "" when the process has ended, or where there is no /proc.
func processStart(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // a name may hold anything, also a space
	fields := strings.Fields(rest)
	const starttime = 22 - 3 // of proc(5), counted from the field after the name
	if len(fields) <= starttime {
		return ""
	}
	return fields[starttime]
}
