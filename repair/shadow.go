package repair

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// ShadowReport says how often a policy's plans that were recorded and not
// applied (mode shadow, outside of the roll-out, dry_run) would have been right.
type ShadowReport struct {
	Policy  string
	Planned int
	// Confirmed: the same repair (table, action, scope) was applied for the same
	// incident after all, and helped. Contradicted: it did not.
	Confirmed, Contradicted int
	// Needless: the incident ended by itself before a repair would have.
	Needless int
	// Refused: the plan itself said that it must not be applied.
	Refused int
	// Unknown: the incident went on for long enough, and nobody tried the repair.
	Unknown int
	// Open: the incident has not ended.
	Open int
}

// Right is the share of plans that would have been right, among those for which it is
// known. ok is false if it is known of none.
func (s ShadowReport) Right() (share float64, ok bool) {
	known := s.Confirmed + s.Contradicted + s.Needless
	if known == 0 {
		return 0, false
	}
	return float64(s.Confirmed) / float64(known), true
}

// shadowLimit is how many repairs a report reads: the newest.
const shadowLimit = 100_000

// ShadowReports reports, by policy, on all plans that were made since a time and not
// applied. An incident that ended within grace of its plan would have ended before the
// repair: grace is how long a repair takes.
func ShadowReports(
	ctx context.Context, memory *store.Store, since time.Time, grace time.Duration,
) ([]ShadowReport, error) {
	all, err := memory.Repairs(ctx, store.RepairFilter{Since: since, Limit: shadowLimit})
	if err != nil {
		return nil, err
	}
	helped := outcomes(all)
	reports := map[string]*ShadowReport{}
	for _, r := range all {
		if r.State != sentinel.ShadowDone {
			continue
		}
		if reports[r.Policy] == nil {
			reports[r.Policy] = &ShadowReport{Policy: r.Policy}
		}
		report := reports[r.Policy]
		report.Planned++
		helps, tried := helped[workOf(r)]
		switch {
		case r.Plan.Class == sentinel.ClassRefused:
			report.Refused++
		case tried && helps:
			report.Confirmed++
		case tried:
			report.Contradicted++
		default:
			if err := report.countUntried(ctx, memory, r, grace); err != nil {
				return nil, err
			}
		}
	}
	var out []ShadowReport
	for _, s := range reports {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b ShadowReport) int { return cmp.Compare(a.Policy, b.Policy) })
	return out, nil
}

// repairWork is what a repair does, and for which incident.
type repairWork struct {
	incident, action, scope string
	table                   sentinel.Table
}

func workOf(r sentinel.Repair) repairWork {
	return repairWork{r.Incident, r.Plan.Action, r.Plan.Scope, r.Table}
}

// outcomes returns, for all work that was applied, whether it helped. all has the
// newest repair first. Of several repairs that did the same, the newest counts.
func outcomes(all []sentinel.Repair) map[repairWork]bool {
	helped := map[repairWork]bool{}
	for _, r := range slices.Backward(all) {
		switch r.State {
		case sentinel.RepairSucceeded:
			helped[workOf(r)] = true
		case sentinel.RolledBack, sentinel.DeadLetter, sentinel.RepairFailed:
			if !r.Applied.IsZero() {
				helped[workOf(r)] = false
			}
		case sentinel.WouldNotHelp:
			helped[workOf(r)] = false
		}
	}
	return helped
}

// countUntried adds a plan that no repair tried. The end of its incident decides.
func (s *ShadowReport) countUntried(
	ctx context.Context, memory *store.Store, r sentinel.Repair, grace time.Duration,
) error {
	i, known, err := memory.Incident(ctx, r.Incident)
	switch {
	case err != nil:
		return err
	case !known:
		s.Unknown++
	case i.State != sentinel.Resolved:
		s.Open++
	case i.Resolved.Sub(r.Created) <= grace:
		s.Needless++
	default:
		s.Unknown++
	}
	return nil
}
