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
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Meta describes a check for the reader of a notification.
type Meta struct {
	Tier    string   // critical, warning or info
	Owner   string   // who is responsible for the dataset
	Runbook string   // URL of the instructions
	Tags    []string // of the dataset, sorted
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
	TimeColumn string             // empty: none is configured
	Time       *checks.TimeColumn // how times are read; nil: by the type of TimeColumn
	Location   *time.Location     // nil: none is configured
	Checks     []Check
	Repairs    []*repair.Policy
	DependsOn  []sentinel.Table // the datasets that this one is computed from
	Risk       *Risk            // nil: the dataset has no deadline
	SLO        *slo.Objective   // nil: no service level is promised
	// Created means that the table appeared for a pattern that was known before, and
	// nobody has accepted it.
	Created bool
	// Gone means that the table was there when its pattern was resolved before, and is not
	// any more.
	Gone bool
}

// Tags returns the tags of the dataset, sorted. They are those of each of its checks.
func (d Dataset) Tags() []string {
	if len(d.Checks) == 0 {
		return nil
	}
	return d.Checks[0].Meta.Tags
}

// Exporter is a destination of results.
type Exporter struct {
	Name string
	exporters.Exporter
}

// Plan configures what an agent does. A reload replaces it as a whole.
type Plan struct {
	// Warehouses are the open warehouses, by name.
	Warehouses map[string]*warehouse.DB
	// Writers are the sessions for repairs, by warehouse. A warehouse without a
	// repair_dsn has none.
	Writers map[string]*repair.Writer
	// Resolver is called at the start and every Refresh.
	Resolver Resolver
	// Refresh is the time between two calls of the Resolver. The default is 10 minutes.
	Refresh time.Duration
	// Jitter is how late a tick may start. Batches are spread over it.
	Jitter time.Duration
	// CatchUp says which of the ticks missed while no agent ran are run: one (the
	// latest, the default), all, or none.
	CatchUp string
	// Retention is how long history is kept. The default is 90 days.
	Retention time.Duration
	// RetentionSize is how many bytes history may take before it goes sooner. 0: any.
	RetentionSize int64
	// AuditRetention is how long audit entries and ended repairs are kept. The default is two
	// years.
	AuditRetention time.Duration
	// Notifications says who is notified of incidents. Nil: nobody is.
	Notifications *Notifications
	// Exporters receive the results. The agent closes them.
	Exporters []Exporter
	// Resources are closed once the plan is replaced. Nil: there are none.
	Resources io.Closer
}

// Resolver finds the datasets of a plan.
type Resolver interface {
	// Datasets resolves names and patterns against the warehouses' catalogs. It returns
	// the datasets that were found, and the problems. The agent checks the former and
	// logs the latter.
	Datasets(ctx context.Context) (datasets []Dataset, problems []error)
}

// Close closes the plan's resources.
func (p Plan) Close() error {
	if p.Resources == nil {
		return nil
	}
	return p.Resources.Close()
}

// open returns an open warehouse by name.
func (p Plan) open(name string) (*warehouse.DB, error) {
	db, ok := p.Warehouses[name]
	if !ok {
		return nil, fmt.Errorf("warehouse %s is not configured", name)
	}
	return db, nil
}

// Budgets returns how long the statements of checks may take in a day, by warehouse.
func (p Plan) Budgets() map[string]time.Duration {
	limits := map[string]time.Duration{}
	for name, db := range p.Warehouses {
		if db != nil && db.Config.Budget > 0 {
			limits[name] = db.Config.Budget
		}
	}
	return limits
}

// RefreshAfter returns how long to wait before the datasets are resolved again. It
// is at most a minute after problems.
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
