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
	"github.com/sentinel-dq/sentinel/store"
)

func newIncidents() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "incidents",
		Short:   "List, show, acknowledge, resolve and silence incidents, write notes, forget samples",
		Example: "  sentinel incidents list --all",
	}
	var all bool
	list := &cobra.Command{
		Use:     "list",
		Short:   "List open incidents; with --all also resolved ones",
		Example: "  sentinel incidents list",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listIncidents(cmd, all) },
	}
	list.Flags().BoolVar(&all, "all", false, "list resolved incidents too")
	show := &cobra.Command{
		Use:     "show ID",
		Short:   "Show an incident: its findings, its times, its notifications and its repairs",
		Example: "  sentinel incidents show 0cq1k4mg3s8qo",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return showIncident(cmd, args[0]) },
	}
	cmd.AddCommand(list, show, newSilence(),
		newIncidentDecision("ack", "Acknowledge an incident: stops its reminders"),
		newIncidentDecision("note", "Write a note (--why) about an incident, for its timeline"),
		newIncidentDecision("forget", "Delete the samples of bad rows that are kept with an incident"),
		newIncidentDecision("resolve", "Resolve an incident now; it opens again if its check still fails"),
	)
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
		printf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			i.ID, i.Opened.Format(time.RFC3339), i.State, i.Severity, i.Tier, i.Table, i.Summary())
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
		return fmt.Errorf("there is no incident %q: `sentinel incidents list --all` shows all of them", id)
	}
	repairs, err := s.Repairs(ctx, store.RepairFilter{Incident: id})
	if err != nil {
		return unavailable(err)
	}
	notifications, err := s.Outbox(ctx, store.OutboxFilter{Incident: id})
	if err != nil {
		return unavailable(err)
	}
	log, err := s.Audit(ctx, id, 100)
	if err != nil {
		return unavailable(err)
	}
	samples, err := s.Samples(ctx, id)
	if err != nil {
		return unavailable(err)
	}
	return incidentPage{i, repairs, notifications, log, samples}.write(cmd.OutOrStdout())
}

// incidentPage is everything that the state records about an incident.
type incidentPage struct {
	sentinel.Incident
	repairs       []sentinel.Repair
	notifications []store.OutboxItem
	log           []store.AuditEntry
	samples       []sentinel.Sample
}

func (p incidentPage) write(w io.Writer) error {
	state := string(p.State)
	if p.Standing() != p.State {
		state += ", otherwise " + string(p.Standing())
	}
	printf(w, "%s  %s\n%s: %s\n\n", p.ID, state, p.Table, p.Summary())
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range p.rows() {
		if row[1] != "" {
			printf(tw, "%s\t%s\n", row[0], row[1])
		}
	}
	for _, r := range p.repairs {
		printf(tw, "repair\t%s %s: %s\n", r.ID, r.State, cmp.Or(r.Message, r.Plan.Summary))
	}
	for _, n := range p.notifications {
		printf(tw, "notified\t%s of %s: %s %s\n",
			n.Channel, n.Kind, n.State, cmp.Or(timeText(n.Finished), n.LastError))
	}
	for _, e := range p.log {
		printf(tw, "%s\t%s by %s: %s\n", timeText(e.At), e.What, e.Actor, e.Detail)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if err := p.writeFindings(w); err != nil {
		return err
	}
	return p.writeSamples(w)
}

// writeSamples lists samples of bad rows, or says why there are none.
func (p incidentPage) writeSamples(w io.Writer) error {
	for _, s := range p.samples {
		text := s.Note
		if text == "" {
			text = fmt.Sprintf("%d bad rows of %s", len(s.Rows), timeText(s.Taken))
		}
		if _, err := printf(w, "\n%s: %s\n", s.Check, text); err != nil {
			return err
		}
		for _, line := range s.Lines() {
			if _, err := printf(w, "  %s\n", line); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeFindings lists the findings, those first that are open.
func (p incidentPage) writeFindings(w io.Writer) error {
	fmt.Fprint(w, "\nfindings\n")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "STATE\tSEVERITY\tSINCE\tLAST GOOD\tENDED\tCHECK\tFINDING\tWHAT")
	findings := p.OpenFindings()
	for _, f := range p.Findings {
		if !f.Open() {
			findings = append(findings, f)
		}
	}
	for _, f := range findings {
		state, what := "open", f.Message
		switch {
		case !f.Open():
			state = "ended"
		case f.Silenced:
			state = "silenced"
		}
		for _, more := range []string{f.Cause, f.Note, f.Statement} {
			if more != "" {
				what += "; " + more
			}
		}
		printf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", state, f.Severity, timeText(f.Opened),
			timeText(f.LastGood), timeText(f.Resolved), f.Check, f.Key, what)
	}
	return tw.Flush()
}

// rows are names and values. Rows without a value are not printed.
func (p incidentPage) rows() [][2]string {
	observed := ""
	if !p.Observed.Absent() {
		observed = p.Observed.String()
	}
	return [][2]string{
		{"severity", p.Severity.String()},
		{"tier", p.Tier},
		{"owner", p.Owner},
		{"observed", observed},
		{"expected", p.Expected},
		{"statement", p.Statement},
		{"since", timeText(p.Opened)},
		{"last seen", timeText(p.Updated)},
		{"last good", timeText(p.LastGood)},
		{"resolved", timeText(p.Resolved)},
		{"flaps", flapping(p.Incident)},
		{"seen", fmt.Sprintf("%d times, reopened %d times", p.Ticks, p.Flaps)},
		{"check", p.Check},
		{"finding", p.Key},
		{"caused by", p.Upstream},
		{"cause", p.Cause},
		{"note", p.Note},
		{"runbook", p.Runbook},
	}
}

// timeText writes a time in UTC; "" for the zero time.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// newIncidentDecision is the command ack, resolve, note or forget.
func newIncidentDecision(what, short string) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     what + " ID",
		Short:   short,
		Example: "  sentinel incidents " + what + " 0cq1k4mg3s8qo --why 'manual reload'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var i sentinel.Incident
			err := change{
				path:   "incidents/" + args[0] + "/" + what,
				body:   map[string]string{"who": userName(), "why": why},
				answer: &i,
				offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) (err error) {
					i, err = a.Decide(ctx, what, args[0], userName(), why)
					return err
				},
			}.apply(cmd)
			if err != nil {
				return err
			}
			_, err = printf(cmd.OutOrStdout(), "%s  %s  %s: %s\n", i.ID, i.State, i.Table, i.Summary())
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "reason, recorded in the audit log")
	return cmd
}

// flapping says in words that an incident flaps; "" if it does not.
func flapping(i sentinel.Incident) string {
	if !i.Flapping.On() {
		return ""
	}
	return fmt.Sprintf("bad %d times since %s", i.Flapping.Count, timeText(i.Flapping.Since))
}
