package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/notify"
)

// routeQuestion is an incident whose routes are asked for.
type routeQuestion struct {
	dataset, tier, owner, at string
}

func newNotifyRoute() *cobra.Command {
	var q routeQuestion
	cmd := &cobra.Command{
		Use:   "route",
		Short: "Print which channels would be notified of an incident, and why",
		Long: "Reads the configuration alone. Silences, which are in the state, are not looked at.\n" +
			"Without --tier and --owner, the command answers for those of the dataset's checks.",
		Example: `  sentinel notify route --dataset shop.public.orders
  sentinel notify route --dataset shop.public.orders --tier critical --at '2026-12-06 03:00'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return q.answer(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&q.dataset, "dataset", "", "warehouse.schema.table")
	f.StringVar(&q.tier, "tier", "", "critical, warning or info (also --severity)")
	f.StringVar(&q.owner, "owner", "", "an owner")
	f.StringVar(&q.at, "at", "", "time, such as 2026-12-06 03:00 in UTC, or RFC 3339 (default now)")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "severity" { // what other tools call the tier
			name = "tier"
		}
		return pflag.NormalizedName(name)
	})
	return cmd
}

func (q routeQuestion) answer(cmd *cobra.Command) error {
	cfg, err := loadFor(cmd)
	if err != nil {
		return err
	}
	incidents, err := q.incidents(cfg)
	if err != nil {
		return err
	}
	at := clock.Now().UTC().Truncate(time.Second)
	if q.at != "" {
		if at, err = notify.ParseInstant(q.at, time.UTC); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	for n, i := range incidents {
		if n > 0 {
			fmt.Fprintln(cmd.OutOrStdout())
		}
		if err := writeRoute(cmd.OutOrStdout(), cfg, i, at); err != nil {
			return err
		}
	}
	return nil
}

// incidents are the cases that the question is about: one for each tier and owner of the
// dataset's checks, or the one that the flags describe.
func (q routeQuestion) incidents(cfg *config.Config) (all []sentinel.Incident, err error) {
	if q.dataset == "" {
		return nil, fmt.Errorf("say which dataset: --dataset warehouse.schema.table")
	}
	if !slices.Contains([]string{"", "critical", "warning", "info"}, q.tier) {
		return nil, fmt.Errorf("--tier %q: want critical, warning or info", q.tier)
	}
	p, err := parseDataset(q.dataset)
	if err != nil {
		return nil, err
	}
	for _, d := range cfg.Datasets {
		if d.Names(p.Table) {
			all = append(all, d.Incidents(p.Table)...)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("--dataset: no entry of `datasets:` is about %s", q.dataset)
	}
	if q.tier != "" || q.owner != "" {
		for n := range all {
			if all[n].Check = ""; q.tier != "" {
				all[n].Tier = q.tier
			}
			if q.owner != "" {
				all[n].Owner = q.owner
			}
		}
		all = slices.CompactFunc(all, func(a, b sentinel.Incident) bool { return a.Tier == b.Tier && a.Owner == b.Owner })
	}
	return all, nil
}

const routeTime = "Mon 2006-01-02 15:04 MST"

func writeRoute(w io.Writer, cfg *config.Config, i sentinel.Incident, at time.Time) error {
	printf(w, "%s, tier %s", i.Table, i.Tier)
	if i.Owner != "" {
		printf(w, ", owner %s", i.Owner)
	}
	printf(w, ", at %s\n", at.Format(routeTime))
	if i.Check != "" {
		printf(w, "checks: %s\n", i.Check)
	}
	steps := notify.Explain(cfg.Routes, i, at)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ROUTE\tTAKEN\tTO\tWHY")
	for _, s := range steps {
		taken := map[bool]string{true: "yes", false: "no"}[s.Taken]
		printf(tw, "%d\t%s\t%s\t%s\n", s.Route, taken, strings.Join(s.To, ", "), s.Why)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, whoHears(cfg, i, at, steps))
	return err
}

// whoHears says which channels are notified at once, and which later.
func whoHears(cfg *config.Config, i sentinel.Incident, at time.Time, steps []notify.Step) string {
	var now, later []string
	for _, s := range steps {
		for _, name := range s.To {
			switch {
			case s.Taken && !slices.Contains(now, name):
				now = append(now, name)
			case !s.Begins.IsZero():
				later = append(later, fmt.Sprintf("%s from %s (route %d)", name, s.Begins.Format(routeTime), s.Route))
			}
		}
	}
	text := "notified: nobody\n"
	if why, quiet := (notify.Quiet{Windows: cfg.Windows}).Suppressed(i, at); quiet {
		text = fmt.Sprintf("notified: nobody until the end of the window (%s), then: %s\n", why, strings.Join(now, ", "))
	} else if len(now) > 0 {
		text = "notified: " + strings.Join(now, ", ") + "\n"
	}
	if len(later) > 0 {
		text += "if it is still open then: " + strings.Join(later, "; ") + "\n"
	}
	return text
}
