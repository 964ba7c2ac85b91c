package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// newLabel is the command that takes points of a series out of its baseline.
func newLabel() *cobra.Command {
	var l store.Label
	var from, to string
	var include bool
	cmd := &cobra.Command{
		Use:   "label",
		Short: "Exclude points from the baseline of a check, or include them again",
		Long: `Points with the label --exclude are not part of any baseline. The detectors of the
check learn again from the other recorded points. --include removes a label. Times without a
zone are in the time zone of the check; a date is the whole day.`,
		Example: `  sentinel history label --check shop.public.orders/row_count:day \
    --from 2026-11-01 --to 2026-11-03 --exclude --why 'backfill ran twice'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if l.Exclude == include {
				return errors.New("give --exclude, or --include to remove a label")
			}
			cfg, err := loadFor(cmd, agentKeys()...)
			if err != nil {
				return err
			}
			if l.From, l.To, err = parseRange(from, to, zoneOf(cfg, l.Check)); err != nil {
				return err
			}
			l.Who = userName()
			err = change{
				path:    "labels",
				body:    l,
				offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) error { return a.Label(ctx, l) },
			}.apply(cmd)
			if err != nil {
				return err
			}
			_, err = printf(cmd.OutOrStdout(), "labelled %s from %s to %s\n",
				l.Check, l.From.Format(time.RFC3339), l.To.Format(time.RFC3339))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.Check, "check", "", "id of the check")
	f.StringVar(&l.Segment, "segment", "", "segment, such as country=DE")
	f.StringVar(&from, "from", "", "first point, such as 2026-11-01 or 2026-11-01T06:00:00Z")
	f.StringVar(&to, "to", "", "last point, or its day")
	f.BoolVar(&l.Exclude, "exclude", false, "exclude these points from the baseline")
	f.BoolVar(&include, "include", false, "include these points in the baseline again")
	f.StringVar(&l.Why, "why", "", "reason, recorded with the label")
	for _, name := range []string{"check", "from", "to", "why"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // named above
		}
	}
	return cmd
}

// parseRange reads the first and the last time of a range. A day as its end is whole.
func parseRange(from, to string, zone *time.Location) (first, last time.Time, err error) {
	first, _, err = parseWhen(from, zone)
	if err != nil {
		return first, last, fmt.Errorf("--from: %w", err)
	}
	last, day, err := parseWhen(to, zone)
	if err != nil {
		return first, last, fmt.Errorf("--to: %w", err)
	}
	if day {
		last = last.AddDate(0, 0, 1).Add(-time.Second)
	}
	return first, last, nil
}

// parseWhen reads a time, or a day, which begins at midnight of the zone.
func parseWhen(s string, zone *time.Location) (at time.Time, day bool, err error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, layout == time.DateOnly, nil
		}
	}
	return time.Time{}, false, fmt.Errorf("%q: want a time such as 2026-11-01 or 2026-11-01T06:00:00Z", s)
}

// zoneOf returns the time zone of a check; UTC if none is configured, or the check is not.
func zoneOf(cfg *config.Config, check string) *time.Location {
	for _, d := range cfg.Datasets {
		table := d.Table
		if d.Pattern.Wild() {
			named, err := sentinel.ParseTable(check[:max(0, strings.LastIndexByte(check, '/'))])
			if err != nil || !d.Names(named) {
				continue
			}
			table = named
			d = d.Of(named)
		}
		for _, c := range d.Checks {
			if o := c.Common(); o.ID == check || table.String()+"/"+o.ID == check {
				return cmp.Or(zoneNamed(o.Timezone), d.Location, time.UTC)
			}
		}
	}
	return time.UTC
}

// zoneNamed returns the zone of a name that the configuration has read; nil for none.
func zoneNamed(name string) *time.Location {
	if name == "" {
		return nil
	}
	zone, err := schedule.Zone(name)
	if err != nil {
		return nil
	}
	return zone
}
