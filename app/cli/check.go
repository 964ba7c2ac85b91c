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
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func newCheck() *cobra.Command {
	var dataset, failOn, format string
	var noState bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Run all checks once and exit, for pipelines and CI",
		Long: `Runs every check now. Exit code: 0 fine, 1 data failed, 2 usage or configuration,
3 could not look. With the state of a running agent the results are compared
with its history but not recorded in it.`,
		Example: "  sentinel check --dataset 'shop.public.*' --fail-on warn --format junit > report.xml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"text", "json", "junit"}, format) || !slices.Contains([]string{"warn", "fail"}, failOn) {
				return fmt.Errorf("want --format text, json or junit and --fail-on warn or fail")
			}
			results, took, err := checkOnce(cmd, dataset, noState)
			if err != nil {
				return err
			}
			if err := writeResults(cmd.OutOrStdout(), format, results, took); err != nil {
				return err
			}
			return verdict(results, failOn)
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "only datasets that match, such as shop.public.*")
	cmd.Flags().StringVar(&failOn, "fail-on", "fail", "exit with 1 on fail, or on warn too")
	cmd.Flags().StringVar(&format, "format", "text", "text, json or junit")
	cmd.Flags().BoolVar(&noState, "no-state", false, "neither read nor write the state")
	return cmd
}

func checkOnce(cmd *cobra.Command, dataset string, noState bool) (results []sentinel.Result, took time.Duration, err error) {
	ctx := cmd.Context()
	cfg, err := load(cmd)
	if err != nil {
		return nil, 0, err
	}
	open, err := setupOf(cfg).Warehouses()
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, open.Close()) }()
	env := checks.Env{Now: clock, Warehouse: func(name string) (*warehouse.DB, error) { return open[name], nil }}
	var memory *store.Store
	writable := false
	if !noState {
		memory, writable, err = openState(ctx, cmd, cfg.State)
		if err != nil {
			return nil, 0, unavailable(err)
		}
		defer func() { err = errors.Join(err, memory.Close()) }()
	}
	start := clock()
	datasets, problems := setupOf(cfg).Datasets(ctx, open)
	for _, p := range problems {
		fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+p.Error())
	}
	if datasets, err = only(datasets, dataset); err != nil {
		return nil, 0, err
	}
	var scorer *agent.Scorer
	if memory != nil {
		scorer = &agent.Scorer{Store: memory}
		env.History = agent.NewHistory(memory)
	}
	outcomes := runJobs(ctx, env, jobsOf(datasets))
	states := scoreAll(ctx, cmd, scorer, outcomes)
	results = resultsOf(outcomes)
	if len(results) == 0 && len(problems) > 0 {
		return nil, 0, unavailable(errors.Join(problems...))
	}
	if writable {
		if err := record(ctx, memory, results, outcomes, states); err != nil {
			return nil, 0, unavailable(err)
		}
	}
	return results, clock().Sub(start), nil
}

// jobsOf makes one job a dataset, by warehouse.
func jobsOf(datasets []agent.Dataset) (byWarehouse map[string][]checks.Job) {
	byWarehouse = map[string][]checks.Job{}
	now := clock()
	for _, d := range datasets {
		j := checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Location: d.Location, Tick: now, Checks: make([]checks.Check, 0, len(d.Checks))}
		for _, c := range d.Checks {
			j.Checks = append(j.Checks, c.Check)
		}
		byWarehouse[d.Table.Warehouse] = append(byWarehouse[d.Table.Warehouse], j)
	}
	return byWarehouse
}

// scoreAll holds the results against what is normal for them; without a state
// nothing is known, and nothing is said.
func scoreAll(ctx context.Context, cmd *cobra.Command, scorer *agent.Scorer, outcomes []checks.Outcome) (states []store.State) {
	for _, o := range outcomes {
		for i, c := range o.Job.Checks {
			watched := c.Common().Anomaly
			if watched == nil || scorer == nil {
				continue
			}
			some, err := scorer.Score(ctx, *watched, &o.Results[i])
			if err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+err.Error())
			}
			states = append(states, some...)
		}
	}
	return states
}

// openState opens the state for writing, or beside a running agent for reading.
func openState(ctx context.Context, cmd *cobra.Command, url string) (s *store.Store, writable bool, err error) {
	s, err = store.Open(ctx, url)
	if !errors.Is(err, store.ErrLocked) {
		return s, err == nil, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: the agent that runs keeps the state; these results are not recorded")
	s, err = store.OpenReader(ctx, url)
	return s, false, err
}

func baseline(ctx context.Context, s *store.Store, check string) (*warehouse.Table, error) {
	snapshot, ok, err := s.Baseline(ctx, check)
	if err != nil || !ok {
		return nil, err
	}
	return checks.DecodeSnapshot(snapshot.Data)
}

// runJobs runs the warehouses side by side.
func runJobs(ctx context.Context, env checks.Env, jobs map[string][]checks.Job) (out []checks.Outcome) {
	names := slices.Sorted(maps.Keys(jobs))
	done := make([][]checks.Outcome, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		run := func() { done[i] = checks.Run(ctx, env, name, jobs[name]) }
		if i < len(names)-1 {
			wg.Go(run)
		} else {
			run() // this goroutine's stack has grown already
		}
	}
	wg.Wait()
	return slices.Concat(done...)
}

func resultsOf(outcomes []checks.Outcome) []sentinel.Result {
	all := make([][]sentinel.Result, len(outcomes))
	for i, o := range outcomes {
		all[i] = o.Results
	}
	return slices.Concat(all...)
}

func record(ctx context.Context, s *store.Store, results []sentinel.Result, outcomes []checks.Outcome, states []store.State) error {
	batch := store.Batch{Results: results, Baselines: map[string]store.Snapshot{}, States: states}
	for _, o := range outcomes {
		for id, t := range o.Baselines {
			batch.Baselines[id] = store.Snapshot{Data: checks.EncodeSnapshot(t), TakenAt: o.Job.Tick, AcceptedBy: "sentinel check", Why: "first look"}
		}
	}
	_, err := s.Record(ctx, batch)
	return err
}

// verdict turns results into the exit code: failed data outweighs not having
// looked.
func verdict(results []sentinel.Result, failOn string) error {
	code := exitFine
	for _, r := range results {
		switch {
		case r.Status == sentinel.Fail, r.Status == sentinel.Warn && failOn == "warn":
			return &exitCodeError{code: exitFailed}
		case r.Status == sentinel.Error:
			code = exitError
		}
	}
	if code != exitFine {
		return &exitCodeError{code: code}
	}
	return nil
}
