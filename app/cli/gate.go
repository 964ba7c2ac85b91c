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
		Short: "Stop a pipeline before it reads bad data: exit by the last results of a dataset",
		Long: `Reads the last results from the agent's state. Sends no statement to a warehouse.

Exit codes: 0 the last results are fine, 1 a check failed, 3 there is no result, a
result is too old, or a check could not look.`,
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
				return unavailable(fmt.Errorf("no result for %s yet: is it configured, and does the agent run?",
					table))
			}
			if err := writeText(cmd.OutOrStdout(), results, 0); err != nil {
				return err
			}
			for _, r := range results {
				if age := clock().Sub(r.Tick); maxAge > 0 && age > maxAge {
					return unavailable(fmt.Errorf("the last result of %s is %s old: does the agent run?",
						r.Check, age.Round(time.Second)))
				}
			}
			return verdict(results, failOn)
		},
	}
	cmd.Flags().StringVar(&dataset, "dataset", "", "dataset: warehouse.schema.table")
	cmd.Flags().StringVar(&failOn, "fail-on", "fail", "status that gives exit code 1: fail, or warn (which includes fail)")
	cmd.Flags().DurationVar(&maxAge, "max-age", 0, "exit with 3 if a result is older")
	if err := cmd.MarkFlagRequired("dataset"); err != nil {
		panic(err)
	}
	return cmd
}
