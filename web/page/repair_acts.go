package page

import (
	"context"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/repair"
)

func init() {
	for _, what := range []string{"approve", "reject", "rollback", "retry", "discard"} {
		addAction(action{path: "/repairs/{id}/" + what, role: access.Operator,
			do: func(s *Site, r *request) (string, error) { return decideRepair(s, r, what) }})
	}
	for _, setting := range []string{"off", "on"} {
		addAction(action{path: "/repairs/" + setting, role: access.Operator,
			do: func(s *Site, r *request) (string, error) { return switchRepairs(s, r, setting == "off") }})
	}
}

// decideRepair takes a person's decision on a repair, and leads to the repair that is then active.
func decideRepair(s *Site, r *request, what string) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	id := r.PathValue("id")
	back := "/repairs/" + id
	if what == "approve" && r.Field("hash") == "" {
		return "", badRequest("The form names no plan: load the page again.")
	}
	decisions := repair.Decisions{Store: s.Store, Clock: s.Clock, Who: r.Who()}
	moved, err := decisions.Decide(ctx, repair.Decision{Kind: what, ID: id, Hash: r.Field("hash"), Why: r.Field("why")})
	if err == nil && what == "approve" && moved.Approval != nil && moved.Approval.By != r.Who() {
		err = fmt.Errorf("somebody was quicker: %s has approved this plan at %s. Nothing was done twice",
			moved.Approval.By, moved.Approval.At.UTC().Format("15:04:05 UTC"))
	}
	if err != nil {
		return "", s.refused(err, back)
	}
	s.Board.Repaired(moved)
	if moved.ID != id { // retried
		s.Board.Repaired(sentinel.Repair{ID: id, Table: moved.Table, State: sentinel.RepairFailed})
	}
	return "/repairs/" + moved.ID, nil
}

// switchRepairs sets the kill switch of all repairs.
func switchRepairs(s *Site, r *request, off bool) (string, error) {
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	if off && r.Field("why") == "" {
		return "", badRequest("Say why repairs are to be switched off: others will ask.")
	}
	state := repair.KillSwitchState{Off: off, Who: r.Who(), Why: r.Field("why"), At: s.Clock.Now()}
	if err := repair.SetKillSwitch(ctx, s.Store, state); err != nil {
		return "", s.refused(err, "/repairs")
	}
	s.Board.news.add("repair", sentinel.Table{})
	return "/repairs", nil
}
