package config

import "github.com/sentinel-dq/sentinel/backup"

// backup validates `backup:`.
func (r *reader) backup(e *backupEntry) *backup.Config {
	if e == nil || e.node == nil || r.isWrong(e.node) {
		return nil
	}
	if e.To != "" && !backup.Remote(e.To) {
		e.To = r.path(e.To)
	}
	if err := e.Config.Validate(); err != nil {
		r.invalid(e.node, e.node, "backup", err)
		return nil
	}
	return &e.Config
}
