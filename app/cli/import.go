package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/config"
)

func newImport() *cobra.Command {
	var warehouse, schema string
	cmd := &cobra.Command{
		Use:   "import " + strings.Join(config.Importers(), "|") + " FILE...",
		Short: "Convert the checks of another tool into a configuration",
		Long: `Reads SodaCL checks (version 3) or the freshness settings of dbt sources. Prints a
configuration. What cannot be imported is listed with its line on standard error, and
in comments at the end of the configuration. Nothing is dropped silently.`,
		Example: `  sentinel import soda checks/*.yml --warehouse shop --schema public > sentinel.yaml
  sentinel import dbt models/staging/sources.yml --warehouse shop > sentinel.yaml`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all config.Imported
			for _, file := range args[1:] {
				data, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				one, err := config.Import(args[0], file, data)
				if err != nil {
					return err
				}
				all.Datasets, all.Left = append(all.Datasets, one.Datasets...), append(all.Left, one.Left...)
			}
			for _, l := range all.Left {
				fmt.Fprintln(cmd.ErrOrStderr(), "not taken over: "+l)
			}
			if len(all.Datasets) == 0 {
				return errors.New("nothing could be imported")
			}
			variable := variableOf(warehouse)
			text := all.YAML(warehouse, schema, variable)
			dsn := func(string) (string, bool) { return "sqlite:proposal.db", true }
			if _, err := fmt.Fprint(cmd.OutOrStdout(), text); err != nil {
				return err
			}
			if _, err := config.Parse("proposal", []byte(text), dsn); err != nil {
				return fmt.Errorf("change the configuration before you load it:\n%w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&warehouse, "warehouse", "main", "name of the warehouse in the configuration")
	cmd.Flags().StringVar(&schema, "schema", "", "schema of tables whose names have none")
	return cmd
}
