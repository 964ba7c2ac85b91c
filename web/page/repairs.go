package page

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addScreen(screen{
		path: "/repairs", template: "repairs.html", nav: "Repairs", order: 40, live: "repair",
		show: func(s *Site, r *http.Request) (any, error) { return s.repairList(r) },
	})
}

// repairsData is the content of repairs.html.
type repairsData struct {
	Sentence string
	Now      time.Time
	Waiting  []sentinel.Repair // for a yes
	GivenUp  []sentinel.Repair
	Active   []sentinel.Repair
	Ended    []sentinel.Repair
	Off      bool // repairs are switched off
	OffWhy   string
}

// lately is how many repairs that have ended are listed.
const lately = 50

// repairsSince returns the newest repairs since a time, and all that await an approval, however
// old they are.
func (s *Site) repairsSince(ctx context.Context, since time.Time, most int) ([]sentinel.Repair, error) {
	all, err := s.Store.Repairs(ctx, store.RepairFilter{Since: since, Limit: most})
	if err != nil {
		return nil, err
	}
	waiting, err := s.Store.Repairs(ctx, store.RepairFilter{State: sentinel.AwaitingApproval})
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, r := range all {
		known[r.ID] = true
	}
	for _, r := range waiting {
		if !known[r.ID] {
			all = append(all, r)
		}
	}
	return all, nil
}

func (s *Site) repairList(r *http.Request) (d repairsData, err error) {
	ctx := r.Context()
	d.Now = s.Clock.Now()
	d.OffWhy, d.Off = s.killSwitch(ctx)
	active, err := s.Store.Repairs(ctx, store.RepairFilter{Active: true})
	if err != nil {
		return d, err
	}
	if d.GivenUp, err = s.Store.Repairs(ctx, store.RepairFilter{State: sentinel.DeadLetter, Limit: mostListed}); err != nil {
		return d, err
	}
	for _, v := range active {
		if v.State == sentinel.AwaitingApproval && !approved(v, d.Now) {
			d.Waiting = append(d.Waiting, v)
		} else {
			d.Active = append(d.Active, v)
		}
	}
	if d.Ended, err = s.Store.Repairs(ctx, store.RepairFilter{Limit: lately * 2}); err != nil {
		return d, err
	}
	d.Ended = slices.DeleteFunc(d.Ended, func(v sentinel.Repair) bool {
		return !v.State.Final() || v.State == sentinel.DeadLetter
	})
	d.Ended = d.Ended[:min(lately, len(d.Ended))]
	for _, list := range [][]sentinel.Repair{d.Waiting, d.GivenUp, d.Active, d.Ended} {
		Unnamed(ctx, list, UnnamedRepair)
	}
	switch {
	case d.Off:
		d.Sentence = "Repairs are switched off"
	case len(d.Waiting)+len(d.GivenUp) > 0:
		d.Sentence = plural(len(d.Waiting)+len(d.GivenUp), "repair needs", "repairs need") + " you"
	case len(d.Active) > 0:
		d.Sentence = "Sentinel works on " + plural(len(d.Active), "repair", "repairs")
	default:
		d.Sentence = "No repair needs you"
	}
	return d, nil
}
