package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
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
	var of selection
	var why string
	diff := &cobra.Command{
		Use:     "diff",
		Short:   "Read the schemas of the tables now and print the drifts of every schema check",
		Example: "  sentinel schema diff --dataset shop.public.orders",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := checkOnce(cmd, of, false)
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
		RunE:    func(cmd *cobra.Command, _ []string) error { return acceptSchema(cmd, of, why) },
	}
	for _, c := range []*cobra.Command{diff, accept} {
		of.flags(c.Flags(), "use")
	}
	accept.Flags().StringVar(&why, "why", "", "reason, recorded with the baseline")
	cmd.AddCommand(diff, accept)
	return cmd
}

func printDrifts(cmd *cobra.Command, results []sentinel.Result) error {
	clean := true
	var unread []error
	results = slices.DeleteFunc(slices.Clone(results), func(r sentinel.Result) bool { return r.Kind != "schema" })
	if len(results) == 0 {
		return errors.New("no schema check is configured for these datasets")
	}
	for _, r := range results {
		if r.Status == sentinel.Error {
			unread = append(unread, fmt.Errorf("%s: %s", r.Check, r.Message))
		}
		if len(r.Drifts) > 0 {
			clean = false
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s", oneLine(r.Check), checks.RenderDrifts(r.Drifts))
		}
	}
	if len(unread) > 0 {
		return unavailable(errors.Join(unread...))
	}
	if clean {
		fmt.Fprintln(cmd.OutOrStdout(), "no drift")
	}
	return (&judgement{failOn: "fail"}).verdict(results)
}

// acceptSchema makes the present schemas of tables the baselines of the checks that report
// a difference: all of them, or none if one cannot be accepted. Each warehouse's catalog is
// read once.
func acceptSchema(cmd *cobra.Command, of selection, why string) (err error) {
	ctx := cmd.Context()
	cfg, err := load(cmd)
	if err != nil {
		return err
	}
	state, agent, err := openForAcceptance(ctx, cfg.State)
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	outcomes, tables, err := presentSchemas(cmd, cfg, state, of)
	if err != nil {
		return err
	}
	accepted := map[string]store.Snapshot{}
	var refused []error
	for _, o := range outcomes {
		for _, r := range o.Results {
			now := o.Present[r.Check]
			_, first := o.Baselines[r.Check]
			switch {
			case r.Status == sentinel.Error:
				refused = append(refused, fmt.Errorf("%s: %s", r.Check, r.Message))
			case now == nil:
				refused = append(refused, fmt.Errorf("%s does not exist: remove its check from the configuration instead", r.Table))
			case len(r.Drifts) > 0 || first:
				accepted[r.Check] = store.Snapshot{
					Data: checks.EncodeSnapshot(now), TakenAt: clock.Now(), AcceptedBy: userName(), Why: why,
				}
			}
		}
	}
	if len(refused) > 0 {
		return unavailable(fmt.Errorf("nothing is accepted: %w", errors.Join(refused...)))
	}
	if err := acceptBaselines(ctx, cfg, agent, accepted); err != nil {
		return unavailable(err)
	}
	for _, o := range outcomes {
		for _, r := range o.Results {
			for i := range r.Drifts {
				r.Drifts[i].Statement = "" // it would undo what is accepted
			}
			if len(r.Drifts) > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s", oneLine(r.Check), checks.RenderDrifts(r.Drifts))
			}
		}
	}
	for i := range tables {
		tables[i].Why = why
	}
	if err := acceptTables(cmd, cfg, agent, tables); err != nil {
		return unavailable(err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d baselines accepted\n", len(accepted))
	return err
}

// acceptTables accepts tables of patterns as they are: gone, or created. A nil agent means
// that the running one is asked.
func acceptTables(cmd *cobra.Command, cfg *config.Config, a *agent.Agent, tables []store.TableAcceptance) (err error) {
	if len(tables) == 0 {
		return nil
	}
	ctx := cmd.Context()
	if a != nil {
		if err := a.Start(ctx, setupOf(cfg).Notifications(nil)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Stop()) }()
	}
	for _, v := range tables {
		accepted := false
		if a != nil {
			accepted, err = a.AcceptTable(ctx, v)
		} else {
			err = postToAgent(ctx, cfg, "tables/accept", v, &accepted)
		}
		if err != nil {
			return err
		}
		kind := sentinel.TableCreated
		if v.Gone {
			kind = sentinel.TableDropped
		}
		if accepted {
			printf(cmd.OutOrStdout(), "%s\n  %s accepted\n", v.Table, kind)
		}
	}
	return nil
}

// openForAcceptance opens the state: for writing, or beside a running agent for reading.
// The agent returned is nil then, because the running one must be asked.
func openForAcceptance(ctx context.Context, dsn sentinel.Secret) (*store.Store, *agent.Agent, error) {
	state, err := store.OpenDSN(ctx, dsn)
	if errors.Is(err, store.ErrLocked) {
		state, err = store.OpenReaderDSN(ctx, dsn)
		return state, nil, err
	}
	if err != nil {
		return nil, nil, err
	}
	return state, agent.New(agent.Config{
		Store:   state,
		Metrics: exporters.NewPrometheus(versionString()),
		Clock:   clock,
		Log:     slog.New(slog.DiscardHandler),
	}), nil
}

// presentSchemas runs the checks that have baselines, and returns what they report with the
// schemas that they saw. It also returns the tables of patterns that are gone or created.
func presentSchemas(
	cmd *cobra.Command, cfg *config.Config, state *store.Store, of selection,
) (outcomes []checks.Outcome, tables []store.TableAcceptance, err error) {
	ctx := cmd.Context()
	open, err := setupOf(cfg).Warehouses()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	found := setupOf(cfg).Datasets(ctx, open, state)
	if len(found.Problems) > 0 {
		return nil, nil, unavailable(errors.Join(found.Problems...))
	}
	datasets, err := only(found.Datasets, of)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range datasets {
		if d.Gone || d.Created {
			tables = append(tables, store.TableAcceptance{Table: d.Table, Gone: d.Gone, Who: userName()})
		}
	}
	for i := range datasets {
		datasets[i].Checks = slices.DeleteFunc(slices.Clone(datasets[i].Checks), func(c agent.Check) bool {
			b, ok := c.Check.(checks.BaselineCheck)
			return !ok || !b.ComparesWithBaseline()
		})
	}
	datasets = slices.DeleteFunc(datasets, func(d agent.Dataset) bool { return d.Gone || len(d.Checks) == 0 })
	env := checks.Env{
		Clock: clock, Warehouse: func(name string) (*warehouse.DB, error) { return open[name], nil },
		History: agent.NewHistory(state), Present: true,
	}
	return runJobs(ctx, env, jobsOf(datasets)), tables, nil
}

// acceptBaselines stores accepted schemas; a nil agent means that the running one is asked.
func acceptBaselines(
	ctx context.Context, cfg *config.Config, a *agent.Agent, accepted map[string]store.Snapshot,
) error {
	if a != nil {
		return a.AcceptBaselines(ctx, accepted)
	}
	return postToAgent(ctx, cfg, "baselines", accepted, nil)
}
