package cli

import (
	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/demo"
)

func newDemo() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch an embedded warehouse with a live loader and staged incidents",
		Long: `Creates a warehouse in a temporary folder and loads it every second. Runs the real
agent on a real configuration file and stages incidents one after the other. Shows
what the agent detected and how long that took. Runs until Ctrl-C; with --once it
stages each incident once, prints a summary and exits.`,
		Example: "  sentinel demo --once",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := demo.Demo{Out: cmd.OutOrStdout(), Once: once, Version: versionString(), Clock: clock}
			return ofServer(d.Run(cmd.Context()))
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "stage each incident once, print a summary, and exit")
	return cmd
}
