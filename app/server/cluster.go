package server

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// newWorker makes the worker that does this agent's tasks.
func (o Options) newWorker(state *store.Store, off repair.KillSwitch) *cluster.Worker {
	return &cluster.Worker{Store: state, History: agent.NewHistory(state), Switch: off, Clock: o.Clock, Log: o.Log}
}

// newMember makes this agent a member of the cluster of those that have the same
// state and the same configuration.
func (o Options) newMember(
	cfg *config.Config, worker *cluster.Worker, leads bool, metrics *exporters.Prometheus,
) *cluster.Member {
	id := fmt.Sprintf("%016x", rand.Uint64())
	for kind, name := range taskNames {
		for done, where := range map[string]string{"local": "here", "remote": "elsewhere", "unanswered": "unanswered"} {
			metrics.Expect(exporters.Tasks, name, done)
			metrics.Expect(exporters.WorkShared, kind, where)
		}
	}
	return cluster.New(cluster.Config{
		DSN:      cfg.State,
		ID:       id,
		Group:    group(cfg, o.Version),
		Leads:    leads,
		Kinds:    kinds(cfg, worker),
		Observer: &taskObserver{id: id, metrics: metrics, log: o.Log},
		Clock:    o.Clock,
		Log:      o.Log,
	})
}

// taskObserver counts the tasks of the cluster.
type taskObserver struct {
	id      string // of this agent
	metrics *exporters.Prometheus
	log     *slog.Logger
}

// taskNames are the values of the label kind. The queues, and the label of the older
// metric, have other names.
var taskNames = map[string]string{
	cluster.KindChecks: "checks", cluster.KindDelivery: "delivery", cluster.KindRepair: "repair",
}

// TaskDone implements cluster.Observer.
func (o *taskObserver) TaskDone(kind, worker string, err error) {
	done, where := "remote", "elsewhere"
	switch {
	case err != nil:
		done, where = "unanswered", "unanswered"
		o.log.Warn("a worker did not answer", "work", kind, "agent", worker)
	case worker == o.id:
		done, where = "local", "here"
	}
	o.metrics.Add(exporters.Tasks, 1, taskNames[kind], done)
	o.metrics.Add(exporters.WorkShared, 1, kind, where)
}

// Peers implements cluster.Observer.
func (o *taskObserver) Peers(n int) { o.metrics.Set(exporters.Peers, float64(n)) }

// leading exports whether this agent leads.
type leading struct{ term *term }

// Leading implements cluster.LeadershipObserver.
func (l leading) Leading(leads bool) {
	l.term.metrics.Set(exporters.Leading, number(leads))
	l.term.leads.Store(leads)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// group is what agents must have in common to do each other's tasks.
func group(cfg *config.Config, version string) string { return cfg.Fingerprint(version) }

// kinds are the kinds of task that agents do for each other. The statements'
// timeouts limit a part of a tick, and its lease a repair. An agent takes two parts
// of a tick at a time, so that the others get theirs.
func kinds(cfg *config.Config, worker *cluster.Worker) map[string]cluster.Kind {
	parts := cluster.Kind{Limit: time.Minute, Workers: 2 * max(1, len(cfg.Warehouses))}
	for _, w := range cfg.Warehouses {
		parts.Limit = max(parts.Limit, 2*w.StatementTimeout+30*time.Second)
	}
	all := map[string]cluster.Kind{
		cluster.KindChecks:   parts,
		cluster.KindRepair:   {Limit: 12 * time.Hour, Workers: 8},
		cluster.KindDelivery: {},
	}
	for name, h := range worker.Handlers() {
		k := all[name]
		k.Handler = h
		all[name] = k
	}
	return all
}

// shared makes a plan one of a cluster: all agents deliver its notices, and the
// worker learns its datasets whenever they are resolved.
func shared(p agent.Plan, member *cluster.Member, worker *cluster.Worker) agent.Plan {
	if p.Notifications != nil && p.Notifications.Dispatcher != nil {
		p.Notifications.Dispatcher.Deliverer = &cluster.Deliverer{Member: member}
	}
	p.Resolver = &sharingResolver{plan: p, worker: worker}
	return p
}

// sharingResolver updates a worker with the datasets that it resolves.
type sharingResolver struct {
	plan   agent.Plan
	worker *cluster.Worker
}

// Datasets implements agent.Resolver.
func (r *sharingResolver) Datasets(ctx context.Context) ([]agent.Dataset, []error) {
	datasets, problems := r.plan.Resolver.Datasets(ctx)
	if ctx.Err() == nil {
		r.worker.Update(resources(r.plan, datasets))
	}
	return datasets, problems
}

// resources are a plan's, with its datasets as they are now.
func resources(p agent.Plan, datasets []agent.Dataset) cluster.Resources {
	r := cluster.Resources{Warehouses: p.Warehouses, Writers: p.Writers}
	if p.Notifications != nil && p.Notifications.Dispatcher != nil {
		r.Channels = p.Notifications.Dispatcher.Channels
	}
	for _, d := range datasets {
		of := cluster.Dataset{Repairs: d.Repairs}
		of.Job.Table, of.Job.TimeColumn, of.Job.Time, of.Job.Location = d.Table, d.TimeColumn, d.Time, d.Location
		for _, c := range d.Checks {
			of.Job.Checks = append(of.Job.Checks, c.Check)
		}
		r.Datasets = append(r.Datasets, of)
	}
	return r
}

// readyLog is a log, and whether the agent is ready.
type readyLog struct {
	*slog.Logger
	ready *atomic.Bool
}

// keepUpdated resolves a plan's datasets for a worker, again and again until ctx
// ends, for an agent that does not lead.
func keepUpdated(ctx context.Context, p agent.Plan, worker *cluster.Worker, log readyLog) {
	for ctx.Err() == nil {
		datasets, problems := p.Resolver.Datasets(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, problem := range problems {
			log.Warn("resolving datasets", "error", problem)
		}
		worker.Update(resources(p, datasets))
		log.ready.Store(true)
		wait.For(ctx, wait.On(worker.Clock, p.RefreshAfter(len(problems) > 0)))
	}
}

// killSwitch is the kill switch of repairs: in the state, the environment, or the
// configuration.
func killSwitch(state *store.Store, configured bool) *repair.StoredKillSwitch {
	s := &repair.StoredKillSwitch{Store: state}
	s.Configure(switchedOff(configured))
	return s
}

// switchedOff reports whether this agent must repair nothing.
func switchedOff(configured bool) bool { return configured || os.Getenv("SENTINEL_REPAIRS") == "off" }
