package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// scratchPrefix begins the names of scratch directories. A hash of the state's address and
// the id of the process follow: agents of several states may share a directory such as /tmp.
const scratchPrefix = ".sentinel-backup-"

// prefix begins the names of the scratch directories of the keeper's state.
func (k *Keeper) prefix() string {
	sum := sha256.Sum256([]byte(k.State))
	return scratchPrefix + hex.EncodeToString(sum[:6]) + "-"
}

// scratch makes a scratch directory of this process.
func (k *Keeper) scratch() (string, error) {
	return os.MkdirTemp(k.Scratch, k.prefix()+strconv.Itoa(os.Getpid())+"-")
}

// Clean removes what processes that have ended have left of this state in the scratch
// directory. One keeper of a process may clean while no other takes a backup of the state.
func (k *Keeper) Clean() error {
	entries, err := os.ReadDir(k.Scratch)
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), k.prefix())
		text, _, _ := strings.Cut(rest, "-")
		pid, wrong := strconv.Atoi(text)
		if ours && wrong == nil && ended(pid) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(k.Scratch, e.Name())))
		}
	}
	return err
}

// ended reports whether a process has ended. One with the id of this process has: a
// container that is started again gives the same ids.
func ended(pid int) bool {
	return pid > 0 && (pid == os.Getpid() || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH))
}
