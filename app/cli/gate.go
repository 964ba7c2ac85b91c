package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
)

func newGate() *cobra.Command {
	var of selection
	var judge judgement
	var maxAge time.Duration
	cmd := &cobra.Command{
		Use:   "gate",
		Short: "Stop a pipeline before it reads bad data: exit by the last results of a dataset",
		Long: `Reads the last results from the agent's state. Sends no statement to a warehouse. With
--tag: those of all datasets with a tag that matches.

It also ends with 3 if the dataset is not configured, a check has no result, or a result is
too old.

` + exitCodes,
		Example: `  sentinel gate --dataset shop.public.orders --max-age 15m && dbt run
  sentinel gate --tag finance && dbt run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if of.dataset != "" {
				if _, err := parseDataset(of.dataset); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("max-age") && maxAge <= 0 {
				return fmt.Errorf("--max-age %s: want an age above 0, such as 15m", maxAge)
			}
			cfg, err := loadFor(cmd, "state")
			if err != nil {
				return err
			}
			s, err := store.OpenReaderDSN(cmd.Context(), cfg.State)
			if err != nil {
				return unavailable(err)
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			results, err := gateAll(cmd.Context(), cfg, s, of)
			if err != nil {
				return unavailable(err)
			}
			if err := writeText(cmd.OutOrStdout(), results, 0); err != nil {
				return err
			}
			for _, r := range results {
				if age := clock.Now().Sub(r.Tick); maxAge > 0 && age > maxAge {
					return unavailable(fmt.Errorf("the last result of %s is %s old: %s",
						r.Check, age.Round(time.Second), whyOld(cmd.Context(), cfg, s, r)))
				}
			}
			return judge.verdict(results)
		},
	}
	cmd.Flags().StringVar(&of.dataset, "dataset", "", "dataset: warehouse.schema.table")
	cmd.Flags().StringVar(&of.tag, "tag", "", "all datasets with a tag that matches, such as finance")
	judge.flags(cmd)
	cmd.Flags().DurationVar(&maxAge, "max-age", 0, "exit with 3 if a result is older")
	cmd.MarkFlagsOneRequired("dataset", "tag")
	cmd.MarkFlagsMutuallyExclusive("dataset", "tag")
	return cmd
}

// gateAll returns the last results of the dataset, or of all datasets with the tag.
func gateAll(ctx context.Context, cfg *config.Config, s *store.Store, of selection) (all []sentinel.Result, err error) {
	names := []string{of.dataset}
	if of.tag != "" {
		found, err := setupOf(cfg).RememberedDatasets(ctx, s)
		if err != nil {
			return nil, err
		}
		datasets, err := only(found.Datasets, of)
		if err != nil {
			return nil, errors.Join(append(found.Problems, err)...)
		}
		for _, d := range cfg.Datasets {
			if d.Pattern.Wild() && of.has(d.Table, d.Tags) && !slices.ContainsFunc(datasets, func(o agent.Dataset) bool {
				return d.Names(o.Table)
			}) {
				return nil, fmt.Errorf("no table of %s is known yet: does the agent run?", d.Pattern)
			}
		}
		names = nil
		for _, d := range datasets {
			names = append(names, d.Table.String())
		}
	}
	for _, name := range names {
		p, err := parseDataset(name)
		if err != nil {
			return nil, err
		}
		results, err := gateResults(ctx, cfg, s, p)
		if err != nil {
			return nil, err
		}
		all = append(all, results...)
	}
	return all, nil
}

// whyOld says why a result may be old.
func whyOld(ctx context.Context, cfg *config.Config, s *store.Store, r sentinel.Result) string {
	known, err := agent.ReadBudgets(ctx, s)
	if known == nil || err != nil {
		return "does the agent run?"
	}
	if every := known.Every(budgetsOf(cfg), r.Table, r.Check); every > 0 {
		return fmt.Sprintf("for the budget of its warehouse it is run once in %s: want a --max-age of as much, "+
			"or `sentinel check`", every)
	}
	return "does the agent run?"
}

// gateResults returns the last results of the checks that are configured for a name. It
// is an error if one of them has none.
func gateResults(
	ctx context.Context, cfg *config.Config, s *store.Store, name sentinel.Pattern,
) ([]sentinel.Result, error) {
	all, err := s.LastResults(ctx, store.Filter{Table: name.Table})
	if err == nil && len(all) == 0 { // the name may be short, or in another case
		all, err = s.LastResults(ctx, store.Filter{})
	}
	if err != nil {
		return nil, err
	}
	wanted, tables, table := map[string]bool{}, map[sentinel.Table]bool{}, name.Table
	for _, r := range all {
		if name.Names(r.Table) {
			tables[r.Table] = true
		}
	}
	if len(tables) > 1 {
		return nil, fmt.Errorf("--dataset %s: %d tables have this name: "+
			"write warehouse.schema.table, in quotes if case counts", name, len(tables))
	}
	for t := range tables {
		table = t
	}
	configured, named := false, false
	for i := range cfg.Datasets {
		if d := &cfg.Datasets[i]; d.Names(table) {
			configured, named = true, named || !d.Pattern.Wild()
			for _, id := range d.CheckIDs(table) {
				wanted[id] = true
			}
		}
	}
	if !configured {
		return nil, fmt.Errorf("%s is not configured: nothing is known of it", table)
	}
	remembered, err := agent.ReadTables(ctx, s, table.Warehouse)
	if err != nil {
		return nil, err
	}
	if remembered != nil && !named {
		if _, there := remembered.Tables[table.String()]; !there && len(tables) > 0 {
			return nil, fmt.Errorf("%s is gone, or its pattern never matched it", table)
		}
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("no result for %s yet: does the agent run, and does the table exist?", table)
	}
	kept := slices.DeleteFunc(all, func(r sentinel.Result) bool {
		return r.Table != table || !wanted[r.Check] && r.Check != agent.RiskCheck(table)
	})
	for _, r := range kept {
		delete(wanted, r.Check)
	}
	if missing := slices.Sorted(maps.Keys(wanted)); len(missing) > 0 {
		return nil, fmt.Errorf("no result of %s yet: does the agent run?", missing[0])
	}
	return kept, nil
}
