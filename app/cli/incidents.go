package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func newIncidents() *cobra.Command {
	cmd := &cobra.Command{Use: "incidents", Short: "List, show, acknowledge, resolve and silence incidents", Example: "  sentinel incidents list --all"}
	var all bool
	list := &cobra.Command{
		Use: "list", Short: "List open incidents, with --all also resolved ones", Example: "  sentinel incidents list", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listIncidents(cmd, all) },
	}
	list.Flags().BoolVar(&all, "all", false, "also resolved ones")
	show := &cobra.Command{
		Use: "show ID", Short: "Show an incident: what was seen, since when, who was told, what was repaired", Example: "  sentinel incidents show 0cq1k4mg3s8qo", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return showIncident(cmd, args[0]) },
	}
	cmd.AddCommand(list, show, newWord("ack", "Say that somebody is on it: no more reminders"), newWord("resolve", "End an incident by hand; it opens again if its check still finds it"), newSilence())
	return cmd
}

func listIncidents(cmd *cobra.Command, all bool) (err error) {
	s, err := reader(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	incidents, err := s.Incidents(cmd.Context(), store.IncidentFilter{Resolved: all})
	if err != nil {
		return unavailable(err)
	}
	if len(incidents) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "no incidents")
		return err
	}
	tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ID\tOPENED\tSTATE\tSEVERITY\tTIER\tDATASET\tWHAT")
	for _, i := range incidents {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, i.Opened.Format(time.RFC3339), i.State, i.Severity, i.Tier, i.Table, i.Message)
	}
	return tw.Flush()
}

func showIncident(cmd *cobra.Command, id string) (err error) {
	s, err := reader(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx := cmd.Context()
	i, ok, err := s.Incident(ctx, id)
	if err != nil {
		return unavailable(err)
	}
	if !ok {
		return fmt.Errorf("there is no incident %q: sentinel incidents list --all shows them", id)
	}
	repairs, err := s.Repairs(ctx, store.RepairFilter{Check: i.Check})
	if err != nil {
		return unavailable(err)
	}
	told, err := s.Outbox(ctx, store.OutboxFilter{Incident: id})
	if err != nil {
		return unavailable(err)
	}
	log, err := s.Audit(ctx, id, 100)
	if err != nil {
		return unavailable(err)
	}
	return writeIncident(cmd.OutOrStdout(), i, repairs, told, log)
}

func writeIncident(w io.Writer, i sentinel.Incident, repairs []sentinel.Repair, told []store.OutboxItem, log []store.AuditEntry) error {
	state := string(i.State)
	if i.Standing() != i.State {
		state += ", otherwise " + string(i.Standing())
	}
	fmt.Fprintf(w, "%s  %s\n%s: %s\n\n", i.ID, state, i.Table, i.Message)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"severity", i.Severity.String()}, {"tier", i.Tier}, {"owner", i.Owner}, {"observed", observedText(i)}, {"expected", i.Expected},
		{"since", when(i.Opened)}, {"last seen", when(i.Updated)}, {"last good", when(i.LastGood)}, {"resolved", when(i.Resolved)},
		{"seen", fmt.Sprintf("%d times, reopened %d times", i.Ticks, i.Flaps)}, {"check", i.Check}, {"finding", i.Key}, {"caused by", i.Upstream}, {"cause", i.Cause}, {"note", i.Note}, {"runbook", i.Runbook},
	} {
		if row[1] != "" {
			fmt.Fprintf(tw, "%s\t%s\n", row[0], row[1])
		}
	}
	for _, r := range repairs {
		if r.Incident == i.ID {
			fmt.Fprintf(tw, "repair\t%s %s: %s\n", r.ID, r.State, cmp.Or(r.Message, r.Plan.Summary))
		}
	}
	for _, o := range told {
		fmt.Fprintf(tw, "told\t%s of %s: %s %s\n", o.Channel, o.Kind, o.State, cmp.Or(when(o.Finished), o.LastError))
	}
	for _, e := range log {
		fmt.Fprintf(tw, "%s\t%s by %s: %s\n", when(e.At), e.What, e.Actor, e.Detail)
	}
	return tw.Flush()
}

func observedText(i sentinel.Incident) string {
	if i.Observed.Absent() {
		return ""
	}
	return i.Observed.String()
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// newWord is a command by which a person speaks of an incident.
func newWord(what, short string) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use: what + " ID", Short: short, Example: "  sentinel incidents " + what + " 0cq1k4mg3s8qo --why 'reloading by hand'", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var i sentinel.Incident
			err := change(cmd, "incidents/"+args[0]+"/"+what, map[string]string{"who": whoAmI(), "why": why}, &i, func(ctx context.Context, a *agent.Agent) (err error) {
				i, err = a.Decide(ctx, what, args[0], whoAmI(), why)
				return err
			})
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s: %s\n", i.ID, i.State, i.Table, i.Message)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "reason, kept in the audit log")
	return cmd
}

func newSilence() *cobra.Command {
	var s notify.Silence
	var lasts time.Duration
	cmd := &cobra.Command{
		Use: "silence [ID]", Short: "Tell nobody of an incident, a dataset or a tier, for a time",
		Long:    "Checks go on, and what is still wrong when the silence ends is told then.",
		Example: "  sentinel incidents silence 0cq1k4mg3s8qo --for 2h --why 'loader is being fixed'\n  sentinel incidents silence --dataset 'shop.staging.*' --for 1h --why 'migration'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.Incident = args[0]
			}
			s.From, s.Who = clock().UTC().Truncate(time.Second), whoAmI()
			s.Until = s.From.Add(lasts)
			s.ID = "s" + s.From.Format("20060102t150405.000")
			if err := s.Validate(); err != nil {
				return err
			}
			err := change(cmd, "silences", s, nil, func(ctx context.Context, a *agent.Agent) error { return a.Silence(ctx, s) })
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "silent until %s\n", s.Until.Format(time.RFC3339))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.DurationVar(&lasts, "for", time.Hour, "how long")
	f.StringVar(&s.Dataset, "dataset", "", "warehouse.schema.table, with * for any text")
	f.StringVar(&s.Check, "check", "", "a check's id")
	f.StringVar(&s.Tier, "tier", "", "critical, warning or info")
	f.StringVar(&s.Owner, "owner", "", "an owner")
	f.StringVar(&s.Why, "why", "", "reason, kept with the silence")
	return cmd
}
