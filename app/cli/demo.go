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
		Long: `Makes a warehouse in a temporary folder, loads it every second, stages incidents,
one after the other, and runs the real agent on a real configuration file. Shows
what was seen and how long it took. Runs until Ctrl-C, or with --once to a
summary.`,
		Example: "  sentinel demo --once",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := demo.Demo{Out: cmd.OutOrStdout(), Once: once, Version: versionString(), Now: clock}
			return ofServer(d.Run(cmd.Context()))
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "stage each incident once, print a summary, and exit")
	return cmd
}
