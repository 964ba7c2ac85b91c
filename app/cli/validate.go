package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/config"
)

func newValidate() *cobra.Command {
	var schema bool
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration file and report every mistake at once",
		Example: `  sentinel validate -c sentinel.yaml
  sentinel validate --schema > sentinel.schema.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q is no argument: name the file with -c %s", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if schema {
				_, err := cmd.OutOrStdout().Write(config.JSONSchema())
				return err
			}
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			n := 0
			for _, d := range cfg.Datasets {
				n += len(d.Checks)
			}
			for _, w := range append(cfg.Warnings, cfg.HoursWarnings(clock.Now())...) {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+w)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "valid: %d warehouses, %d datasets, %d checks\n",
				len(cfg.Warehouses), len(cfg.Datasets), n)
			return err
		},
	}
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the configuration file")
	return cmd
}
