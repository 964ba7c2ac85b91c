package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
		Use: "repair", Short: "List, read, approve and take back repairs",
		Long:    "Decisions go to the running agent, by its address and token in the configuration;\nwhile none runs they are written to the state and carried out at its next start.",
		Example: "  sentinel repair list\n  sentinel repair show r20261121t020000\n  sentinel repair approve r20261121t020000",
	}
	dead := &cobra.Command{Use: "dead", Short: "Repairs that were given up and wait for a person", Example: "  sentinel repair dead list"}
	dead.AddCommand(
		newRepairList("list", "List dead letters", store.RepairFilter{State: sentinel.DeadLetter}),
		newDecision("retry", "Make a new repair of a dead letter"), newDecision("discard", "Acknowledge a dead letter"),
	)
	cmd.AddCommand(
		newRepairList("list", "List repairs, newest first", store.RepairFilter{}), newRepairShow(), newAudit(), newShadow(), dead,
		newDecision("approve", "Let a plan be carried out"), newDecision("reject", "End a repair before it is carried out"),
		newDecision("rollback", "Take an applied repair back"),
		newSwitch("off", "Stop all repairs at their next step"), newSwitch("on", "Let repairs go on"),
	)
	return cmd
}

// newSwitch is the kill switch.
func newSwitch(word, short string) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use: word, Short: short, Args: cobra.NoArgs, Example: "  sentinel repair " + word + " --why 'the loader is being moved'",
		Long: "Holds for every agent of the state, and over restarts; the audit log keeps who and why.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := change(cmd, "repairs/"+word, map[string]string{"who": whoAmI(), "why": why}, nil, func(ctx context.Context, a *agent.Agent) error {
				return repair.SetKillSwitch(ctx, a.Store, word == "off", whoAmI(), why, clock())
			})
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), "repairs are "+word)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "reason, kept in the audit log")
	return cmd
}

// newShadow reports on plans that were recorded and not applied.
func newShadow() *cobra.Command {
	var days int
	var grace time.Duration
	cmd := &cobra.Command{
		Use: "shadow", Short: "How often plans that were only recorded would have been right", Args: cobra.NoArgs, Example: "  sentinel repair shadow --days 14",
		Long: "Tells, by policy, of plans of mode shadow, outside of the roll-out, or of dry_run:\nconfirmed by the same repair that was applied after all, contradicted by it, or\nneedless because the incident ended by itself within --grace.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			reports, err := repair.ShadowReports(cmd.Context(), s, clock().AddDate(0, 0, -days), grace)
			if err != nil {
				return unavailable(err)
			}
			if len(reports) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no plan was recorded without being applied")
				return err
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "POLICY\tPLANNED\tCONFIRMED\tCONTRADICTED\tNEEDLESS\tREFUSED\tUNTOLD\tOPEN\tRIGHT")
			for _, r := range reports {
				right := "-"
				if share, ok := r.Right(); ok {
					right = fmt.Sprintf("%.0f %%", 100*share)
				}
				fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", r.Policy, r.Planned, r.Confirmed, r.Contradicted, r.Needless, r.Refused, r.Untold, r.Open, right)
			}
			return tw.Flush()
		},
	}
	cmd.Flags().IntVar(&days, "days", 30, "how far to look back")
	cmd.Flags().DurationVar(&grace, "grace", 10*time.Minute, "how long a repair takes")
	return cmd
}

func newRepairList(use, short string, filter store.RepairFilter) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: "  sentinel repair " + use, Args: cobra.NoArgs,
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
				fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.State, r.Table, r.Plan.Action, cmp.Or(r.Message, r.Plan.Summary))
			}
			return tw.Flush()
		},
	}
}

func newRepairShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a repair: its plan, where it stands, and what was done", Example: "  sentinel repair show r20261121t020000", Args: cobra.ExactArgs(1),
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
				return fmt.Errorf("there is no repair %q: sentinel repair list shows them", args[0])
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
	fmt.Fprintf(&b, "%s  %s\n%s\n\n", r.ID, r.State, cmp.Or(r.Message, p.Summary))
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"dataset", r.Table.String()}, {"incident", r.Incident}, {"check", r.Check}, {"policy", r.Policy + " (mode " + r.Mode + ")"},
		{"plan", p.Summary}, {"class", strings.TrimSuffix(string(p.Class)+": "+p.Why, ": ")}, {"guarantee", string(p.Guarantee)}, {"hash", p.Hash()}, {"source", r.Source},
	} {
		if row[1] != "" {
			fmt.Fprintf(tw, "%s\t%s\n", row[0], row[1])
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
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
	for _, h := range p.Hazards {
		fmt.Fprintf(&b, "\nmind: %s", h)
	}
	b.WriteString("\n")
	for i := len(log) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "\n%s  %-24s %s  %s", log[i].At.Format(time.RFC3339), strings.TrimPrefix(log[i].What, "repair."), log[i].Actor, log[i].Detail)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func newAudit() *cobra.Command {
	return &cobra.Command{
		Use: "audit", Short: "Verify the audit log and print its newest entries", Example: "  sentinel repair audit", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			n, head, err := s.VerifyAudit(cmd.Context())
			if err != nil {
				return &exitCodeError{exitFailed, err}
			}
			entries, err := s.Audit(cmd.Context(), "", 50)
			if err != nil {
				return unavailable(err)
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, e := range entries {
				fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%s\t%s\n", e.Seq, e.At.Format(time.RFC3339), e.Actor, e.What, e.Subject, e.Detail)
			}
			fmt.Fprintf(tw, "\n%d entries, none changed; the last hash is %s\n", n, cmp.Or(head, "none"))
			return tw.Flush()
		},
	}
}

// newDecision is a command that tells what a person decides.
func newDecision(what, short string) *cobra.Command {
	var why, hash string
	cmd := &cobra.Command{
		Use: what + " ID", Short: short, Example: "  sentinel repair " + what + " r20261121t020000 --why 'release 42'", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := decide(cmd, what, args[0], hash, why)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s\n", r.ID, r.State, r.Message)
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "reason, kept in the audit log")
	if what == "approve" {
		cmd.Flags().StringVar(&hash, "hash", "", "approve only if the plan still has this hash")
	}
	return cmd
}

// decide asks the running agent, or writes to the state while none runs.
func decide(cmd *cobra.Command, what, id, hash, why string) (r sentinel.Repair, err error) {
	cfg, err := load(cmd)
	if err != nil {
		return r, err
	}
	who := whoAmI()
	memory, err := store.Open(cmd.Context(), cfg.State)
	if err == nil {
		defer func() { err = errors.Join(err, memory.Close()) }()
		return repair.Decide(cmd.Context(), repair.Decisions{Store: memory, Now: clock, Who: who}, what, id, hash, why)
	}
	if !errors.Is(err, store.ErrLocked) {
		return r, unavailable(err)
	}
	return r, askAgent(cmd.Context(), cfg, "repairs/"+id+"/"+what, map[string]string{"who": who, "why": why, "hash": hash}, &r)
}

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Say what each DSN may do, and what holds for repairs", Args: cobra.NoArgs, Example: "  sentinel doctor -c sentinel.yaml",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			p, err := setupOf(cfg).Plan(nil)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, p.Close()) }()
			worst := 0
			for _, w := range cfg.Warehouses {
				fmt.Fprintf(cmd.OutOrStdout(), "%s (%s)\n", w.Name, w.Dialect)
				for _, d := range repair.Doctor(cmd.Context(), p.Warehouses[w.Name], p.Writers[w.Name]) {
					fmt.Fprintf(cmd.OutOrStdout(), "  %-5s %s\n", d.Level, d.Text)
					if d.Level == "fail" {
						worst = exitError
					}
				}
			}
			if os.Getenv("SENTINEL_REPAIRS") == "off" || cfg.RepairsOff {
				fmt.Fprintln(cmd.OutOrStdout(), "repairs are switched off")
			}
			if worst != 0 {
				return &exitCodeError{code: worst}
			}
			return nil
		},
	}
}
