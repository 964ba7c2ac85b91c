package store_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// dumpedPoint is a point of a series, its value as the bits of the float.
type dumpedPoint struct {
	At   int64
	Bits string
	Bad  bool
}

// dump is what a state holds, as the exported methods return it.
type dump struct {
	Ticks     map[string][]store.TickRecord
	LastTicks map[string]time.Time
	Points    map[string][]dumpedPoint
	Runs      map[string][]store.Run
	Results   []sentinel.Result
	Baselines map[string][]store.Snapshot
	Digests   map[string]string
	Incidents []sentinel.Incident
	Repairs   []sentinel.Repair
	Breakers  []store.Breaker
	Audit     []store.AuditEntry
	AuditHead string
	Outbox    []store.OutboxItem
	States    map[string][]store.State
	Stats     store.Stats
}

// dumpStates are the kinds of state that the fixtures hold.
var dumpStates = []string{"anomaly", "confirm", "risk", "silence", "switch", "thinned"}

func dumpState(ctx context.Context, s *store.Store) (d dump, err error) {
	d = dump{
		Ticks: map[string][]store.TickRecord{}, LastTicks: map[string]time.Time{}, Points: map[string][]dumpedPoint{},
		Runs: map[string][]store.Run{}, Baselines: map[string][]store.Snapshot{}, Digests: map[string]string{},
		States: map[string][]store.State{},
	}
	const all = 1 << 20
	keep := func(e error) {
		if err == nil && e != nil {
			err = e
		}
	}
	last, e := s.LastTicks(ctx)
	keep(e)
	for key, at := range last {
		d.LastTicks[fmt.Sprint(key.Schedule, " ", key.Table)] = at
		d.Ticks[key.Table.String()], e = s.Ticks(ctx, key.Table, all)
		keep(e)
	}
	series, e := s.SeriesOf(ctx, "")
	keep(e)
	for _, v := range series {
		points, e := s.Points(ctx, v, time.Time{}, all)
		keep(e)
		name := fmt.Sprintf("%s %s %q", v.Check, v.Metric, v.Segment)
		d.Points[name] = []dumpedPoint{}
		for _, p := range points {
			bits := fmt.Sprintf("%016x", math.Float64bits(p.Value))
			d.Points[name] = append(d.Points[name], dumpedPoint{p.Time.UnixMicro(), bits, p.Bad})
		}
	}
	d.Results, e = s.LastResults(ctx, store.Filter{})
	keep(e)
	var checks []string
	for _, r := range d.Results {
		checks = append(checks, r.Check)
		d.Runs[r.Check], e = s.Runs(ctx, r.Check, time.Time{}, all)
		keep(e)
		if history, e := s.Baselines(ctx, r.Check); len(history) > 0 || e != nil {
			d.Baselines[r.Check] = history
			keep(e)
		}
	}
	digests, e := s.BaselineDigests(ctx, checks)
	keep(e)
	for check, digest := range digests {
		d.Digests[check] = hex.EncodeToString(digest)
	}
	d.Incidents, e = s.Incidents(ctx, store.IncidentFilter{Resolved: true, Limit: all})
	keep(e)
	d.Repairs, e = s.Repairs(ctx, store.RepairFilter{Limit: all})
	keep(e)
	d.Breakers, e = s.Breakers(ctx)
	keep(e)
	d.Audit, e = s.Audit(ctx, "", all)
	keep(e)
	_, d.AuditHead, e = s.VerifyAudit(ctx)
	keep(e)
	d.Outbox, e = s.Outbox(ctx, store.OutboxFilter{Limit: all})
	keep(e)
	for _, kind := range dumpStates {
		states, e := s.States(ctx, kind)
		keep(e)
		for i := range states {
			if len(states[i].Data) == 0 {
				states[i].Data = nil // NULL and empty are the same
			}
		}
		d.States[kind] = states
	}
	d.Stats, e = s.Stats(ctx)
	keep(e)
	d.Stats.Bytes = 0
	return d, err
}
