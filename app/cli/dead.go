package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

func newDead() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dead",
		Short:   "Manage the notifications that were given up",
		Example: "  sentinel notify dead list",
	}
	drop := newDeadDecision("drop", "Drop notifications")
	drop.Aliases = []string{"discard"}
	cmd.AddCommand(newDeadList(), newDeadDecision("retry", "Send notifications again"), drop)
	return cmd
}

func newDeadList() *cobra.Command {
	var channel string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the notifications that were given up",
		Example: "  sentinel notify dead list --channel oncall",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			items, err := s.Outbox(cmd.Context(), store.OutboxFilter{State: store.OutboxDead, Channel: channel})
			if err != nil {
				return unavailable(err)
			}
			if len(items) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no notification was given up")
				return err
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "NUMBER\tGIVEN UP\tCHANNEL\tINCIDENT\tKIND\tTRIES\tWHY")
			for _, i := range items {
				printf(tw, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n",
					i.Seq, timeText(i.Finished), i.Channel, i.Incident, i.Kind, i.Attempts, i.LastError)
			}
			return tw.Flush()
		},
	}
	cmd.Flags().StringVar(&channel, "channel", "", "only those of this channel")
	return cmd
}

// deadDecision is the command retry or drop with its flags.
type deadDecision struct {
	what, channel, why string
	ids                []int64
	all                bool
}

func newDeadDecision(what, short string) *cobra.Command {
	d := deadDecision{what: what}
	cmd := &cobra.Command{
		Use:   what + " [NUMBER...]",
		Short: short + " that were given up: by number, of a channel, or all",
		Example: "  sentinel notify dead " + what + " 17\n" +
			"  sentinel notify dead " + what + " --channel oncall --why 'the token was rotated'",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				n, err := strconv.ParseInt(arg, 10, 64)
				if err != nil {
					return fmt.Errorf("%q is not a number: `sentinel notify dead list` shows the numbers", arg)
				}
				d.ids = append(d.ids, n)
			}
			return d.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&d.channel, "channel", "", "those of this channel")
	f.Int64SliceVar(&d.ids, "id", nil, "those of these numbers, as `notify dead list` shows them")
	f.BoolVar(&d.all, "all", false, "all of them")
	f.StringVar(&d.why, "why", "", "reason, kept in the audit log")
	return cmd
}

func (d deadDecision) run(cmd *cobra.Command) error {
	if len(d.ids) == 0 && d.channel == "" && !d.all {
		return errors.New("say which: numbers, --channel NAME or --all (`sentinel notify dead list` shows them)")
	}
	var answer struct {
		Notifications int64 `json:"notifications"`
	}
	decision := notify.DeadLetterDecision{
		What: d.what, Who: userName(), Why: d.why,
		DeadLetters: store.DeadLetters{Numbers: d.ids, Channel: d.channel},
	}
	err := change{
		path: "notifications/dead/" + d.what,
		body: map[string]any{
			"numbers": d.ids, "channel": d.channel, "all": d.all, "who": decision.Who, "why": d.why,
		},
		answer: &answer,
		offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) (err error) {
			answer.Notifications, err = a.DecideDeadLetters(ctx, decision)
			return err
		},
	}.apply(cmd)
	if err != nil {
		return err
	}
	done := map[string]string{"retry": "sent again", "drop": "dropped"}[d.what]
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d notifications are %s\n", answer.Notifications, done)
	return err
}
