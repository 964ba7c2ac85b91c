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
		Short:   "Read the schemas of the tables now and print the drifts of every schema check",
		Example: "  sentinel schema diff --dataset shop.public.orders",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := checkOnce(cmd, dataset, false)
			if err != nil {
				return err
			}
			return printDrifts(cmd, r.results)
		},
	}
	accept := &cobra.Command{
		Use:   "accept",
		Short: "Make the present schemas of the tables the baseline",
		Long: `Reads the schemas of the tables now and makes them the baseline of the schema checks.
Prints the accepted drifts and records them with the user and the reason. While an
agent runs, the command asks the agent to do it: this needs the token: key in the
configuration.`,
		Example: "  sentinel schema accept --dataset shop.public.orders --why 'release 42'",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return acceptSchema(cmd, dataset, why) },
	}
	for _, c := range []*cobra.Command{diff, accept} {
		c.Flags().StringVar(&dataset, "dataset", "", "use only the datasets that match, such as shop.public.*")
	}
	accept.Flags().StringVar(&why, "why", "", "reason, recorded with the baseline")
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

// acceptance makes the tables' present shapes baselines.
type acceptance struct {
	config *config.Config
	state  *store.Store
	agent  *agent.Agent // nil: another process runs the agent, and is asked
	why    string
}

func acceptSchema(cmd *cobra.Command, dataset, why string) (err error) {
	ctx := cmd.Context()
	cfg, err := load(cmd)
	if err != nil {
		return err
	}
	a := acceptance{config: cfg, why: why}
	if err := a.open(ctx); err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, a.state.Close()) }()
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
		n, err := a.acceptDataset(cmd, open[d.Table.Warehouse], d)
		if err != nil {
			return unavailable(err)
		}
		accepted += n
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d baselines accepted\n", accepted)
	return err
}

// open opens the state: for writing, or beside a running agent for reading.
func (a *acceptance) open(ctx context.Context) (err error) {
	a.state, err = store.Open(ctx, a.config.State)
	if errors.Is(err, store.ErrLocked) {
		a.state, err = store.OpenReader(ctx, a.config.State)
		return err
	}
	a.agent = agent.New(agent.Config{Store: a.state, Now: clock})
	return err
}

// acceptDataset makes a table's shape the baseline of those of its schema checks
// that learn one. It returns how many.
func (a *acceptance) acceptDataset(cmd *cobra.Command, db *warehouse.DB, d agent.Dataset) (accepted int, err error) {
	ctx := cmd.Context()
	name := warehouse.TableName{Schema: d.Table.Schema, Name: d.Table.Name}
	scope := warehouse.Scope{Tables: []warehouse.TableName{name}, Facts: warehouse.AllFacts}
	catalog, err := db.Catalog(ctx, scope)
	if err != nil {
		return 0, err
	}
	for _, c := range d.Checks {
		if b, ok := c.Check.(checks.BaselineCheck); !ok || !b.ComparesWithBaseline() {
			continue
		}
		id := c.Common().ID
		now := catalog.Tables[name]
		if now == nil {
			return accepted, fmt.Errorf("%s does not exist: remove its check from the configuration instead", d.Table)
		}
		before, err := baseline(ctx, a.state, id)
		if err != nil {
			return accepted, err
		}
		if err := a.accept(ctx, id, now); err != nil {
			return accepted, err
		}
		accepted++
		drifts := checks.Diff(before, now, checks.DiffOptions{})
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s", id, checks.RenderDrifts(drifts))
	}
	return accepted, nil
}

// accept makes a shape the baseline of a check.
func (a *acceptance) accept(ctx context.Context, check string, shape *warehouse.Table) error {
	snapshot := store.Snapshot{
		Data:       checks.EncodeSnapshot(shape),
		TakenAt:    clock(),
		AcceptedBy: userName(),
		Why:        a.why,
	}
	if a.agent != nil {
		return a.agent.AcceptBaseline(ctx, check, snapshot)
	}
	body := struct {
		Check string
		store.Snapshot
	}{check, snapshot}
	return postToAgent(ctx, a.config, "baselines", body, nil)
}

// baseline reads a check's baseline; nil if it has none.
func baseline(ctx context.Context, s *store.Store, check string) (*warehouse.Table, error) {
	snapshot, ok, err := s.Baseline(ctx, check)
	if err != nil || !ok {
		return nil, err
	}
	return checks.DecodeSnapshot(snapshot.Data)
}
