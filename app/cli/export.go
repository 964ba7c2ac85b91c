package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/grafana"
	"github.com/sentinel-dq/sentinel/rules"
)

func newRules() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "Export the Prometheus rules that come with Sentinel",
		Example: "  sentinel rules export /etc/prometheus/rules",
	}
	const short = "Write the recording rules and alerts into a folder"
	cmd.AddCommand(newExport(short, "rules export /etc/prometheus/rules", rules.Export))
	return cmd
}

func newDashboards() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dashboards",
		Short:   "Export the Grafana dashboards that come with Sentinel",
		Example: "  sentinel dashboards export grafana",
	}
	export := func(dir string, force bool) ([]string, error) {
		return rules.ExportFS(grafana.Files, dir, force)
	}
	const short = "Write the dashboards and provisioning files into a folder"
	cmd.AddCommand(newExport(short, "dashboards export grafana", export))
	return cmd
}

func newExport(short, example string, export func(dir string, force bool) ([]string, error)) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "export DIR",
		Short:   short,
		Args:    cobra.ExactArgs(1),
		Example: "  sentinel " + example,
		RunE: func(cmd *cobra.Command, args []string) error {
			written, err := export(args[0], force)
			for _, path := range written {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files that were changed")
	return cmd
}
