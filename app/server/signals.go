package server

import (
	"context"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/web/page"
)

// handleSignals reloads at every SIGHUP, and switches repairs off at SIGUSR1,
// until ctx ends. Signals that came before are handled first.
func (t *term) handleSignals(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.RepairsOff:
			t.Log.Warn("repairs are switched off by SIGUSR1; `sentinel repair on` switches them on")
			off := repair.KillSwitchState{Off: true, Who: "SIGUSR1", Why: "a signal", At: t.Clock.Now()}
			if err := repair.SetKillSwitch(ctx, t.state, off); err != nil {
				t.Log.Error("switching repairs off", "error", err)
			}
		case <-t.HangUp:
			if _, err := t.Reload(ctx); err != nil {
				t.Log.Error("reload failed: the agent continues with the previous configuration", "error", err)
			}
		}
	}
}

// Leads implements web.Condition.
func (t *term) Leads() bool { return t.leads.Load() }

// Excerpt implements page.Configuration.
func (t *term) Excerpt(of sentinel.Table) (e config.Excerpt, ok bool, err error) {
	return t.inForce.Load().Excerpt(of)
}

// Peers implements page.Condition.
func (t *term) Peers() int {
	if t.member == nil {
		return 0
	}
	return t.member.Peers()
}

// Backups implements page.Condition.
func (t *term) Backups() (page.Backups, bool) { return t.backups.known() }

// Problems implements web.Condition.
func (t *term) Problems() (all []string) {
	all = append(all, t.agent.Problems()...)
	all = append(all, t.rollback.problems()...)
	all = append(all, t.backups.problems()...)
	if text := t.reloadFailed.Load(); text != nil && *text != "" {
		all = append(all, "The last reload failed, and the configuration before is in force: "+*text)
	}
	if rest := t.agent.Unfinished(); len(rest) > 0 {
		all = append(all, "The configuration was reloaded. These still end under the one before: "+strings.Join(rest, ", "))
	}
	return all
}
