package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newCheck() *cobra.Command {
	var of selection
	var format string
	var judge judgement
	var noState bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Run all checks once and exit, for pipelines and CI",
		Long: `Runs every check now. While an agent runs, the results are compared with its
history but are not recorded.

` + exitCodes,
		Example: "  sentinel check --dataset 'shop.public.*' --fail-on warn --format junit > report.xml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			formats, levels := []string{"text", "json", "junit"}, []string{"warn", "fail"}
			if !slices.Contains(formats, format) || !slices.Contains(levels, judge.failOn) {
				return errors.New("want --format text, json or junit and --fail-on warn or fail")
			}
			r, err := checkOnce(cmd, of, noState)
			if err != nil {
				return err
			}
			if err := r.write(cmd.OutOrStdout(), format); err != nil {
				return err
			}
			return judge.verdict(r.results)
		},
	}
	of.flags(cmd.Flags(), "check")
	judge.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "output format: text, json or junit")
	cmd.Flags().BoolVar(&noState, "no-state", false, "do not read or write the state")
	return cmd
}

// report is what one run of the checks brought.
type report struct {
	results []sentinel.Result
	took    time.Duration
}

// checkOnce runs the checks of the datasets that match, and records their
// results unless an agent runs or noState is set.
func checkOnce(cmd *cobra.Command, of selection, noState bool) (r report, err error) {
	cfg, err := load(cmd)
	if err != nil {
		return r, err
	}
	return checkConfig(cmd, cfg, of, noState)
}

// checkConfig is [checkOnce] of a configuration that is read.
func checkConfig(cmd *cobra.Command, cfg *config.Config, of selection, noState bool) (r report, err error) {
	ctx := cmd.Context()
	open, err := setupOf(cfg).Warehouses()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	env := checks.Env{Clock: clock, Warehouse: func(name string) (*warehouse.DB, error) { return open[name], nil }}
	env.NoState = noState
	var state *store.Store
	writable := false
	if !noState {
		state, writable, err = openState(cmd, cfg.State)
		if err != nil {
			return r, unavailable(err)
		}
		defer func() { err = errors.Join(err, state.Close()) }()
		env.History = agent.NewHistory(state)
	}
	start := clock.Now()
	found := setupOf(cfg).Datasets(ctx, open, state)
	datasets, problems := found.Datasets, found.Problems
	for _, p := range problems {
		fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+p.Error())
	}
	if datasets, err = only(datasets, of); err != nil {
		return r, err
	}
	noteBudgets(cmd, cfg, datasets)
	outcomes := runJobs(ctx, env, jobsOf(datasets))
	states := found.States
	if state != nil {
		states = append(states, scoreAll(cmd, &agent.Scorer{Store: state}, outcomes)...)
		if err := keepDrifts(ctx, state, outcomes); err != nil {
			return r, unavailable(err)
		}
	} else {
		leaveUnscored(outcomes)
	}
	if err := explainBad(ctx, env, state, outcomes); err != nil {
		return r, unavailable(err)
	}
	for _, o := range outcomes {
		r.results = append(r.results, o.Results...)
	}
	if len(r.results) == 0 && len(problems) > 0 {
		return r, unavailable(errors.Join(problems...))
	}
	if writable {
		if err := record(ctx, state, outcomes, states); err != nil {
			return r, unavailable(err)
		}
	}
	r.took = clock.Now().Sub(start)
	return r, nil
}

// jobsOf makes one job a dataset, by warehouse.
func jobsOf(datasets []agent.Dataset) (byWarehouse map[string][]checks.Job) {
	byWarehouse = map[string][]checks.Job{}
	now := clock.Now()
	for _, d := range datasets {
		j := checks.Job{
			Table: d.Table, TimeColumn: d.TimeColumn, Time: d.Time, Location: d.Location, Tick: now, Created: d.Created,
		}
		for _, c := range d.Checks {
			j.Checks = append(j.Checks, c.Check)
		}
		byWarehouse[d.Table.Warehouse] = append(byWarehouse[d.Table.Warehouse], j)
	}
	return byWarehouse
}

// scoreAll compares the results with what is normal for them. It returns the
// detectors' new states.
func scoreAll(cmd *cobra.Command, scorer *agent.Scorer, outcomes []checks.Outcome) (states []store.State) {
	for _, o := range outcomes {
		for i, c := range o.Job.Checks {
			var scored error
			if watched := c.Common().Anomaly; watched != nil {
				var some []store.State
				some, scored = scorer.Score(cmd.Context(), *watched, &o.Results[i])
				states = append(states, some...)
			}
			kept, err := agent.SegmentStates(c.Common().ID, o.Segments, &o.Results[i])
			if err := errors.Join(scored, err); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+err.Error())
			}
			states = append(states, kept...)
		}
	}
	return states
}

// leaveUnscored marks the results that a detector would have judged: without a state
// there is nothing to compare them with.
func leaveUnscored(outcomes []checks.Outcome) {
	for _, o := range outcomes {
		for i, c := range o.Job.Checks {
			if watched := c.Common().Anomaly; watched != nil {
				anomaly.NotCompared(*watched, &o.Results[i], "--no-state")
			}
		}
	}
}

// openState opens the state for writing, or beside a running agent for reading.
func openState(cmd *cobra.Command, dsn sentinel.Secret) (s *store.Store, writable bool, err error) {
	s, err = store.OpenDSN(cmd.Context(), dsn)
	if !errors.Is(err, store.ErrLocked) {
		return s, err == nil, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: a running agent has locked the state; these results are not recorded")
	s, err = store.OpenReaderDSN(cmd.Context(), dsn)
	return s, false, err
}

// runJobs runs the warehouses side by side.
func runJobs(ctx context.Context, env checks.Env, jobs map[string][]checks.Job) (out []checks.Outcome) {
	names := slices.Sorted(maps.Keys(jobs))
	done := make([][]checks.Outcome, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { done[i] = checks.Run(ctx, env, name, jobs[name]) })
	}
	wg.Wait()
	return slices.Concat(done...)
}

// openFindings returns whether a check has an open finding about the data.
func openFindings(ctx context.Context, s *store.Store) (func(table sentinel.Table, check string) bool, error) {
	open, err := s.OpenIncidents(ctx)
	return func(table sentinel.Table, check string) bool {
		return slices.ContainsFunc(open, func(i sentinel.Incident) bool {
			return i.Table == table && slices.ContainsFunc(i.OpenFindings(), func(f sentinel.IncidentFinding) bool {
				return f.Check == check && !f.Monitor
			})
		})
	}, err
}

// explainBad says what the bad rows of bad results have in common. What has an open finding was
// explained when it turned bad. Without a state all are explained.
func explainBad(ctx context.Context, env checks.Env, s *store.Store, outcomes []checks.Outcome) error {
	isOpen := func(sentinel.Table, string) bool { return false }
	if s != nil {
		var err error
		if isOpen, err = openFindings(ctx, s); err != nil {
			return err
		}
	}
	all := map[string][]checks.Outcome{} // by warehouse
	for _, o := range outcomes {
		bad := checks.Outcome{Job: o.Job}
		bad.Job.Checks = nil
		for i, c := range o.Job.Checks {
			if r := o.Results[i]; r.Status.Bad() && checks.Explains(c) && !isOpen(r.Table, r.Check) {
				bad.Job.Checks = append(bad.Job.Checks, c)
				bad.Results = append(bad.Results, r)
			}
		}
		if len(bad.Results) > 0 {
			all[o.Job.Table.Warehouse] = append(all[o.Job.Table.Warehouse], bad)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, e := range checks.ExplainFailures(ctx, env, name, all[name]) {
			for _, o := range outcomes {
				for i := range o.Results {
					if r := &o.Results[i]; e.Text != "" && r.Table == e.Table && r.Check == e.Check {
						agent.Explain(r, e.Text)
					}
				}
			}
		}
	}
	return nil
}

// keepDrifts keeps the baselines of tables with an open drift that cannot be compared with them.
func keepDrifts(ctx context.Context, s *store.Store, outcomes []checks.Outcome) error {
	isOpen, err := openFindings(ctx, s)
	if err != nil {
		return err
	}
	for i := range outcomes {
		for k := range outcomes[i].Results {
			agent.KeepDrifts(&outcomes[i], &outcomes[i].Results[k], isOpen)
		}
	}
	return nil
}

// record writes results, first baselines and the detectors' states.
func record(ctx context.Context, s *store.Store, outcomes []checks.Outcome, states []store.State) error {
	batch := store.Batch{
		Baselines: map[string]store.Snapshot{},
		Renewals:  map[string]store.Renewal{},
		States:    states,
	}
	for _, o := range outcomes {
		batch.Results = append(batch.Results, o.Results...)
		for id, t := range o.Baselines {
			batch.Baselines[id] = store.Snapshot{
				Data:       checks.EncodeSnapshot(t),
				TakenAt:    o.Job.Tick,
				AcceptedBy: "sentinel check",
				Why:        "first check",
			}
		}
		for id, r := range o.Renewals {
			batch.Renewals[id] = store.Renewal{Data: r.Data, Of: r.Of}
		}
	}
	_, err := s.Record(ctx, batch)
	return err
}
