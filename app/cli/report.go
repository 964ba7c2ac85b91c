package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/notify"
	monthly "github.com/sentinel-dq/sentinel/report"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

func newReport() *cobra.Command {
	var month, format, zone string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Print the report of a month: incidents, times, service levels, repairs, false alarms",
		Long: `The report counts the incidents that began in a month, how long it took to notice and to end
them, how long datasets were bad, what repairs achieved, and which alarms people have labelled
as expected, by owner and dataset. The page /history/report shows the same numbers.`,
		Example: `  sentinel report
  sentinel report --month 2026-11 --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--format: %q: want text or json", format)
			}
			in, err := time.LoadLocation(zone)
			if err != nil {
				return fmt.Errorf("--timezone: %w", err)
			}
			m, err := monthly.ParseMonth(month, in, clock.Now())
			if err != nil {
				return fmt.Errorf("--month: %w", err)
			}
			r, err := monthReport(cmd, m)
			if err != nil {
				return err
			}
			if format == "json" {
				return printReportJSON(cmd.OutOrStdout(), r)
			}
			return printReport(cmd.OutOrStdout(), r)
		},
	}
	cmd.Flags().StringVar(&month, "month", "", "such as 2026-11; by default the present one, so far")
	cmd.Flags().StringVar(&zone, "timezone", "UTC", "zone in which the month begins and ends")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// monthReport reads the report of a month from the state, with the levels of the datasets that
// are configured.
func monthReport(cmd *cobra.Command, m monthly.Month) (r monthly.Report, err error) {
	cfg, err := loadFor(cmd, "state")
	if err != nil {
		return r, err
	}
	s, err := reader(cmd)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	levels, err := levelsOver(cmd, cfg, s, m)
	if err != nil {
		return r, err
	}
	r, err = monthly.Of(cmd.Context(), monthly.Source{Store: s, Levels: levels, Most: math.MaxInt32}, m)
	return r, unavailable(err)
}

// levelsOver returns the service levels over a month.
func levelsOver(cmd *cobra.Command, cfg *config.Config, s *store.Store, m monthly.Month) (out []slo.Report, err error) {
	if !slices.ContainsFunc(cfg.Datasets, func(d config.Dataset) bool { return d.SLO != nil }) {
		return nil, nil
	}
	found, err := setupOf(cfg).RememberedDatasets(cmd.Context(), s)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, p := range found.Problems {
		fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+p.Error())
	}
	now := clock.Now()
	levels, damaged, err := agent.ReadLevels(cmd.Context(), s, found.Datasets, now)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, d := range damaged {
		fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+d.Error())
	}
	for _, d := range found.Datasets {
		if l := levels[d.Table]; l != nil {
			l.EndWindows(now, cfg.Windows)
			out = append(out, l.Over(m.From, m.Until, m.To)...)
		}
	}
	return out, nil
}

// meanText writes a mean; a dash if there is none.
func meanText(m agent.Mean) string {
	if d, ok := m.Value(); ok {
		return notify.Span(d)
	}
	return "-"
}

func partText(p agent.Part) string { return fmt.Sprintf("%d of %d", p.Good, p.All) }

func printReport(w io.Writer, r monthly.Report) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	t := r.Total
	printf(tw, "month\t%s, from %s to %s\n", r.Name(), r.From.Format(time.RFC3339), r.Until.Format(time.RFC3339))
	printf(tw, "incidents\t%d began, %d were open before, %d are open at the end\n", t.Incidents, t.Carried, t.Open)
	printf(tw, "about checks alone\t%d\nfalse alarms labelled\t%d\n", t.Monitor, t.False)
	printf(tw, "time to detect, mean\t%s\ntime to resolve, mean\t%s\n", meanText(t.Detect), meanText(t.Resolve))
	printf(tw, "time to repair, mean\t%s\nrepairs that succeeded\t%s\n", meanText(t.Repair), partText(t.Repairs))
	for _, state := range slices.Sorted(maps.Keys(r.States)) {
		printf(tw, "repairs %s\t%d\n", state, r.States[state])
	}
	printRows(tw, "OWNER", r.Owners)
	printRows(tw, "DATASET", r.Datasets)
	if len(r.Levels) > 0 {
		fmt.Fprintln(tw, "\nDATASET\tSLO\tOBJECTIVE\tREACHED\tBUDGET LEFT\tKNOWN")
	}
	for _, l := range r.Levels {
		printf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Table, l.Indicator, percent(l.Objective.Target),
			percent(l.Actual), percent(l.Left), percent(r.Known(l)))
	}
	if len(r.Labels) > 0 {
		fmt.Fprintln(tw, "\nLABELLED\tFROM\tTO\tBY\tINCIDENT\tWHY")
	}
	for _, l := range r.Labels {
		printf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Check, l.From.Format(time.RFC3339), l.To.Format(time.RFC3339),
			l.Who, cmp.Or(l.Incident, "-"), l.Why)
	}
	return tw.Flush()
}

func printRows(w io.Writer, of string, rows []monthly.Row) {
	if len(rows) == 0 {
		return
	}
	printf(w, "\n%s\tINCIDENTS\tBEFORE\tBAD TIME\tTO DETECT\tTO RESOLVE\tREPAIRS\tFALSE\n", of)
	for _, r := range rows {
		printf(w, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\n", cmp.Or(r.Name, "(none)"), r.Incidents, r.Carried,
			notify.Span(r.Bad), meanText(r.Detect), meanText(r.Resolve), partText(r.Repairs), r.False)
	}
}

func printReportJSON(w io.Writer, r monthly.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r.Document())
}
