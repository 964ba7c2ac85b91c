package sqlite

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// lockFile takes the writer's lock and writes this process's id to it. The lock is a
// file of its own, because SQLite's locks last only for a transaction. The system
// releases it however the process ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, describe(path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(inUse(path, f, err), f.Close())
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) { // the lock holds without the id
		return nil, errors.Join(describe(path, err), f.Close())
	}
	return f, nil
}

// unlockFile releases the lock at once. Closing alone would leave it with a child
// process that is between fork and exec and still holds the descriptor.
func unlockFile(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

func inUse(path string, f *os.File, err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("state %s: locking %s: %w", path, f.Name(), err)
	}
	who := ""
	text := make([]byte, 32)
	if n, err := f.Read(text); err == nil { // an empty file: the other is just starting
		who = " (process " + strings.TrimSpace(string(text[:n])) + ")"
	}
	return fmt.Errorf("state %s: %w%s: stop it, or configure another `state:`", path, engine.ErrLocked, who)
}
