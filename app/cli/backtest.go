package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/anomaly"
	replay "github.com/sentinel-dq/sentinel/anomaly/backtest"
	risks "github.com/sentinel-dq/sentinel/predict/backtest"
	"github.com/sentinel-dq/sentinel/store"
)

type backtest struct {
	data, labels, out, format, plot string
	check, metric, segment          string
	config                          anomaly.Config
	risk                            bool
	lead                            time.Duration
}

func newBacktest() *cobra.Command {
	var b backtest
	cmd := &cobra.Command{
		Use:   "backtest [FILE.csv]",
		Short: "Replay a series through the anomaly detector, or arrivals through the risk model",
		Long: `Replays a series through the detector, one value after the other. Prints the alarms
that the detector would have raised.

A series is one of these:
- the recorded values of a check (--check, --metric)
- a CSV file with the columns timestamp and value
- every file under a folder that a labels file names (--data, --labels)

With --risk the folder holds feeds.json and one CSV file of arrival times per feed.

Labels: {"file.csv": [["start", "end"], ...]}. The report compares alarms with them.
Detectors never learn from them.`,
		Example: `  sentinel backtest rows.csv --plot rows.svg
  sentinel backtest --check shop.public.orders/row_count --metric row_count
  sentinel backtest --data series --labels labels.json --format csv --out scored
  sentinel backtest --risk --data feeds --format csv --lead 60m > risks.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return b.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&b.data, "data", "", "folder of series; with --risk, folder of feeds")
	f.StringVar(&b.labels, "labels", "", "labels file: names the files under --data and their bad periods")
	f.StringVar(&b.out, "out", "", "with --format csv: folder for the timestamp,value,score file of each series")
	f.StringVar(&b.format, "format", "text", "text or csv")
	f.StringVar(&b.plot, "plot", "", "draw the series, the expected range and the alarms into this .svg file")
	f.StringVar(&b.check, "check", "", "replay the recorded values of this check")
	f.StringVar(&b.metric, "metric", "", "metric of the check, such as row_count")
	f.StringVar(&b.segment, "segment", "", "segment of the check, such as country=DE")
	f.StringVar(&b.config.Detector, "detector", "", "detector: one of "+strings.Join(anomaly.Names(), ", "))
	f.StringVar(&b.config.FalseAlarms, "false-alarms", "", "highest rate of false alarms, such as 1/month")
	f.StringVar(&b.config.Direction, "direction", "", "direction of alarms: drop, spike or both")
	f.BoolVar(&b.risk, "risk", false, "replay arrival times through the risk model")
	f.DurationVar(&b.lead, "lead", 0, "with --risk: the time before the deadline at which the risk is calculated")
	return cmd
}

func (b *backtest) run(cmd *cobra.Command, args []string) error {
	if err := b.config.Validate(); err != nil {
		return err
	}
	given := 0
	for _, is := range []bool{len(args) > 0, b.check != "", b.data != ""} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("backtest: name one of a CSV file, --check, or --data; see sentinel backtest --help")
	case b.format != "text" && b.format != "csv":
		return fmt.Errorf("--format: unknown word %q: want text or csv", b.format)
	case b.risk:
		return b.risks(cmd.OutOrStdout())
	case b.data != "":
		return b.folder(cmd.OutOrStdout())
	}
	rows, title, err := b.series(cmd, args)
	if err != nil {
		return err
	}
	var windows []replay.Window
	if b.labels != "" {
		labels, err := replay.ReadLabels(b.labels)
		if err != nil {
			return err
		}
		windows = append([]replay.Window{}, labels[title]...)
	}
	return b.one(cmd.OutOrStdout(), title, rows, windows)
}

func (b *backtest) risks(w io.Writer) error {
	if b.data == "" {
		return errors.New("backtest: --risk needs --data with a folder of feeds.json and one CSV a feed")
	}
	if b.format == "csv" {
		return risks.WriteRisks(b.data, b.lead, w)
	}
	feeds, err := risks.ReadFeeds(b.data)
	if err != nil {
		return err
	}
	return risks.WriteSummary(feeds, b.lead, w)
}

// folder judges every file that the labels name.
func (b *backtest) folder(w io.Writer) error {
	if b.labels == "" {
		return errors.New("backtest: --data needs --labels: a file that names the series, such as {\"a.csv\": []}")
	}
	if b.format == "csv" {
		if b.out == "" {
			return errors.New("backtest: --format csv needs --out: a folder for the scored files")
		}
		n, err := replay.WriteFolder(b.data, b.labels, b.out, b.config)
		if err == nil {
			_, err = fmt.Fprintf(w, "%d files scored with %s under %s\n", n, b.config.Detector, b.out)
		}
		return err
	}
	labels, err := replay.ReadLabels(b.labels)
	if err != nil {
		return err
	}
	names, err := replay.Names(b.labels)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%s: %q leads out of the folder", b.labels, name)
		}
		rows, err := replay.ReadSeries(filepath.Join(b.data, name))
		if err != nil {
			return err
		}
		if err := b.one(w, name, rows, labels[name]); err != nil {
			return err
		}
	}
	return nil
}

// series reads one series: a file, or a check's remembered values.
func (b *backtest) series(cmd *cobra.Command, args []string) (rows []replay.Row, title string, err error) {
	if len(args) > 0 {
		rows, err = replay.ReadSeries(args[0])
		return rows, filepath.Base(args[0]), err
	}
	if b.metric == "" {
		return nil, "", errors.New("backtest: --check needs --metric: `sentinel history` lists the recorded series")
	}
	s, err := reader(cmd)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	of := store.Series{Check: b.check, Metric: b.metric, Segment: b.segment}
	points, err := s.Points(cmd.Context(), of, time.Time{}, 1<<30)
	if err != nil {
		return nil, "", unavailable(err)
	}
	if len(points) == 0 {
		return nil, "", fmt.Errorf("no values of %s %s %s are recorded: `sentinel history` lists the recorded series",
			b.check, b.metric, b.segment)
	}
	for _, p := range points {
		rows = append(rows, replay.Row{Text: p.Time.Format(time.RFC3339), Point: p})
	}
	return rows, strings.TrimSpace(b.check + " " + b.metric + " " + b.segment), nil
}

// shown is how many alarms are printed in words.
const shown = 10

func (b *backtest) one(w io.Writer, title string, rows []replay.Row, windows []replay.Window) error {
	names := anomaly.Names()
	if b.config.Detector != "profile" || b.format == "csv" {
		names = []string{b.config.Detector}
	} else { // the default first
		names = append([]string{"profile"}, slices.DeleteFunc(names, func(n string) bool { return n == "profile" })...)
	}
	var all []replay.Replayed
	for _, n := range names {
		r, err := replay.Compare(n, b.config, rows, windows)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	if b.plot != "" {
		if err := replay.Plot(b.plot, title+" ("+all[0].Detector+")", all[0].Scores, windows, 0); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
	}
	if b.format == "csv" {
		return replay.WriteScores(w, rows, all[0].Scores)
	}
	return printReplays(w, title, all)
}

func printReplays(w io.Writer, title string, all []replay.Replayed) error {
	first := all[0]
	printf(w, "%s: %d values over %.1f weeks\n\n", title, len(first.Scores), first.Weeks)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "DETECTOR\tALARMS\tA WEEK\tLEARNING"
	if first.Labelled != nil {
		head += "\tFOUND\tFALSE\tPRECISION\tRECALL\tMEDIAN DELAY"
	}
	fmt.Fprintln(tw, head)
	for _, r := range all {
		printf(tw, "%s\t%d\t%.2f\t%d points",
			r.Detector, len(r.Alarms), float64(len(r.Alarms))/max(r.Weeks, 1.0/7), r.Learning)
		if l := r.Labelled; l != nil {
			delay := "-"
			if len(l.Delays) > 0 {
				slices.Sort(l.Delays)
				delay = l.Delays[len(l.Delays)/2].String()
			}
			printf(tw, "\t%d of %d\t%d\t%.2f\t%.2f\t%s",
				l.Found, l.Windows, l.False, l.Precision(), l.Recall(), delay)
		}
		fmt.Fprintln(tw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(first.Alarms) > 0 {
		fmt.Fprintf(w, "\nalarms of %s:\n", first.Detector)
	}
	for i, a := range first.Alarms {
		if i == shown {
			fmt.Fprintf(w, "  and %d more; --format csv writes all\n", len(first.Alarms)-shown)
			break
		}
		printf(w, "  %s  %s\n", a.Time.Format("2006-01-02 15:04"), a.Reason)
	}
	_, err := fmt.Fprintln(w)
	return err
}
