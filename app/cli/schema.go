package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Show and accept schema drift",
		Example: `  sentinel schema diff
  sentinel schema accept --dataset shop.public.orders --why 'release 42'`,
	}
	var dataset, why string
	diff := &cobra.Command{
		Use:     "diff",
		Short:   "Look now and print the drifts of every schema check",
		Example: "  sentinel schema diff --dataset shop.public.orders",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			results, _, err := checkOnce(cmd, dataset, false)
			if err != nil {
				return err
			}
			return printDrifts(cmd, results)
		},
	}
	accept := &cobra.Command{
		Use:     "accept",
		Short:   "Make the tables' present shape the baseline",
		Long:    "Looks at the tables now and makes what is there the reference of their schema checks.\nThe drifts accepted are printed, and kept with who and why. While an agent runs, it\nis asked to do so, which takes the `token:` of the configuration.",
		Example: "  sentinel schema accept --dataset shop.public.orders --why 'release 42'",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return acceptSchema(cmd, dataset, why) },
	}
	for _, c := range []*cobra.Command{diff, accept} {
		c.Flags().StringVar(&dataset, "dataset", "", "only datasets that match")
	}
	accept.Flags().StringVar(&why, "why", "", "reason, kept with the baseline")
	cmd.AddCommand(diff, accept)
	return cmd
}

func printDrifts(cmd *cobra.Command, results []sentinel.Result) error {
	clean := true
	for _, r := range results {
		if r.Kind != "schema" {
			continue
		}
		if r.Status == sentinel.Error {
			return unavailable(fmt.Errorf("%s: %s", r.Check, r.Message))
		}
		if len(r.Drifts) > 0 {
			clean = false
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s", r.Check, checks.RenderDrifts(r.Drifts))
		}
	}
	if clean {
		fmt.Fprintln(cmd.OutOrStdout(), "no drift")
	}
	return verdict(results, "fail")
}

// baselines is where accepted shapes are kept: the state itself, or the agent
// that holds it open.
type baselines struct {
	*store.Store
	accept func(ctx context.Context, check string, v store.Snapshot) error
}

func openBaselines(ctx context.Context, cfg *config.Config) (baselines, error) {
	s, err := store.Open(ctx, cfg.State)
	if errors.Is(err, store.ErrLocked) {
		s, err = store.OpenReader(ctx, cfg.State)
		return baselines{s, func(ctx context.Context, check string, v store.Snapshot) error {
			return postToAgent(ctx, cfg, "baselines", struct {
				Check string
				store.Snapshot
			}{check, v}, nil)
		}}, err
	}
	a := &agent.Agent{Store: s, Now: clock}
	return baselines{s, a.AcceptBaseline}, err
}

func acceptSchema(cmd *cobra.Command, dataset, why string) (err error) {
	ctx := cmd.Context()
	cfg, err := load(cmd)
	if err != nil {
		return err
	}
	memory, err := openBaselines(ctx, cfg)
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	open, err := setupOf(cfg).Warehouses()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	datasets, problems := setupOf(cfg).Datasets(ctx, open)
	if len(problems) > 0 {
		return unavailable(errors.Join(problems...))
	}
	if datasets, err = only(datasets, dataset); err != nil {
		return err
	}
	accepted := 0
	for _, d := range datasets {
		n, err := acceptDataset(cmd, memory, open[d.Table.Warehouse], d, why)
		if err != nil {
			return err
		}
		accepted += n
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d baselines accepted\n", accepted)
	return err
}

// acceptDataset makes a table's shape the baseline of those of its schema checks
// that learn one.
func acceptDataset(cmd *cobra.Command, memory baselines, db *warehouse.DB, d agent.Dataset, why string) (accepted int, err error) {
	ctx := cmd.Context()
	name := warehouse.TableName{Schema: d.Table.Schema, Name: d.Table.Name}
	catalog, err := db.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{name}, Facts: warehouse.AllFacts})
	if err != nil {
		return 0, unavailable(err)
	}
	for _, c := range d.Checks {
		s, ok := c.Check.(*checks.Schema)
		if !ok || s.Like != nil || len(s.Columns) > 0 {
			continue
		}
		now := catalog.Tables[name]
		if now == nil {
			return accepted, unavailable(fmt.Errorf("%s does not exist: take its check out of the configuration instead", d.Table))
		}
		before, err := baseline(ctx, memory.Store, s.ID)
		if err != nil {
			return accepted, unavailable(err)
		}
		if err := memory.accept(ctx, s.ID, store.Snapshot{Data: checks.EncodeSnapshot(now), TakenAt: clock(), AcceptedBy: userName(), Why: why}); err != nil {
			return accepted, unavailable(err)
		}
		accepted++
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s", s.ID, checks.RenderDrifts(checks.Diff(before, now, checks.DiffOptions{})))
	}
	return accepted, nil
}
