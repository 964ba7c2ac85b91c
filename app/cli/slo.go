package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/slo"
)

func newSLO() *cobra.Command {
	var of selection
	var format string
	cmd := &cobra.Command{
		Use:   "slo",
		Short: "Print how datasets stand against their objectives, and the key figures of 30 days",
		Long: `Each dataset with ` + "`slo:`" + ` has two indicators: its loads are there by their deadline, and its
checks pass. The table says what was promised, what was reached, how much of the error
budget is left, and when it is spent at the rate of the last six hours.`,
		Example: `  sentinel slo
  sentinel slo --dataset shop.public.orders --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--format: %q: want text or json", format)
			}
			now := clock.Now()
			reports, figures, err := serviceLevels(cmd, of, now)
			if err != nil {
				return err
			}
			if format == "json" {
				return printLevelsJSON(cmd.OutOrStdout(), reports, figures)
			}
			return errors.Join(printLevels(cmd.OutOrStdout(), reports, now), printKPIs(cmd.OutOrStdout(), figures))
		},
	}
	of.flags(cmd.Flags(), "print")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// serviceLevels reads the levels of the configured datasets from the state.
func serviceLevels(
	cmd *cobra.Command, of selection, now time.Time,
) (reports []slo.Report, figures agent.KPIs, err error) {
	cfg, err := loadFor(cmd, "state")
	if err != nil {
		return nil, figures, err
	}
	if !slices.ContainsFunc(cfg.Datasets, func(d config.Dataset) bool { return d.SLO != nil }) {
		return nil, figures, errors.New("no dataset has an objective: " +
			"give it, or defaults, `slo: {objective: 99.9%, window: 30d}`")
	}
	s, err := reader(cmd)
	if err != nil {
		return nil, figures, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	found, err := setupOf(cfg).RememberedDatasets(cmd.Context(), s)
	if err != nil {
		return nil, figures, unavailable(err)
	}
	for _, p := range found.Problems {
		fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+p.Error())
	}
	datasets, err := only(found.Datasets, of)
	if err != nil {
		return nil, figures, err
	}
	levels, damaged, err := agent.ReadLevels(cmd.Context(), s, datasets, now)
	if err != nil {
		return nil, figures, err
	}
	for _, d := range damaged {
		fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+d.Error())
	}
	for _, d := range datasets {
		if l := levels[d.Table]; l != nil {
			l.EndWindows(now, cfg.Windows)
			reports = append(reports, l.Reports(now)...)
		}
	}
	figures, err = agent.ReadKPIs(cmd.Context(), s, now)
	return reports, figures, err
}

// percent writes a share; a dash for one that is not known.
func percent(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(math.Round(v*1e5)/1e3, 'f', -1, 64) + " %"
}

func printLevels(w io.Writer, reports []slo.Report, now time.Time) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "DATASET\tSLO\tOBJECTIVE\tACTUAL\tJUDGED\tBUDGET LEFT\tBAD TIME\tEXHAUSTED")
	for _, r := range reports {
		printf(tw, "%s\t%s\t%s over %s\t%s\t%s\t%s\t%s\t%s\n", r.Table, r.Indicator,
			percent(r.Objective.Target), slo.WindowName(r.Objective.Window), percent(r.Actual), percent(r.Judged),
			percent(r.Left), notify.Span(r.Totals[slo.Bad]), exhausted(r, now))
	}
	return tw.Flush()
}

// exhausted says when the budget is spent.
func exhausted(r slo.Report, now time.Time) string {
	switch {
	case math.IsNaN(r.Left):
		return "not known"
	case r.Left <= 0:
		return "spent"
	case r.Exhausted.IsZero():
		return "not at this rate"
	}
	return "in " + notify.Span(r.Exhausted.Sub(now))
}

func printKPIs(w io.Writer, k agent.KPIs) error {
	mean := func(m agent.Mean) string {
		if d, ok := m.Value(); ok {
			return notify.Span(d)
		}
		return "-"
	}
	part := func(p agent.Part) string { return fmt.Sprintf("%s (%d of %d)", percent(p.Share()), p.Good, p.All) }
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	printf(tw, "\nlast 30 days\nincidents\t%d\ntime to detect, mean\t%s\ntime to resolve, mean\t%s\n",
		k.Incidents, mean(k.Detect), mean(k.Resolve))
	printf(tw, "time to repair, mean\t%s\nrepairs that succeeded\t%s\n", mean(k.Repair), part(k.Repairs))
	printf(tw, "repairs that succeeded when tried again\t%s\nnotifications that arrived when tried again\t%s\n",
		part(k.RepairRetries), part(k.NoticeRetries))
	return tw.Flush()
}

// levelJSON is a report as JSON. Null is what is not known.
type levelJSON struct {
	Dataset   string              `json:"dataset"`
	SLO       string              `json:"slo"`
	Objective float64             `json:"objective"`
	Window    string              `json:"window"`
	Actual    *float64            `json:"actual"`
	Judged    *float64            `json:"judged"`
	Left      *float64            `json:"budget_left"`
	Bad       float64             `json:"bad_seconds"`
	Burn      map[string]*float64 `json:"burn_rates"`
	Exhausted *time.Time          `json:"exhausted"`
}

// figuresJSON are the key figures as JSON.
type figuresJSON struct {
	Incidents     int      `json:"incidents"`
	Detect        *float64 `json:"mean_time_to_detect_seconds"`
	Resolve       *float64 `json:"mean_time_to_resolve_seconds"`
	Repair        *float64 `json:"mean_time_to_repair_seconds"`
	Repairs       *float64 `json:"repair_success"`
	RepairRetries *float64 `json:"repair_retry_success"`
	NoticeRetries *float64 `json:"notification_retry_success"`
}

func printLevelsJSON(w io.Writer, reports []slo.Report, k agent.KPIs) error {
	known := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		return &v
	}
	mean := func(m agent.Mean) *float64 {
		if d, ok := m.Value(); ok {
			return known(d.Seconds())
		}
		return nil
	}
	out := struct {
		Levels  []levelJSON `json:"levels"`
		Figures figuresJSON `json:"last_30_days"`
	}{Figures: figuresJSON{
		k.Incidents, mean(k.Detect), mean(k.Resolve), mean(k.Repair),
		known(k.Repairs.Share()), known(k.RepairRetries.Share()), known(k.NoticeRetries.Share()),
	}}
	for _, r := range reports {
		l := levelJSON{
			Dataset: r.Table.String(), SLO: r.Indicator, Objective: r.Objective.Target,
			Window: slo.WindowName(r.Objective.Window), Actual: known(r.Actual), Judged: known(r.Judged),
			Left: known(r.Left), Bad: r.Totals[slo.Bad].Seconds(), Burn: map[string]*float64{},
		}
		for i, window := range slo.Windows() {
			l.Burn[slo.WindowName(window)] = known(r.Burn[i])
		}
		if !r.Exhausted.IsZero() {
			l.Exhausted = &r.Exhausted
		}
		out.Levels = append(out.Levels, l)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
