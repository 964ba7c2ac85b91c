package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/dispatch"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// newCrew makes this agent's part in sharing work with those that have the same
// state and the same configuration.
func (o Options) newCrew(cfg *config.Config, hand *agent.Hand, leads bool, metrics *exporters.Prometheus) *dispatch.Crew {
	id := fmt.Sprintf("%016x", rand.Uint64())
	return dispatch.New(dispatch.Config{
		URL: cfg.State, ID: id, Group: group(cfg, o.Version), Leads: leads, Kinds: kinds(cfg, hand), Now: o.Now, Log: o.Log,
		Shared: func(kind, by string, err error) {
			where := "elsewhere"
			switch {
			case err != nil:
				where = "unanswered"
				o.Log.Warn("an agent did not answer", "work", kind, "agent", by)
			case by == id:
				where = "here"
			}
			metrics.Add(exporters.WorkShared, 1, kind, where)
		},
	})
}

// group is what agents must have in common to do each other's work.
func group(cfg *config.Config, version string) string { return cfg.Fingerprint(version) }

// kinds are the work that agents do for each other. A look is given up by its
// statements' timeouts, a repair by nothing but its lease. An agent takes two parts
// of a tick at a time, so that the others get theirs.
func kinds(cfg *config.Config, hand *agent.Hand) map[string]dispatch.Kind {
	look := dispatch.Kind{Limit: time.Minute, Workers: 2 * max(1, len(cfg.Warehouses))}
	for _, w := range cfg.Warehouses {
		look.Limit = max(look.Limit, 2*w.StatementTimeout+30*time.Second)
	}
	all := map[string]dispatch.Kind{agent.WorkLook: look, agent.WorkRepair: {Limit: 12 * time.Hour, Workers: 8}, agent.WorkTell: {}}
	for name, do := range hand.Handlers() {
		k := all[name]
		k.Do = do
		all[name] = k
	}
	return all
}

// killed is the kill switch of repairs: in the state, the environment, or the
// configuration.
func killed(ctx context.Context, memory *store.Store, configured func() bool) func() bool {
	return func() bool {
		_, off := repair.Thrown(ctx, memory)
		return off || configured() || os.Getenv("SENTINEL_REPAIRS") == "off"
	}
}
