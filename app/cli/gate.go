package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/store"
)

func newGate() *cobra.Command {
	var dataset, failOn string
	var maxAge time.Duration
	cmd := &cobra.Command{
		Use:   "gate",
		Short: "Exit by a dataset's last state, to stop a pipeline before it reads bad data",
		Long: `Reads the agent's state and asks no database. Exit code 0: the last results are fine;
1: one failed; 3: there is none, it is too old, or the check could not look.`,
		Example: "  sentinel gate --dataset shop.public.orders --max-age 15m && dbt run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			table, err := parseDataset(dataset)
			if err != nil {
				return err
			}
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			results, err := s.LastResults(cmd.Context(), store.Filter{Table: table})
			if err != nil {
				return unavailable(err)
			}
			if len(results) == 0 {
				return unavailable(fmt.Errorf("no result for %s yet: is it configured, and the agent running?",
					table))
			}
			if err := writeText(cmd.OutOrStdout(), results, 0); err != nil {
				return err
			}
			for _, r := range results {
				if age := clock().Sub(r.Tick); maxAge > 0 && age > maxAge {
					return unavailable(fmt.Errorf("the last result of %s is %s old: is the agent running?",
						r.Check, age.Round(time.Second)))
				}
			}
			return verdict(results, failOn)
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "warehouse.schema.table")
	cmd.Flags().StringVar(&failOn, "fail-on", "fail", "exit with 1 on fail, or on warn too")
	cmd.Flags().DurationVar(&maxAge, "max-age", 0, "exit with 3 when a result is older")
	if err := cmd.MarkFlagRequired("dataset"); err != nil {
		panic(err)
	}
	return cmd
}
