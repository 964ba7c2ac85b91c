package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/grafana"
	"github.com/sentinel-dq/sentinel/rules"
	"github.com/sentinel-dq/sentinel/slo"
)

func newRules() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "Export the Prometheus rules that come with Sentinel",
		Example: "  sentinel rules export /etc/prometheus/rules",
	}
	const short = "Write the recording rules and alerts into a folder"
	export := func(cmd *cobra.Command, dir string, force bool) ([]string, error) {
		written, err := rules.Export(dir, force)
		if err != nil {
			return written, err
		}
		objectives, err := objectives(cmd)
		if err != nil {
			return written, err
		}
		more, err := rules.ExportObjectives(objectives, dir, force)
		return append(written, more...), err
	}
	out := newExport(short, "rules export /etc/prometheus/rules", export)
	out.Long = short + `.

With a configuration whose datasets have ` + "`slo:`" + `, also the alerts of these objectives. Without
a file at --config only the alerts that every agent needs are written.`
	cmd.AddCommand(out)
	return cmd
}

// objectives are those of the configured datasets. Without a file there are none, unless
// the file was named.
func objectives(cmd *cobra.Command) (out []slo.Objective, err error) {
	cfg, err := loadFor(cmd)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config"):
		return nil, nil
	case err != nil:
		return nil, err
	}
	for _, d := range cfg.Datasets {
		if s := d.SLO; s != nil {
			out = append(out, slo.Objective{Target: float64(s.Objective), Window: s.Window})
		}
	}
	return out, nil
}

func newDashboards() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dashboards",
		Short:   "Export the Grafana dashboards that come with Sentinel",
		Example: "  sentinel dashboards export grafana",
	}
	export := func(_ *cobra.Command, dir string, force bool) ([]string, error) {
		return rules.ExportFS(grafana.Files, dir, force)
	}
	const short = "Write the dashboards and provisioning files into a folder"
	cmd.AddCommand(newExport(short, "dashboards export grafana", export))
	return cmd
}

// newExport makes a command that writes files into a folder.
func newExport(
	short, example string, export func(cmd *cobra.Command, dir string, force bool) ([]string, error),
) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "export DIR",
		Short:   short,
		Args:    cobra.ExactArgs(1),
		Example: "  sentinel " + example,
		RunE: func(cmd *cobra.Command, args []string) error {
			written, err := export(cmd, args[0], force)
			for _, path := range written {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files that were changed")
	return cmd
}
