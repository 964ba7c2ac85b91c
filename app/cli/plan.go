package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newPlan() *cobra.Command {
	var of selection
	var explain bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Print the statements that the checks would send",
		Long: `Reads the catalogs and prints the statements that the checks of each dataset would
send now, each with what the engine expects it to cost. Reads no rows. --explain prints
the engine's plan of each statement. Where a warehouse has a ` + "`budget`" + `, it prints what a day
costs by the engine's estimates and by what the agent has measured, and which checks tick
more rarely.`,
		Example: "  sentinel plan --dataset shop.public.orders --explain",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			open, err := setupOf(cfg).Warehouses()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, open.Close()) }()
			found := setupOf(cfg).Datasets(cmd.Context(), open, nil)
			if len(found.Problems) > 0 {
				return unavailable(errors.Join(found.Problems...))
			}
			datasets, err := only(found.Datasets, of)
			if err != nil {
				return err
			}
			costs := newDailyCost(datasets)
			if err := printPlan(cmd, planned{open, jobsOf(datasets), costs}, explain); err != nil {
				return err
			}
			return printBudgets(cmd, cfg, found.Datasets, costs)
		},
	}
	of.flags(cmd.Flags(), "print")
	cmd.Flags().BoolVar(&explain, "explain", false, "print the engine's plan of each statement too")
	return cmd
}

// planned is what is to be printed.
type planned struct {
	open  setup.Warehouses
	jobs  map[string][]checks.Job
	costs *dailyCost
}

func printPlan(cmd *cobra.Command, of planned, explain bool) error {
	w, open, jobs := cmd.OutOrStdout(), of.open, of.jobs
	env := checks.Env{Clock: clock, Warehouse: func(name string) (*warehouse.DB, error) { return open[name], nil }}
	statements, tables := 0, 0
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		tables += len(jobs[name])
		for _, p := range checks.Plan(cmd.Context(), env, name, jobs[name]) {
			printf(w, "-- %s (%d checks)\n", p.Table, len(p.Checks))
			switch {
			case p.Err != nil:
				printf(w, "-- nothing to send: %v\n", p.Err)
				continue
			case p.Statement.SQL == "":
				fmt.Fprintln(w, "-- the catalog answers all checks")
				continue
			}
			statements++
			printStatement(w, p.Statement)
			e := printEstimate(cmd, open[p.Warehouse], p.Statement)
			if open[p.Warehouse].Config.Budget > 0 {
				of.costs.add(w, p, e)
			}
			if explain {
				text, err := open[p.Warehouse].Explain(cmd.Context(), p.Statement)
				if err != nil {
					return unavailable(err)
				}
				fmt.Fprintln(w, text)
			}
		}
	}
	printSamples(cmd, env, jobs)
	_, err := printf(w, "-- %d statements for %d datasets, and one read of each warehouse's catalog\n",
		statements, tables)
	return err
}

// printEstimate prints what the engine's planner expects of a statement, and returns it.
func printEstimate(cmd *cobra.Command, db *warehouse.DB, st warehouse.Statement) warehouse.Estimate {
	e, ok, err := db.Estimate(cmd.Context(), st)
	switch {
	case err != nil:
		printf(cmd.OutOrStdout(), "-- no estimate: %v\n", err)
	case ok:
		printf(cmd.OutOrStdout(), "-- estimate: %s\n", e)
	}
	return e
}

// printSamples prints the statements that read bad rows.
func printSamples(cmd *cobra.Command, env checks.Env, jobs map[string][]checks.Job) {
	w := cmd.OutOrStdout()
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		samples := checks.PlanSamples(cmd.Context(), env, name, jobs[name])
		explanations := checks.PlanExplanations(cmd.Context(), env, name, jobs[name])
		for i, p := range append(slices.Clip(samples), explanations...) {
			what := "samples of bad rows"
			if i >= len(samples) {
				what = "what bad rows have in common"
			}
			printf(w, "-- %s: %s, only when a check turns bad (%d checks)\n", p.Table, what, len(p.Checks))
			if p.Err != nil {
				printf(w, "-- %v\n", p.Err)
			}
			if p.Statement.SQL != "" {
				printStatement(w, p.Statement)
			}
		}
	}
}

func printStatement(w io.Writer, s warehouse.Statement) {
	fmt.Fprintln(w, s.SQL+";")
	for i, a := range s.Args {
		if t, ok := a.(time.Time); ok {
			a = t.UTC().Format(time.RFC3339)
		}
		printf(w, "--   %d: %v\n", i+1, a)
	}
}
