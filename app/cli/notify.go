package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newNotify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Test channels and routes, and manage notifications that were given up",
		Example: `  sentinel notify test oncall
  sentinel notify dead list`,
	}
	test := &cobra.Command{
		Use:     "test CHANNEL",
		Short:   "Send a test notification through a channel now",
		Example: "  sentinel notify test oncall",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadFor(cmd, "notify", "outbound")
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
			_, err = printf(cmd.OutOrStdout(), "%s accepted the test notification\n", args[0])
			return err
		},
	}
	cmd.AddCommand(test, newNotifyRoute(), newDead())
	return cmd
}
