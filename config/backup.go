package config

import (
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/outbound"
)

// backup validates `backup:`. Its requests go by the rules of the file.
func (r *reader) backup(e *backupEntry, rules *outbound.Rules) *backup.Config {
	if e == nil || e.node == nil || r.isWrong(e.node) {
		return nil
	}
	if e.To != "" && !backup.Remote(e.To) {
		e.To = r.path(e.To)
	}
	e.Outbound = rules
	if err := e.Config.Validate(); r.invalid(e.node, e.node, "backup", err) {
		return nil
	}
	return &e.Config
}
