package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/propose"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
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
		Warehouse: f.name, Dialect: db.Dialect, Catalog: catalog, Only: f.only, State: stateTables(catalog),
	}
	if names, left := source.Names(); len(names) == 0 {
		return fmt.Errorf("none of the %d tables is left to propose checks for (--dataset %q; left out: %v)",
			len(catalog.Tables), f.only, left)
	}
	var known map[warehouse.TableName]propose.Past
	if !f.catalogOnly {
		if known, err = propose.Read(ctx, db, source, clock); err != nil {
			return err
		}
	}
	p := propose.From(source, known)
	if !f.catalogOnly {
		p.AddChecks(propose.Values(ctx, db, source))
		if err := tryProposal(cmd, p, dsn); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), p.YAML())
	return err
}

// tryProposal runs the proposed checks once, and leaves out those that would be wrong at once.
func tryProposal(cmd *cobra.Command, p *propose.Proposal, dsn string) error {
	cfg, err := config.Parse("sentinel.yaml", []byte(p.YAML()), func(string) (string, bool) { return dsn, true })
	if err != nil {
		return fmt.Errorf("the proposal: %w", err)
	}
	r, err := checkConfig(cmd, cfg, "", true)
	if err != nil {
		return err
	}
	p.Judge(cfg, r.results)
	return nil
}

// stateTables are the tables of a Sentinel's state in a catalog.
func stateTables(c *warehouse.Catalog) (own []warehouse.TableName) {
	schemas := map[string][]string{}
	for n := range c.Tables {
		schemas[n.Schema] = append(schemas[n.Schema], n.Name)
	}
	for schema, names := range schemas {
		for _, n := range store.OwnTables(names) {
			own = append(own, warehouse.TableName{Schema: schema, Name: n})
		}
	}
	return own
}
