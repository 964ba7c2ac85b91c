package agent

import (
	"context"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
)

// The values of labels that are known before anything happens.
var (
	tiers       = []string{"critical", "warning", "info"}
	transitions = []string{"opened", "resolved", string(notify.Reopened), string(notify.Escalated), string(notify.Flapping)}
	panicPlaces = []string{
		"datasets", "delivery", "exporter", "housekeeping", "levels", "notifications", "recorder", "repair", "repairs",
		"risks", "schedule", "statement", "tick",
	}
	repairOutcomes = []sentinel.RepairState{
		sentinel.RepairSucceeded, sentinel.WouldNotHelp, sentinel.RolledBack, sentinel.RepairFailed,
		sentinel.DeadLetter, sentinel.RepairCancelled, sentinel.Superseded, sentinel.ShadowDone,
	}
)

// expectEvents makes the counters of the agent's own events at zero. increase() does not
// see the event that makes a counter.
func (a *Agent) expectEvents() {
	for _, tier := range tiers {
		for _, transition := range transitions {
			a.metrics.Expect(exporters.Incidents, tier, transition)
		}
		a.metrics.Expect(exporters.TimeToDetect, tier)
		a.metrics.Expect(exporters.TimeToResolve, tier)
	}
	for _, where := range panicPlaces {
		a.metrics.Expect(exporters.Panics, where)
	}
	for _, what := range []string{"results", "changes"} {
		a.metrics.Expect(exporters.RecordsDropped, what)
	}
	for _, what := range []string{"ticks", "observations"} {
		a.metrics.Expect(exporters.StoreCut, what)
	}
	for _, of := range []string{"repair", "notification"} {
		a.metrics.Expect(exporters.Retries, of)
	}
}

// expectPlan makes the counters of a plan's warehouses and channels at zero, and removes
// what it does not have any more. before is the plan that it replaces.
func (a *Agent) expectPlan(plan, before Plan) {
	a.keepOf(plan)
	a.metrics.KeepBreakers(func(name string) bool { return !before.isServer(name) }) // the new sessions have none open
	for name := range plan.Warehouses {
		for status := sentinel.Pass; status <= sentinel.Error; status++ {
			a.metrics.Expect(exporters.CheckResults, name, status.String())
		}
		a.metrics.Expect(exporters.CheckDuration, name)
	}
	for name := range plan.Budgets() {
		a.metrics.Expect(exporters.BudgetTicksSkipped, name)
	}
	if n := plan.Notifications; n != nil && n.Dispatcher != nil {
		for _, c := range n.Dispatcher.Channels {
			for _, outcome := range []string{notify.OutcomeSent, notify.OutcomeRetried, notify.OutcomeDead} {
				a.metrics.Expect(exporters.Notifications, c.Name, outcome)
			}
		}
	}
}

// keepOf removes the gauges of warehouses and channels that a plan does not have.
func (a *Agent) keepOf(plan Plan) {
	a.metrics.KeepWarehouses(func(name string) bool { return plan.Warehouses[name] != nil })
	limits := plan.Budgets()
	a.metrics.KeepBudgets(func(name string) bool { return limits[name] > 0 })
	channels := map[string]bool{}
	if n := plan.Notifications; n != nil && n.Dispatcher != nil {
		for _, c := range n.Dispatcher.Channels {
			channels[c.Name] = true
		}
	}
	a.metrics.KeepChannels(func(name string) bool { return channels[name] })
}

// expectDatasets makes the counters of datasets at zero, and removes the circuit breakers
// of policies that are gone.
func (a *Agent) expectDatasets(datasets []Dataset) {
	breakers := map[string]bool{}
	for _, d := range datasets {
		a.metrics.TicksMissed(d.Table, 0)
		a.metrics.JobSkipped(d.Table, 0)
		for _, p := range d.Repairs {
			breakers[repair.BreakerName(p)] = true
			a.metrics.Expect(exporters.TimeToRepair, p.Kind)
			for _, outcome := range repairOutcomes {
				a.metrics.Expect(exporters.Repairs, d.Table.Warehouse, exporters.DatasetLabel(d.Table), p.Kind, string(outcome))
			}
		}
	}
	a.mu.Lock()
	plan := a.plan
	a.mu.Unlock()
	a.metrics.KeepBreakers(func(name string) bool { return breakers[name] || plan.isServer(name) })
}

// isServer reports whether a circuit breaker is that of a server of a plan's warehouses.
func (p Plan) isServer(breaker string) bool {
	for name := range p.Warehouses {
		server, is := strings.CutPrefix(breaker, name+" ")
		if is && (server == "primary" || strings.HasPrefix(server, "standby ")) {
			return true
		}
	}
	return false
}

// countSilences exports how many silences are in force. The lock is held.
func (a *Agent) countSilences() {
	now, n := a.now(), 0
	for _, s := range a.silences {
		if !now.Before(s.From) && now.Before(s.Until) {
			n++
		}
	}
	a.metrics.Set(exporters.SilencesActive, float64(n))
}

// countOverdue exports for each channel how long its oldest notice could have been sent
// already. What was tried was due when its group had been waited for.
func (a *Agent) countOverdue(ctx context.Context) error {
	a.mu.Lock()
	n := a.notifications
	a.mu.Unlock()
	if n == nil || n.Dispatcher == nil {
		return nil
	}
	var wait time.Duration
	for i := range n.Routes {
		wait = max(wait, n.Routes[i].Wait())
	}
	now := a.now()
	due, err := a.store.OutboxDue(ctx, now, wait)
	if err != nil {
		return err
	}
	for _, c := range n.Dispatcher.Channels {
		age := 0.0
		if at, any := due[c.Name]; any {
			age = max(0, now.Sub(at).Seconds())
		}
		a.metrics.Set(exporters.NotificationsOverdue, age, c.Name)
	}
	return nil
}
