package cli

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// budgetsOf returns the budgets of a configuration, by warehouse.
func budgetsOf(cfg *config.Config) map[string]time.Duration {
	limits := map[string]time.Duration{}
	for _, w := range cfg.Warehouses {
		if w.Budget > 0 {
			limits[w.Name] = w.Budget
		}
	}
	return limits
}

// noteBudgets says that a budget does not bound a run by hand.
func noteBudgets(cmd *cobra.Command, cfg *config.Config, datasets []agent.Dataset) {
	limits := budgetsOf(cfg)
	for _, d := range datasets {
		if limits[d.Table.Warehouse] > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "sentinel: every check is run, and its statements do not count: "+
				"the budget of %s is one of the agent's ticks\n", d.Table.Warehouse)
			delete(limits, d.Table.Warehouse)
		}
	}
}

// dailyCost is what the planner expects of the statements of a warehouse with a budget.
type dailyCost struct {
	ticks map[sentinel.Table]float64 // in a day, as configured
	cost  map[string]float64         // of a day, by warehouse, in the planner's unit
}

func newDailyCost(datasets []agent.Dataset) *dailyCost {
	c := &dailyCost{ticks: map[sentinel.Table]float64{}, cost: map[string]float64{}}
	for _, d := range datasets {
		for _, check := range d.Checks {
			c.ticks[d.Table] = max(c.ticks[d.Table], check.Schedule.PerDay(clock.Now()))
		}
	}
	return c
}

// add counts a statement, and says what it costs in a day.
func (c *dailyCost) add(w io.Writer, p checks.PlannedStatement, e warehouse.Estimate) {
	if e.Cost == 0 {
		return
	}
	c.cost[p.Warehouse] += e.Cost * c.ticks[p.Table]
	printf(w, "-- a day: cost %.0f in %s ticks\n", e.Cost*c.ticks[p.Table], ticks(c.ticks[p.Table]))
}

// printBudgets prints how the budgets stand by what the agent has measured, and what they move.
func printBudgets(cmd *cobra.Command, cfg *config.Config, datasets []agent.Dataset, costs *dailyCost) (err error) {
	limits := budgetsOf(cfg)
	if len(limits) == 0 {
		return nil
	}
	w := cmd.OutOrStdout()
	s, err := store.OpenReaderDSN(cmd.Context(), cfg.State)
	if err != nil {
		printf(w, "-- budget: what statements took is not known: %v\n", err)
	} else {
		defer func() { err = errors.Join(err, s.Close()) }()
	}
	known, err := agent.ReadBudgets(cmd.Context(), s)
	if known == nil {
		return unavailable(err)
	}
	known.Configure(limits, datasets, true)
	known.Choose()
	for _, r := range known.Reports(clock.Now()) {
		printf(w, "-- budget of %s: %s of statements in a day; today %s so far\n", r.Warehouse, limits[r.Warehouse],
			inSeconds(r.Used))
		if cost := costs.cost[r.Warehouse]; cost > 0 {
			printf(w, "--   by EXPLAIN a day with all ticks costs %.0f in the planner's unit\n", cost)
		}
		printBudget(w, r)
	}
	return nil
}

func printBudget(w io.Writer, r budget.Report) {
	if r.Configured == 0 {
		fmt.Fprintln(w, "--   no statement was measured yet: the agent measures them as it runs them, and moves nothing before")
		return
	}
	printf(w, "--   as measured a day with all ticks takes %s, with those that remain %s\n", inSeconds(r.Configured),
		inSeconds(r.Expected))
	if len(r.Moved) == 0 {
		fmt.Fprintln(w, "--   all ticks are run")
	}
	for _, m := range r.Moved {
		printf(w, "--   %s: one tick in %s of %s, %s and not %s in a day, of %s each\n", strings.Join(m.Checks, ", "),
			m.Stretch(), m.Schedule, ticks(m.Ticks), ticks(m.AllTicks), inSeconds(m.Cost))
	}
	if r.Over {
		fmt.Fprintln(w, "--   that is more than the budget, and no check may tick any more rarely")
	}
}

// ticks writes how many there are in a day, as a mean.
func ticks(n float64) string { return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") }

// inSeconds writes seconds as a duration.
func inSeconds(s float64) time.Duration {
	d := time.Duration(s * float64(time.Second))
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(100 * time.Microsecond)
}
