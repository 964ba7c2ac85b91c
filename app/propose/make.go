package propose

import (
	"context"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// FromRows proposes checks by the catalog and by the rows of the tables, and tries each once.
// What would be wrong at once, or cannot be run, is a comment with the reason.
func FromRows(ctx context.Context, db *warehouse.DB, s Source, clock sentinel.Clock) (*Proposal, error) {
	known, err := Read(ctx, db, s, clock)
	if err != nil {
		return nil, err
	}
	p := From(s, known)
	p.AddChecks(Values(ctx, db, s))
	return p, p.try(ctx, db, clock)
}

// try runs the proposed checks once, and leaves out those that would be wrong.
func (p *Proposal) try(ctx context.Context, db *warehouse.DB, clock sentinel.Clock) error {
	dsn := func(string) (string, bool) { return db.Config.DSN.Reveal(), true }
	cfg, err := config.Parse("sentinel.yaml", []byte(p.YAML()), dsn)
	if err != nil {
		return fmt.Errorf("the proposal: %w", err)
	}
	var jobs []checks.Job
	for i := range cfg.Datasets {
		d := &cfg.Datasets[i]
		j := checks.Job{
			Table: d.Table, TimeColumn: d.TimeColumn, Time: d.Time, Location: d.Location, Tick: clock.Now(),
		}
		for _, c := range d.Checks {
			j.Checks = append(j.Checks, c.Check)
		}
		jobs = append(jobs, j)
	}
	env := checks.Env{
		Warehouse: func(string) (*warehouse.DB, error) { return db, nil },
		Clock:     clock, NoState: true,
	}
	var results []sentinel.Result
	for _, o := range checks.Run(ctx, env, p.Warehouse, jobs) {
		results = append(results, o.Results...)
	}
	p.Judge(cfg, results)
	return ctx.Err()
}

// StateTables are the tables of a Sentinel's state in a catalog.
func StateTables(c *warehouse.Catalog) (own []warehouse.TableName) {
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
