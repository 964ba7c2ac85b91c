package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/repair"
)

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:     "doctor",
		Short:   "Report the privileges of each DSN and the conditions for repairs",
		Args:    cobra.NoArgs,
		Example: "  sentinel doctor -c sentinel.yaml",
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
				printf(cmd.OutOrStdout(), "%s (%s)\n", w.Name, w.Dialect)
				for _, d := range repair.Doctor(cmd.Context(), p.Warehouses[w.Name], p.Writers[w.Name]) {
					printf(cmd.OutOrStdout(), "  %-5s %s\n", d.Level, d.Text)
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
