package main

import (
	"context"
	"fmt"
	"log/slog"
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
func newCrew(cfg *config.Config, hand *agent.Hand, leads bool, metrics *exporters.Prometheus, log *slog.Logger) *dispatch.Crew {
	id := fmt.Sprintf("%016x", rand.Uint64())
	return dispatch.New(dispatch.Config{
		URL: cfg.State, ID: id, Group: group(cfg), Leads: leads, Handlers: hand.Handlers(), Limits: limits(cfg), Now: clock, Log: log,
		Shared: func(kind, by string, err error) {
			where := "elsewhere"
			switch {
			case err != nil:
				where = "unanswered"
				log.Warn("an agent did not answer", "work", kind, "agent", by)
			case by == id:
				where = "here"
			}
			metrics.Add(exporters.WorkShared, 1, kind, where)
		},
	})
}

// group is what agents must have in common to do each other's work.
func group(cfg *config.Config) string { return cfg.Fingerprint(versionString()) }

// limits are how long a piece of work may take before whoever has it is taken
// for dead: a look by its statements' timeouts, a repair by nothing but its lease.
func limits(cfg *config.Config) map[string]time.Duration {
	look := time.Minute
	for _, w := range cfg.Warehouses {
		look = max(look, 2*w.StatementTimeout+30*time.Second)
	}
	return map[string]time.Duration{agent.WorkLook: look, agent.WorkRepair: 12 * time.Hour}
}

// killed is the kill switch of repairs: in the state, the environment, or the
// configuration.
func killed(ctx context.Context, memory *store.Store, configured func() bool) func() bool {
	return func() bool {
		_, off := repair.Thrown(ctx, memory)
		return off || configured() || os.Getenv("SENTINEL_REPAIRS") == "off"
	}
}
