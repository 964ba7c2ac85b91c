package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
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

func writeResults(w io.Writer, format string, results []sentinel.Result, took time.Duration) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(results)
	case "junit":
		return writeJUnit(w, results)
	}
	return writeText(w, results, took)
}

var colours = map[sentinel.Status]string{sentinel.Pass: "\x1b[32m", sentinel.Warn: "\x1b[33m", sentinel.Fail: "\x1b[31m", sentinel.Unknown: "\x1b[36m", sentinel.Error: "\x1b[35m"}

// coloured marks a status on a terminal; NO_COLOR switches that off.
func coloured(w io.Writer, s sentinel.Status) string {
	f, isFile := w.(*os.File)
	word := fmt.Sprintf("%-7s", s)
	if !isFile || os.Getenv("NO_COLOR") != "" {
		return word
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return word
	}
	return colours[s] + word + "\x1b[0m"
}

func writeText(to io.Writer, results []sentinel.Result, took time.Duration) error {
	counts := map[sentinel.Status]int{}
	words := map[sentinel.Status]string{}
	for _, s := range []sentinel.Status{sentinel.Pass, sentinel.Warn, sentinel.Fail, sentinel.Unknown, sentinel.Error} {
		words[s] = coloured(to, s)
	}
	w := bufio.NewWriterSize(to, 32<<10)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var last sentinel.Table
	for _, r := range results {
		counts[r.Status]++
		if r.Table != last {
			fmt.Fprintf(tw, "%s\n", r.Table)
			last = r.Table
		}
		fmt.Fprintf(tw, "  %s  %s\t%s\n", words[r.Status], shortID(r), r.Message)
		for _, f := range r.Findings[min(1, len(r.Findings)):] {
			fmt.Fprintf(tw, "  %s  \t%s\n", words[f.Status], f.Message)
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	line := fmt.Sprintf("\n%d checks", len(results))
	for _, s := range []sentinel.Status{sentinel.Pass, sentinel.Warn, sentinel.Fail, sentinel.Unknown, sentinel.Error} {
		if counts[s] > 0 {
			line += fmt.Sprintf(", %d %s", counts[s], s)
		}
	}
	fmt.Fprintf(w, "%s (%s)\n", line, took.Round(time.Millisecond))
	return w.Flush()
}

// shortID leaves the table, which stands above, out of an id.
func shortID(r sentinel.Result) string {
	prefix := r.Table.String() + "/"
	if len(r.Check) > len(prefix) && r.Check[:len(prefix)] == prefix {
		return r.Check[len(prefix):]
	}
	return cmp.Or(r.Check, r.Kind)
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Seconds float64    `xml:"time,attr"`
	Failure *junitText `xml:"failure,omitempty"`
	Error   *junitText `xml:"error,omitempty"`
	Out     string     `xml:"system-out,omitempty"`
}

type junitText struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

func writeJUnit(w io.Writer, results []sentinel.Result) error {
	suite := junitSuite{Name: "sentinel", Tests: len(results)}
	for _, r := range results {
		c := junitCase{Class: r.Table.String(), Name: shortID(r), Seconds: r.Duration.Seconds(), Out: r.Message}
		switch r.Status {
		case sentinel.Fail, sentinel.Warn:
			c.Failure = &junitText{r.Status.String(), r.Message}
			suite.Failures++
		case sentinel.Error:
			c.Error = &junitText{"error", r.Message}
			suite.Errors++
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
