package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/chart"
	"github.com/sentinel-dq/sentinel/predict"
)

func newRisk() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "risk",
		Short: "Explain the predictions of missed deadlines, and report their quality",
		Example: `  sentinel risk explain shop.public.orders
  sentinel risk report`,
	}
	var plot string
	var of selection
	report := &cobra.Command{
		Use:     "report",
		Short:   "Report the quality of the last 30 predictions of each dataset",
		Args:    cobra.NoArgs,
		Example: "  sentinel risk report --plot reliability.svg",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := forecasts(cmd, of)
			if err != nil {
				return err
			}
			if plot != "" {
				if err := plotReliability(plot, all); err != nil {
					return fmt.Errorf("--plot: %w", err)
				}
			}
			return printRiskReport(cmd.OutOrStdout(), all)
		},
	}
	of.flags(report.Flags(), "report")
	report.Flags().StringVar(&plot, "plot", "", "draw forecasts and outcomes into this .svg file")
	cmd.AddCommand(report, &cobra.Command{
		Use:     "explain DATASET",
		Short:   "Explain the risk that a dataset misses its next deadline",
		Args:    cobra.ExactArgs(1),
		Example: "  sentinel risk explain shop.public.orders",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := forecasts(cmd, selection{dataset: args[0]})
			if err != nil {
				return err
			}
			for _, f := range found {
				if err := explainRisk(cmd.OutOrStdout(), f, clock.Now()); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return cmd
}

// forecasts are those of the configured datasets with a deadline, as the store
// remembers them.
func forecasts(cmd *cobra.Command, of selection) (out []*agent.Forecast, err error) {
	cfg, err := loadFor(cmd, "state")
	if err != nil {
		return nil, err
	}
	s, err := reader(cmd)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	found, err := setupOf(cfg).RememberedDatasets(cmd.Context(), s)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, p := range found.Problems {
		fmt.Fprintln(cmd.ErrOrStderr(), "sentinel: "+p.Error())
	}
	datasets, err := only(found.Datasets, of)
	if err != nil {
		return nil, err
	}
	for _, d := range datasets {
		if d.Risk == nil {
			continue
		}
		f, damaged, err := agent.NewForecast(cmd.Context(), s, d)
		if err != nil {
			return nil, err
		}
		if damaged != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "sentinel: %s: the forecast is trained again: %v\n", d.Table, damaged)
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		return nil, errors.New("no dataset has a deadline: " +
			"give its freshness check `expected:`, or the dataset `risk: {deadline: \"06:00\"}`")
	}
	return out, nil
}

var modelText = map[string]string{
	predict.Own:      "the dataset's own model",
	predict.Pooled:   "the pooled model: the dataset has too few periods yet",
	predict.BaseRate: "the base rate of misses: the model did worse and is off",
}

func explainRisk(w io.Writer, f *agent.Forecast, now time.Time) error {
	risk, ok := f.Tracker.Risk(now)
	risk.Table = f.Dataset.Table
	if !ok {
		_, err := printf(w, "%s: no row has been seen yet, so no deadline is known\n", risk.Table)
		return err
	}
	var b strings.Builder
	fmt.Fprintln(&b, agent.RiskText(risk, now))
	fmt.Fprintf(&b, "answered by %s\n", modelText[risk.Model])
	if !risk.Arrival.IsZero() {
		fmt.Fprintf(&b, "expected to arrive about %s\n",
			risk.Arrival.In(risk.Deadline.Location()).Format("Mon 15:04"))
	}
	fmt.Fprint(&b, "\nlog odds  reason (0 is a typical period; 0.7 doubles the odds)\n")
	for _, part := range f.Tracker.Model.Explain(f.Tracker.Context(), now) {
		fmt.Fprintf(&b, "%+8.2f  %s\n", part.LogOdds, part.Words)
		var features []string
		for _, name := range slices.SortedFunc(maps.Keys(part.Features), func(x, y string) int {
			return cmp.Compare(math.Abs(part.Features[y]), math.Abs(part.Features[x]))
		}) {
			features = append(features, fmt.Sprintf("%s %+.2f", name, part.Features[name]))
		}
		if len(features) > 1 {
			fmt.Fprintf(&b, "          (%s)\n", strings.Join(features, ", "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printRiskReport(w io.Writer, all []*agent.Forecast) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "DATASET\tPERIODS\tMISSED\tBRIER\tSKILL\tCALIBRATION ERROR\tWARNED OF\tLEAD\tANSWERS")
	var bins [5]predict.Bin
	var leads [len(predict.Leads)]predict.Quality
	for _, f := range all {
		r := f.Tracker.Model.Report()
		lead, answers := "-", "model"
		if r.Warned > 0 {
			lead = r.Lead.Round(time.Minute).String()
		}
		if r.Off {
			answers = "base rate (the model did worse)"
		}
		printf(tw, "%s\t%d\t%d\t%s\t%s\t%s\t%d of %d\t%s\t%s\n",
			f.Dataset.Table, r.Outcomes, r.Misses, known(r.Brier), known(r.Skill), known(r.Calibration),
			r.Warned, r.Misses, strings.TrimSuffix(lead, "0s"), answers)
		addBins(&bins, r.Reliability)
		for i := range leads {
			leads[i].Add(r.ByLead[i])
		}
	}
	printLeads(tw, leads)
	fmt.Fprintln(tw, "\nRISK GIVEN\tPERIODS\tMEAN RISK\tMISSED")
	for _, b := range bins {
		if b.Count > 0 {
			n := float64(b.Count)
			printf(tw, "%.1f to %.1f\t%d\t%.2f\t%.2f  %s\n",
				b.Low, b.High, b.Count, b.Risk/n, b.Missed/n, strings.Repeat("#", int(math.Round(20*b.Missed/n))))
		}
	}
	return tw.Flush()
}

// printLeads writes how good the risks of all datasets were at each lead, beside the rate of misses of the periods that
// were open then.
func printLeads(w io.Writer, leads [len(predict.Leads)]predict.Quality) {
	fmt.Fprintln(w, "\nBEFORE THE DEADLINE\tPERIODS OPEN\tMISSED\tBRIER\tBRIER OF THE BASE RATE\tSKILL")
	for i, q := range leads {
		name := "day-ahead"
		if i > 0 {
			name = strings.TrimSuffix(predict.Leads[i].String(), "0s")
		}
		n := float64(q.Open)
		fmt.Fprintf(
			w,
			"%s\t%d\t%d\t%s\t%s\t%s\n",
			name,
			q.Open,
			q.Missed,
			known(q.Squares/n),
			known(q.Base/n),
			known(q.Skill()),
		)
	}
}

// addBins adds sums up, so that datasets weigh by their periods.
func addBins(sum *[5]predict.Bin, bins []predict.Bin) {
	for _, b := range bins {
		s := &sum[min(4, int(b.Low*5+0.5))]
		s.Low, s.High = b.Low, b.High
		s.Count += b.Count
		s.Risk += b.Risk * float64(b.Count)
		s.Missed += b.Missed * float64(b.Count)
	}
}

func known(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.3f", v)
}

func plotReliability(path string, all []*agent.Forecast) error {
	var bins [5]predict.Bin
	for _, f := range all {
		addBins(&bins, f.Tracker.Model.Report().Reliability)
	}
	l := chart.Line{Name: "datasets together"}
	for _, b := range bins {
		if b.Count > 0 {
			l.X, l.Y = append(l.X, b.Risk/float64(b.Count)), append(l.Y, b.Missed/float64(b.Count))
		}
	}
	return chart.Save(path, chart.Chart{
		Title: "Forecast against what happened, last 30 periods",
		X:     "mean risk given", Y: "share missed",
		Width: 520, Height: 460,
		Limits: &chart.Box{From: 0, To: 1, Low: 0, High: 1},
		Lines:  []chart.Line{{Color: "#b0b0b0", X: []float64{0, 1}, Y: []float64{0, 1}}, l}, Points: []chart.Line{l},
	})
}
