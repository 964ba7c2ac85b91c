package server

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sentinel-dq/sentinel/repair"
)

// handleSignals reloads at every SIGHUP, and switches repairs off at SIGUSR1,
// until ctx ends.
func (t *term) handleSignals(ctx context.Context) {
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(received)
	for {
		select {
		case <-ctx.Done():
			return
		case which := <-received:
			if which == syscall.SIGUSR1 {
				t.Log.Warn("repairs are switched off by SIGUSR1; `sentinel repair on` switches them on")
				off := repair.KillSwitchState{Off: true, Who: "SIGUSR1", Why: "a signal", At: t.Now()}
				if err := repair.SetKillSwitch(ctx, t.state, off); err != nil {
					t.Log.Error("switching repairs off", "error", err)
				}
				continue
			}
			if err := t.Reload(ctx); err != nil {
				t.Log.Error("reload failed: the agent continues with the previous configuration", "error", err)
			}
		}
	}
}
