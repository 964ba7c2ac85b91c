package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/propose"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// proposing are the flags of `sentinel init`.
type proposing struct {
	name, only  string
	catalogOnly bool
}

func newInit() *cobra.Command {
	var f proposing
	cmd := &cobra.Command{
		Use:   "init DSN",
		Short: "Read a warehouse's catalog and propose a configuration",
		Long: `Reads the catalog and prints a configuration. For each table with a time column, one
GROUP BY reads how its rows came in during the last weeks, within the statement
timeout. The proposed thresholds lie above what is usual. A comment says how many
alarms each check would have raised. Checks of columns are proposed that hold for the
first 100,000 rows of a table, if there are 1,000. All checks are tried once: what would be wrong at
once, or cannot be run, is a comment with the reason.

The DSN is not printed: the configuration reads it from an environment variable.`,
		Example: `  sentinel init postgres://reader@db/shop > sentinel.yaml
  sentinel init postgres://reader@db/shop --name shop --dataset 'shop.mart.*'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.Flags().BoolVar(&f.catalogOnly, "catalog-only", false, "read the catalog only, and no rows")
	cmd.Flags().StringVar(&f.name, "name", "main", "name of the warehouse in the configuration")
	cmd.Flags().StringVar(&f.only, "dataset", "", "only these tables, such as main.mart.*, with * and %")
	return cmd
}

func (f proposing) run(cmd *cobra.Command, dsn string) (err error) {
	ctx := cmd.Context()
	if f.only != "" {
		if err := sentinel.CheckPatterns(f.only); err != nil {
			return fmt.Errorf("--dataset: %w", err)
		}
	}
	db, err := warehouse.Open(warehouse.Config{Name: f.name, DSN: sentinel.NewSecret(dsn), Clock: clock})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	catalog, err := db.Catalog(ctx, warehouse.Scope{Facts: propose.Facts, Definitions: []warehouse.TableName{}})
	if err != nil {
		return unavailable(err)
	}
	if len(catalog.Tables) == 0 {
		return unavailable(errors.New("the catalog shows no table: does the user of the DSN have privileges on one?"))
	}
	source := propose.Source{
		Warehouse: f.name, Dialect: db.Dialect, Catalog: catalog, Only: f.only, State: propose.StateTables(catalog),
	}
	if names, left := source.Names(); len(names) == 0 {
		return fmt.Errorf("none of the %d tables is left to propose checks for (--dataset %q; left out: %v)",
			len(catalog.Tables), f.only, left)
	}
	p := propose.From(source, nil)
	if !f.catalogOnly {
		if p, err = propose.FromRows(ctx, db, source, clock); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), p.YAML())
	return err
}
