package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/store"
)

func newNotify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Test channels, and manage notifications that were given up",
		Example: `  sentinel notify test oncall
  sentinel notify dead list`,
	}
	test := &cobra.Command{
		Use:     "test CHANNEL",
		Short:   "Send a test notification through a channel now",
		Example: "  sentinel notify test oncall",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			var names []string
			for _, c := range cfg.Channels {
				names = append(names, c.Name)
			}
			if len(names) == 0 {
				return errors.New("no channel is configured: " +
					"add one under `notify:`, such as `oncall: {slack: {webhook_url: \"${SLACK_WEBHOOK_URL}\"}}`")
			}
			d := setupOf(cfg).Dispatcher(nil)
			if err := d.Test(cmd.Context(), args[0]); err != nil {
				return unavailable(fmt.Errorf("%w (channels: %s)", err, strings.Join(names, ", ")))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s accepted the test notification\n", args[0])
			return err
		},
	}
	dead := &cobra.Command{
		Use:     "dead",
		Short:   "Manage the notifications that were given up",
		Example: "  sentinel notify dead list",
	}
	dead.AddCommand(
		newDeadList(),
		newDeadDecision("retry", "Send a notification again"),
		newDeadDecision("discard", "Discard a notification"),
	)
	cmd.AddCommand(test, dead)
	return cmd
}

func newDeadList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the notifications that were given up",
		Example: "  sentinel notify dead list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			items, err := s.Outbox(cmd.Context(), store.OutboxFilter{State: store.OutboxDead})
			if err != nil {
				return unavailable(err)
			}
			if len(items) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no notification was given up")
				return err
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "NUMBER\tCHANNEL\tINCIDENT\tKIND\tTRIES\tWHY")
			for _, i := range items {
				fmt.Fprintf(tw, "%d\t%s\t%s\t%s\t%d\t%s\n",
					i.Seq, i.Channel, i.Incident, i.Kind, i.Attempts, i.LastError)
			}
			return tw.Flush()
		},
	}
}

// newDeadDecision is the command retry or discard.
func newDeadDecision(what, short string) *cobra.Command {
	return &cobra.Command{
		Use:     what + " NUMBER",
		Short:   short + "; stop the agent first",
		Example: "  sentinel notify dead " + what + " 17",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			seq, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not a number: `sentinel notify dead list` shows the numbers", args[0])
			}
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			memory, err := store.Open(cmd.Context(), cfg.State)
			if err != nil {
				return unavailable(err)
			}
			defer func() { err = errors.Join(err, memory.Close()) }()
			if what == "retry" {
				err = memory.RetryOutbox(cmd.Context(), seq, clock())
			} else {
				err = memory.DiscardOutbox(cmd.Context(), seq)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: done\n", what)
			return err
		},
	}
}
