package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func newSilences() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "silence",
		Short: "Stop notifications for a time, list what is silent, and end it",
		Example: `  sentinel silence add --dataset 'shop.staging.*' --for 2h --why 'migration'
  sentinel silence list`,
	}
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the silences that have not ended",
		Example: "  sentinel silence list",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listSilences(cmd) },
	}
	var why string
	end := &cobra.Command{
		Use:     "end ID",
		Short:   "End a silence now; people are notified of what it hides and is still wrong",
		Example: "  sentinel silence end s20261121t040000.000 --why 'migration is done'",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return endSilence(cmd, args[0], why) },
	}
	end.Flags().StringVar(&why, "why", "", "reason, kept in the audit log")
	add := newSilence()
	add.Use = "add [ID]"
	add.Example = `  sentinel silence add 0cq1k4mg3s8qo --for 2h --why 'loader is being fixed'
  sentinel silence add --dataset 'shop.staging.*' --for 1h --why 'migration'`
	cmd.AddCommand(add, list, end)
	return cmd
}

// newSilence is the command that keeps notifications back for a time.
func newSilence() *cobra.Command {
	var s notify.Silence
	var lasts string
	cmd := &cobra.Command{
		Use:   "silence [ID]",
		Short: "Stop notifications of an incident, a dataset, a check, a tag, an owner or a tier for a time",
		Long:  "Checks continue to run. When the silence ends, incidents that are still open are notified.",
		Example: `  sentinel incidents silence 0cq1k4mg3s8qo --for 2h --why 'loader is being fixed'
  sentinel incidents silence --dataset 'shop.staging.*' --for 1h --why 'migration'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.Incident = args[0]
			}
			d, err := notify.ParseSpan(lasts)
			if err != nil {
				return fmt.Errorf("--for: %w", err)
			}
			s.From, s.Who = clock.Now().UTC().Truncate(time.Second), userName()
			s.Until, s.ID = s.From.Add(d), notify.SilenceID(s.From)
			return addSilence(cmd, s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&lasts, "for", "1h", "length of the silence, such as 30m, 2h or 3d")
	f.StringVar(&s.Dataset, "dataset", "", "warehouse.schema.table, as in the configuration, with * for any text")
	f.StringVar(&s.Check, "check", "", "a check's id")
	f.StringVar(&s.Finding, "finding", "", "a finding's key, such as country=DE, with * for any text")
	f.StringVar(&s.Tag, "tag", "", "a tag of the dataset, with * for any text")
	f.StringVar(&s.Tier, "tier", "", "critical, warning or info")
	f.StringVar(&s.Owner, "owner", "", "an owner")
	f.BoolVar(&s.All, "all", false, "the silence may match everything")
	f.StringVar(&s.Why, "why", "", "reason, kept with the silence")
	return cmd
}

func addSilence(cmd *cobra.Command, s notify.Silence) error {
	if err := s.Validate(); err != nil {
		return err
	}
	var set notify.SilenceStatus
	err := change{
		path:   "silences",
		body:   s,
		answer: &set,
		offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) error {
			if err := a.Silence(ctx, s); err != nil {
				return err
			}
			all, err := a.Silences(ctx)
			if at := slices.IndexFunc(all, func(o notify.SilenceStatus) bool { return o.ID == s.ID }); at >= 0 {
				set = all[at]
			}
			return err
		},
	}.apply(cmd)
	if err != nil {
		return err
	}
	if set.Warning != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", set.Warning)
	}
	_, err = printf(cmd.OutOrStdout(), "silent until %s (%s): %s\n",
		s.Until.Format(time.RFC3339), s.ID, matching(set))
	return err
}

// matching says in words how much a silence matches.
func matching(s notify.SilenceStatus) string {
	switch {
	case s.Incident != "" && s.Matches > 0:
		return "matches the incident"
	case s.Matches == 1:
		return "matches 1 dataset"
	case s.Matches > 1:
		return fmt.Sprintf("matches %d datasets", s.Matches)
	}
	return "matches nothing"
}

func listSilences(cmd *cobra.Command) error {
	var all []notify.SilenceStatus
	err := change{
		method: http.MethodGet,
		path:   "silences",
		answer: &all,
		offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) (err error) {
			all, err = a.Silences(ctx)
			return err
		},
	}.apply(cmd)
	if err != nil {
		return err
	}
	return writeSilences(cmd.OutOrStdout(), all)
}

func writeSilences(w io.Writer, all []notify.SilenceStatus) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "nothing is silenced")
		return err
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ID\tUNTIL\tENDS IN\tWHAT\tMATCHES\tWHO\tWHY")
	for _, s := range all {
		printf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Until.UTC().Format(time.RFC3339),
			notify.Span(s.Until.Sub(clock.Now())), s.What(), matching(s), s.Who, s.Why)
	}
	return tw.Flush()
}

func endSilence(cmd *cobra.Command, id, why string) error {
	if id == "" {
		return errors.New("want the id of a silence: `sentinel silence list` shows them")
	}
	who := userName()
	err := change{
		method: http.MethodDelete,
		path:   "silences/" + url.PathEscape(id),
		body:   map[string]string{"who": who, "why": why},
		offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) error {
			_, err := a.EndSilence(ctx, id, who, why)
			return err
		},
	}.apply(cmd)
	if err != nil {
		return err
	}
	_, err = printf(cmd.OutOrStdout(), "silence %s has ended\n", id)
	return err
}
