package setup

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/store"
)

// Keeper keeps the backups of `backup:`; nil without it. It writes scratch files beside a
// state in a file, where there is space for it.
func (s Setup) Keeper() *backup.Keeper {
	if s.Config.Backup == nil {
		return nil
	}
	return s.KeeperOf(s.Config.Backup)
}

// KeeperOf is Keeper for another destination.
func (s Setup) KeeperOf(c *backup.Config) *backup.Keeper {
	scratch := os.TempDir()
	if !store.Shared(s.Config.State.Reveal()) {
		scratch = filepath.Dir(strings.TrimPrefix(s.Config.State.Reveal(), "sqlite:"))
	}
	state := store.Redact(s.Config.State.Reveal())
	return &backup.Keeper{Config: c, Scratch: scratch, State: state, Clock: s.Clock}
}
