package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newValidate() *cobra.Command {
	var schema bool
	cmd := &cobra.Command{
		Use:     "validate",
		Short:   "Check the configuration file and report every mistake at once",
		Example: "  sentinel validate -c sentinel.yaml\n  sentinel validate --schema > sentinel.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if schema {
				_, err := cmd.OutOrStdout().Write(config.JSONSchema())
				return err
			}
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			n := 0
			for _, d := range cfg.Datasets {
				n += len(d.Checks)
			}
			for _, w := range cfg.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "valid: %d warehouses, %d datasets, %d checks\n", len(cfg.Warehouses), len(cfg.Datasets), n)
			return err
		},
	}
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the file's format")
	return cmd
}

func newPlan() *cobra.Command {
	var dataset string
	var explain bool
	cmd := &cobra.Command{
		Use:     "plan",
		Short:   "Print the statements that the checks would send",
		Long:    "Reads the catalogs and prints, per dataset, the statements its checks would send now.\nNothing else is asked of the tables; --explain asks the engine for its plan of each.",
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
			datasets, problems := setupOf(cfg).Datasets(cmd.Context(), open)
			if len(problems) > 0 {
				return unavailable(errors.Join(problems...))
			}
			if datasets, err = only(datasets, dataset); err != nil {
				return err
			}
			env := checks.Env{Now: clock, Warehouse: func(name string) (*warehouse.DB, error) { return open[name], nil }}
			return printPlan(cmd, env, open, jobsOf(datasets), explain)
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "only datasets that match, such as shop.public.*")
	cmd.Flags().BoolVar(&explain, "explain", false, "also print the engine's plan")
	return cmd
}

func printPlan(cmd *cobra.Command, env checks.Env, open map[string]*warehouse.DB, jobs map[string][]checks.Job, explain bool) error {
	w := cmd.OutOrStdout()
	statements, tables := 0, 0
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		tables += len(jobs[name])
		for _, p := range checks.Plan(cmd.Context(), env, name, jobs[name]) {
			fmt.Fprintf(w, "-- %s (%d checks)\n", p.Table, len(p.Checks))
			switch {
			case p.Err != nil:
				fmt.Fprintf(w, "-- nothing to send: %v\n", p.Err)
				continue
			case p.Statement.SQL == "":
				fmt.Fprintln(w, "-- the catalog answers all of it")
				continue
			}
			statements++
			fmt.Fprintln(w, p.Statement.SQL+";")
			for i, a := range p.Statement.Args {
				if t, ok := a.(time.Time); ok {
					a = t.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(w, "--   %d: %v\n", i+1, a)
			}
			if explain {
				text, err := open[name].Explain(cmd.Context(), p.Statement)
				if err != nil {
					return unavailable(err)
				}
				fmt.Fprintln(w, text)
			}
		}
	}
	_, err := fmt.Fprintf(w, "-- %d statements for %d datasets, and one look at each warehouse's catalog\n", statements, tables)
	return err
}

func newGate() *cobra.Command {
	var dataset, failOn string
	var maxAge time.Duration
	cmd := &cobra.Command{
		Use:     "gate",
		Short:   "Exit by a dataset's last state, to stop a pipeline before it reads bad data",
		Long:    "Reads the agent's state and asks no database. Exit code 0: the last results are fine;\n1: one failed; 3: there is none, it is too old, or the check could not look.",
		Example: "  sentinel gate --dataset shop.public.orders --max-age 15m && dbt run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			table, err := parseDataset(dataset)
			if err != nil {
				return err
			}
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			results, err := s.LastResults(cmd.Context(), store.Filter{Table: table})
			if err != nil {
				return unavailable(err)
			}
			if len(results) == 0 {
				return unavailable(fmt.Errorf("no result for %s yet: is it configured, and the agent running?", table))
			}
			if err := writeText(cmd.OutOrStdout(), results, 0); err != nil {
				return err
			}
			for _, r := range results {
				if age := clock().Sub(r.Tick); maxAge > 0 && age > maxAge {
					return unavailable(fmt.Errorf("the last result of %s is %s old: is the agent running?", r.Check, age.Round(time.Second)))
				}
			}
			return verdict(results, failOn)
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "warehouse.schema.table")
	cmd.Flags().StringVar(&failOn, "fail-on", "fail", "exit with 1 on fail, or on warn too")
	cmd.Flags().DurationVar(&maxAge, "max-age", 0, "exit with 3 when a result is older")
	if err := cmd.MarkFlagRequired("dataset"); err != nil {
		panic(err)
	}
	return cmd
}

func newHistory() *cobra.Command {
	var check, metric, segment string
	var limit int
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "Print what is remembered of a check",
		Long:    "Without --metric the check's runs, newest first; with --metric its numbers, oldest first.\nWithout --check the remembered series.",
		Example: "  sentinel history --check shop.public.orders/row_count --metric row_count",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			switch {
			case check == "":
				series, err := s.SeriesOf(cmd.Context(), "")
				if err != nil {
					return unavailable(err)
				}
				for _, v := range series {
					fmt.Fprintf(tw, "%s\t%s\t%s\n", v.Check, v.Metric, v.Segment)
				}
			case metric == "":
				runs, err := s.Runs(cmd.Context(), check, time.Unix(0, 0), limit)
				if err != nil {
					return unavailable(err)
				}
				for _, r := range runs {
					fmt.Fprintf(tw, "%s\t%s\t%s\n", r.Tick.Format(time.RFC3339), r.Status, r.Message)
				}
			default:
				points, err := s.Points(cmd.Context(), check, metric, segment, time.Time{}, limit)
				if err != nil {
					return unavailable(err)
				}
				for _, p := range points {
					fmt.Fprintf(tw, "%s\t%s\n", p.Time.Format(time.RFC3339), sentinel.Float(p.Value))
				}
			}
			return tw.Flush()
		},
	}
	cmd.Flags().StringVar(&check, "check", "", "the check's id")
	cmd.Flags().StringVar(&metric, "metric", "", "row_count, freshness_seconds, ...")
	cmd.Flags().StringVar(&segment, "segment", "", "segment, such as country=DE")
	cmd.Flags().IntVar(&limit, "limit", 100, "newest at most")
	cmd.AddCommand(newLabel())
	return cmd
}
