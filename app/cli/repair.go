package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

func newRepair() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "List, show, approve, reject and roll back repairs",
		Long: `Decisions go to the running agent, by its address and token in the configuration.
If no agent runs, the decision is written to the state, and the agent carries it out
at its next start.`,
		Example: `  sentinel repair list
  sentinel repair show r20261121t020000
  sentinel repair approve r20261121t020000`,
	}
	dead := &cobra.Command{
		Use:     "dead",
		Short:   "Manage the repairs that were given up and wait for a person",
		Example: "  sentinel repair dead list",
	}
	dead.AddCommand(
		newRepairList("list", "List the repairs that were given up (dead letters)",
			store.RepairFilter{State: sentinel.DeadLetter}),
		newDecision("retry", "Start a new repair in place of a dead letter"),
		newDecision("discard", "Acknowledge a dead letter"),
	)
	for _, c := range dead.Commands() {
		c.Example = strings.Replace(c.Example, "sentinel repair ", "sentinel repair dead ", 1)
	}
	cmd.AddCommand(
		newRepairList("list", "List repairs, newest first", store.RepairFilter{}),
		newRepairShow(), newAudit(), newShadow(), dead,
		newDecision("approve", "Approve a plan, so that it is carried out"),
		newDecision("reject", "Reject a plan, so that it is not carried out"),
		newDecision("rollback", "Roll back a repair that was applied"),
		newKillSwitch("off", "Stop all repairs at their next step"),
		newKillSwitch("on", "Let repairs run again"),
	)
	return cmd
}

// newKillSwitch is the command that stops all repairs, or lets them go on.
func newKillSwitch(setting, short string) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:     setting,
		Short:   short,
		Args:    cobra.NoArgs,
		Example: "  sentinel repair " + setting + " --why 'the loader is being moved'",
		Long: "The kill switch holds for every agent that uses the state. It survives restarts.\n" +
			"The audit log records who set it, and why.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := change{
				path: "repairs/" + setting,
				body: map[string]string{"who": userName(), "why": why},
				offline: func(ctx context.Context, _ *agent.Agent, state *store.Store) error {
					return repair.SetKillSwitch(ctx, state, repair.KillSwitchState{
						Off: setting == "off", Who: userName(), Why: why, At: clock.Now(),
					})
				},
			}.apply(cmd)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "repairs are "+setting)
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "reason, recorded in the audit log")
	return cmd
}

func newRepairList(use, short string, filter store.RepairFilter) *cobra.Command {
	return &cobra.Command{
		Use:     use,
		Short:   short,
		Example: "  sentinel repair " + use,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			repairs, err := s.Repairs(cmd.Context(), filter)
			if err != nil {
				return unavailable(err)
			}
			if len(repairs) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no repairs")
				return err
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "ID\tSTATE\tDATASET\tACTION\tWHAT")
			for _, r := range repairs {
				printf(tw, "%s\t%s\t%s\t%s\t%s\n",
					r.ID, r.State, r.Table, r.Plan.Action, cmp.Or(r.Message, r.Plan.Summary))
			}
			return tw.Flush()
		},
	}
}

func newRepairShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show a repair: its plan, its state and its audit log",
		Example: "  sentinel repair show r20261121t020000",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			found, err := s.Repairs(cmd.Context(), store.RepairFilter{ID: args[0]})
			if err != nil {
				return unavailable(err)
			}
			if len(found) == 0 {
				return fmt.Errorf("there is no repair %q: `sentinel repair list` shows all of them", args[0])
			}
			log, err := s.Audit(cmd.Context(), args[0], 1000)
			if err != nil {
				return unavailable(err)
			}
			return showRepair(cmd.OutOrStdout(), found[0], log)
		},
	}
}

func showRepair(w io.Writer, r sentinel.Repair, log []store.AuditEntry) error {
	p := r.Plan
	var b strings.Builder
	printf(&b, "%s  %s\n%s\n\n", r.ID, r.State, cmp.Or(r.Message, p.Summary))
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"dataset", r.Table.String()},
		{"incident", r.Incident},
		{"check", r.Check},
		{"policy", r.Policy + " (mode " + r.Mode + ")"},
		{"plan", p.Summary},
		{"class", strings.TrimSuffix(string(p.Class)+": "+p.Why, ": ")},
		{"guarantee", string(p.Guarantee)},
		{"hash", p.Hash()},
		{"source", r.Source},
	} {
		if row[1] != "" {
			printf(tw, "%s\t%s\n", row[0], row[1])
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	writeProof(&b, r)
	for _, step := range p.Steps {
		fmt.Fprintf(&b, "\nstep %s\n", step.Name)
		for _, do := range step.Do {
			fmt.Fprintf(&b, "    %s\n", do)
		}
		for _, undo := range step.Undo {
			fmt.Fprintf(&b, "  undo\n    %s\n", undo)
		}
		if step.NoUndo != "" {
			fmt.Fprintf(&b, "  no undo: %s\n", step.NoUndo)
		}
	}
	if p.Lost > 0 {
		printf(&b, "\nhazard: %v", repair.LostOf(p))
	}
	for _, h := range p.Hazards {
		printf(&b, "\nhazard: %s", h)
	}
	b.WriteString("\n")
	for _, e := range slices.Backward(log) {
		printf(&b, "\n%s  %-24s %s  %s",
			e.At.Format(time.RFC3339), strings.TrimPrefix(e.What, "repair."), e.Actor, e.Detail)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writeProof writes what the checks say of the staged rows, and the sources that did not
// help.
func writeProof(b *strings.Builder, r sentinel.Repair) {
	if p := r.Proof; p != nil && len(p.Judged)+len(p.LeftOut) > 0 {
		fmt.Fprintf(b, "\nthe rows of %s, judged before they are applied\n", p.Source)
		for _, id := range p.Judged {
			verdict := "nothing against it"
			own := sentinel.Proof{Against: slices.DeleteFunc(slices.Clone(p.Against), func(o sentinel.Objection) bool {
				return o.Check != id
			})}
			if len(own.Against) > 0 {
				verdict = strings.TrimPrefix(own.Text(), id+" ")
			}
			fmt.Fprintf(b, "    %s: %s\n", id, verdict)
		}
		for _, out := range p.LeftOut {
			fmt.Fprintf(b, "    %s: judged only afterwards: %s\n", out.Check, out.Why)
		}
	}
	for _, u := range r.Unhelpful {
		verb := "would not help"
		if u.Applied {
			verb = "was applied and did not help"
		}
		fmt.Fprintf(b, "\nsource %s %s (repair %s): %s\n", u.Source, verb, u.Repair, u.Why)
	}
}

// newDecision is the command for one decision on a repair.
func newDecision(what, short string) *cobra.Command {
	var why, hash string
	cmd := &cobra.Command{
		Use:     what + " ID",
		Short:   short,
		Example: "  sentinel repair " + what + " r20261121t020000 --why 'release 42'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := decision{what: what, id: args[0], hash: hash, why: why}.apply(cmd)
			if err != nil {
				return err
			}
			_, err = printf(cmd.OutOrStdout(), "%s  %s  %s\n", r.ID, r.State, r.Message)
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "reason, recorded in the audit log")
	if what == "approve" {
		cmd.Flags().StringVar(&hash, "hash", "", "approve only if the plan has this hash")
	}
	return cmd
}

// decision is a person's decision on a repair.
type decision struct {
	what string // approve, reject, rollback, retry or discard
	id   string // of the repair
	hash string // of the plan that was read; "": any
	why  string
}

// apply asks the running agent, or writes to the state while none runs.
func (d decision) apply(cmd *cobra.Command) (r sentinel.Repair, err error) {
	cfg, err := loadFor(cmd, agentKeys()...)
	if err != nil {
		return r, err
	}
	who := userName()
	ask := func() (sentinel.Repair, error) {
		body := map[string]string{"who": who, "why": d.why, "hash": d.hash}
		err := postToAgent(cmd.Context(), cfg, "repairs/"+d.id+"/"+d.what, body, &r)
		return r, err
	}
	if os.Getenv(envURL) != "" {
		return ask()
	}
	state, err := store.OpenDSN(cmd.Context(), cfg.State)
	if err == nil {
		defer func() { err = errors.Join(err, state.Close()) }()
		decisions := repair.Decisions{Store: state, Clock: clock, Who: who}
		return decisions.Decide(cmd.Context(), repair.Decision{Kind: d.what, ID: d.id, Hash: d.hash, Why: d.why})
	}
	if !errors.Is(err, store.ErrLocked) {
		return r, unavailable(err)
	}
	return ask()
}
