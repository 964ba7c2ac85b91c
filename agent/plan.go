package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Meta is what is said about a dataset's results besides their numbers.
type Meta struct {
	Tier    string // critical, warning, info
	Owner   string
	Runbook string
}

// Check is one configured check with its schedule.
type Check struct {
	checks.Check
	Schedule schedule.Schedule
	Meta     Meta
}

// Dataset is one table with its checks.
type Dataset struct {
	Table      sentinel.Table
	TimeColumn string
	Location   *time.Location // nil: none configured
	Checks     []Check
	Repairs    []*repair.Policy
	DependsOn  []sentinel.Table
	Risk       *Risk // nil: the dataset has no deadline
}

// Exporter is a destination of results.
type Exporter struct {
	Name string
	exporters.Exporter
}

// Plan is what an agent does: it is replaced as a whole on reload.
type Plan struct {
	Warehouses map[string]*warehouse.DB
	Writers    map[string]*repair.Writer // of warehouses with a repair_dsn
	// Resolver is called at the start and every Refresh.
	Resolver      Resolver
	Refresh       time.Duration  // default 10m
	Jitter        time.Duration  // ticks start up to this much late, spread by schedule
	CatchUp       string         // of ticks slept through: one (also ""), all, none
	Retention     time.Duration  // default 90 days
	Notifications *Notifications // nil: nobody hears of incidents
	Exporters     []Exporter     // run and closed by the agent
	// Resources are closed once the plan is replaced. Nil: there are none.
	Resources io.Closer
}

// Resolver finds the datasets of a plan.
type Resolver interface {
	// Datasets resolves names and patterns against the warehouses' catalogs. The
	// agent checks the datasets that were found, and logs the problems.
	Datasets(ctx context.Context) (datasets []Dataset, problems []error)
}

// Close closes the plan's resources.
func (p Plan) Close() error {
	if p.Resources == nil {
		return nil
	}
	return p.Resources.Close()
}

func (p Plan) open(name string) (*warehouse.DB, error) {
	db, ok := p.Warehouses[name]
	if !ok {
		return nil, fmt.Errorf("warehouse %s is not configured", name)
	}
	return db, nil
}

// RefreshAfter is how long after datasets were resolved they are resolved again.
func (p Plan) RefreshAfter(problems bool) time.Duration {
	every := p.Refresh
	if every == 0 {
		every = 10 * time.Minute
	}
	if problems {
		every = min(every, time.Minute)
	}
	return every
}
