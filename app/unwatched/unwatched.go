// Package unwatched finds the tables of the warehouses that nobody watches, and proposes checks
// for them by the code of `sentinel init`. It reads catalogs once a day, and when somebody asks
// for it. It reads rows of one table alone, and only when somebody asks for that. Begin with
// [Finder.Run].
package unwatched

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/web/page"
)

// These bound what is read and kept of one warehouse.
const (
	listed     = 10_000 // tables in the list: those with the most rows
	proposed   = 500    // of them, those with a proposal by the catalog
	atOnce     = 100    // tables whose columns are read by one reading of the catalog
	mostAsked  = 20     // tables whose rows wait to be read
	lookTime   = 10 * time.Minute
	lookEvery  = 24 * time.Hour
	lookAgain  = time.Hour   // after one that failed
	lookPeriod = time.Minute // between two looks at what is due
)

// Config configures a [Finder].
type Config struct {
	Store   *store.Store
	Metrics *exporters.Prometheus
	Clock   sentinel.Clock
	Log     *slog.Logger
	Host    Host
}

// Host is the agent that a [Finder] works for. All methods may be called concurrently.
type Host interface {
	// InForce returns the configuration.
	InForce() *config.Config
	// Open opens a warehouse of a configuration for one reading alone.
	Open(c *config.Config, w warehouse.Config) (*warehouse.DB, error)
	// Ready reports whether the agent has begun to check.
	Ready() bool
	// Changed is called when there is something new to show.
	Changed()
}

// Finder finds tables that nobody watches. [New] makes one. It implements [page.Unwatched].
type Finder struct {
	Config
	wake chan struct{} // of capacity 1

	mu      sync.Mutex
	known   map[string]page.UnwatchedWarehouse // by name; their tables are never changed
	tried   map[string]time.Time               // when a catalog was read last, or could not be
	wanted  bool                               // all catalogs are to be read now
	looking bool
	asked   []sentinel.Table // whose rows are to be read, or are being read
}

// New returns a finder. [Finder.Run] runs it.
func New(c Config) *Finder {
	return &Finder{
		Config: c, wake: make(chan struct{}, 1), known: map[string]page.UnwatchedWarehouse{},
		tried: map[string]time.Time{},
	}
}

// Run reads what is due until ctx ends.
func (f *Finder) Run(ctx context.Context) {
	f.restore(ctx)
	for ctx.Err() == nil {
		again := time.Second
		if f.Host.Ready() {
			f.safely(ctx, "looking for tables that nobody watches", f.look)
			f.safely(ctx, "proposing checks for a table", f.proposeAsked)
			again = lookPeriod
		}
		wait.Wake(ctx, wait.On(f.Clock, again), f.wake)
	}
}

// safely tells of an error or a panic, and goes on.
func (f *Finder) safely(ctx context.Context, what string, do func(context.Context) error) {
	if err := panics.Catch(func() error { return do(ctx) }); err != nil && ctx.Err() == nil {
		f.Log.Error(what, "error", err)
	}
}

// Reloaded makes the finder look again, because other tables may be watched now.
func (f *Finder) Reloaded() {
	f.mu.Lock()
	f.wanted = true
	f.mu.Unlock()
	f.awake()
}

func (f *Finder) awake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Look implements [page.Unwatched].
func (f *Finder) Look(ctx context.Context, who string) error {
	if f.Host.InForce().Unwatched == nil {
		return page.ErrUnwatchedOff
	}
	err := f.Store.AppendAudit(ctx, store.AuditEntry{At: f.Clock.Now(), Actor: who, What: "unwatched.look"})
	if err != nil {
		return err
	}
	f.Reloaded()
	return nil
}

// Propose implements [page.Unwatched].
func (f *Finder) Propose(ctx context.Context, t sentinel.Table, who string) error {
	if f.Host.InForce().Unwatched == nil {
		return page.ErrUnwatchedOff
	}
	if err := f.ask(t); err != nil {
		return err
	}
	err := f.Store.AppendAudit(ctx, store.AuditEntry{
		At: f.Clock.Now(), Actor: who, What: "unwatched.propose", Subject: t.String(),
	})
	if err != nil {
		f.answered(t)
		return err
	}
	f.awake()
	return nil
}

var (
	errNotListed = errors.New("this table is not among those that nobody watches")
	errTooMany   = errors.New("the rows of 20 tables wait to be read; try again in a moment")
)

// ask puts a table among those whose rows are to be read.
func (f *Finder) ask(t sentinel.Table) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, found := find(f.known[t.Warehouse].Tables, t)
	switch {
	case !found:
		return errNotListed
	case slices.Contains(f.asked, t):
		return nil
	case len(f.asked) >= mostAsked:
		return errTooMany
	}
	f.asked = append(f.asked, t)
	return nil
}

// answered takes a table from those whose rows are to be read.
func (f *Finder) answered(t sentinel.Table) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = slices.DeleteFunc(slices.Clone(f.asked), func(o sentinel.Table) bool { return o == t })
}

// Known implements [page.Unwatched].
func (f *Finder) Known() (all []page.UnwatchedWarehouse, ok bool) {
	cfg := f.Host.InForce()
	if cfg.Unwatched == nil {
		return nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range cfg.Warehouses { // by name
		one := f.known[w.Name]
		one.Name, one.Looking = w.Name, f.looking || f.wanted
		for _, t := range f.asked {
			if t.Warehouse == w.Name {
				one.Asked = append(one.Asked, t)
			}
		}
		all = append(all, one)
	}
	return all, true
}

// find returns the place of a table in a list by name.
func find(in []page.UnwatchedTable, t sentinel.Table) (int, bool) {
	return slices.BinarySearchFunc(in, t, func(o page.UnwatchedTable, t sentinel.Table) int { return o.Table.Compare(t) })
}
