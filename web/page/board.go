package page

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// Board is what the pages know of all datasets without asking the state or a warehouse. It
// follows the agent as an [agent.Watcher]. All methods may be called concurrently, and none
// does I/O but run.
type Board struct {
	clock sentinel.Clock
	news  news
	chain chain

	mu        sync.RWMutex
	datasets  map[sentinel.Table]*dataset
	sorted    []*dataset                           // by table; nil: to be sorted again
	incidents map[sentinel.Table]sentinel.Incident // unresolved
	awaiting  map[string]bool                      // repairs that await an approval
	past      past
	sparks    map[sentinel.Table]spark
}

// dataset is one table that the agent checks. One that a page has read is never changed, but
// replaced as a whole, so that pages may read it without a lock.
type dataset struct {
	Table      sentinel.Table
	Owner      string
	Tier       string
	Tags       []string // sorted
	Runbook    string
	Location   *time.Location // never nil
	Upstream   []sentinel.Table
	Downstream []sentinel.Table
	Deadline   string // the id of the check with the deadline; "" for none
	risk       *agent.Risk
	Checks     []check
	search     string // what a search looks in, in lower case
	group      string // its schema, with the warehouse
	read       bool   // by a page
}

// check is the last result of a check of a dataset, in short.
type check struct {
	ID, Kind string
	Name     string // for people; "" for none
	Aspect   string // the part of the table that is checked; "" for all of it
	Status   sentinel.Status
	Message  string
	Tick     time.Time       // zero: it has not run
	Rarer    string          // why it ticks more rarely than configured; "" if it does not
	Newest   time.Time       // time of the newest row; zero: not known
	Value    sentinel.Number // of the whole table, of the newest bucket
	Metric   string          // of Value
	limits   []checks.Limit
	detector *anomaly.Config // nil: none
}

// NewBoard returns an empty board.
func NewBoard(clock sentinel.Clock) *Board {
	b := &Board{
		clock: clock, datasets: map[sentinel.Table]*dataset{}, incidents: map[sentinel.Table]sentinel.Incident{},
		awaiting: map[string]bool{}, sparks: map[sentinel.Table]spark{},
		past: past{spans: map[sentinel.Table]map[string][]span{}, seen: map[int64]bool{}},
	}
	b.chain = chain{clock: clock, news: &b.news, wanted: make(chan struct{}, 1)}
	return b
}

// Configured implements [agent.Watcher].
func (b *Board) Configured(datasets []agent.Dataset) {
	next := make(map[sentinel.Table]*dataset, len(datasets))
	downstream := map[sentinel.Table][]sentinel.Table{}
	for i := range datasets {
		d := describe(&datasets[i])
		next[d.Table] = d
		for _, up := range d.Upstream {
			downstream[up] = append(downstream[up], d.Table)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for t, d := range next {
		d.Downstream = downstream[t]
		slices.SortFunc(d.Downstream, sentinel.Table.Compare)
		if before := b.datasets[t]; before != nil {
			d.keep(before.Checks)
		}
	}
	b.datasets, b.sorted = next, nil
	b.news.add("summary", sentinel.Table{})
}

// describe returns a dataset of the agent without results.
func describe(from *agent.Dataset) *dataset {
	d := &dataset{Table: from.Table, Location: from.Location, Upstream: from.DependsOn}
	d.group = d.Table.Warehouse + "." + d.Table.Schema
	if d.Location == nil {
		d.Location = time.UTC
	}
	if from.Risk != nil {
		d.Deadline, d.risk = from.Risk.Check, from.Risk
	}
	for _, c := range from.Checks {
		d.Owner = cmp.Or(d.Owner, c.Meta.Owner)
		d.Runbook = cmp.Or(d.Runbook, c.Meta.Runbook)
		d.Tier = notify.HigherTier(d.Tier, c.Meta.Tier)
		d.Tags = c.Meta.Tags
		d.Checks = append(d.Checks, check{
			ID: c.Common().ID, Name: c.Common().Name, Aspect: c.Common().Aspect, Kind: checks.KindOf(c.Check),
			Status: sentinel.Unknown, limits: checks.Limits(c.Check), detector: c.Common().Anomaly,
			Rarer: rarer(c.Schedule),
		})
	}
	d.search = strings.ToLower(d.Table.String() + " " + d.Owner + " " + d.Tier + " " + strings.Join(d.Tags, " "))
	return d
}

// rarer says which ticks of a schedule a budget leaves; "" for all.
func rarer(s schedule.Schedule) string {
	if s.Stretch() == 0 {
		return ""
	}
	return "One tick in " + duration(s.Stretch()) + " of " + s.Configured().String() +
		" is run, for the budget of the warehouse. The others are left out."
}

// keep takes over the last results of checks that are still configured.
func (d *dataset) keep(results []check) {
	for i := range d.Checks {
		for _, r := range results {
			if r.ID == d.Checks[i].ID {
				d.Checks[i] = r.configuredAs(d.Checks[i])
			}
		}
	}
}

// configuredAs returns a result with what the configuration says of its check.
func (c check) configuredAs(o check) check {
	c.Name, c.Aspect, c.limits, c.detector, c.Rarer = o.Name, o.Aspect, o.limits, o.detector, o.Rarer
	return c
}

// Judged implements [agent.Watcher].
func (b *Board) Judged(batch store.Batch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range batch.Results {
		b.result(&batch.Results[i])
	}
	for _, i := range batch.Incidents {
		b.incident(i)
	}
}

// result takes the last result of a check. The lock is held.
func (b *Board) result(r *sentinel.Result) {
	d := b.changeable(r.Table)
	b.past.looked(r.Tick, d.Location)
	c := brief(r)
	at := slices.IndexFunc(d.Checks, func(o check) bool { return o.ID == c.ID })
	if at < 0 {
		d.Checks = append(d.Checks, c)
	} else {
		d.Checks[at] = c.configuredAs(d.Checks[at])
	}
	b.news.add("check", r.Table)
}

// changeable returns a dataset that no page has read. The lock is held.
func (b *Board) changeable(t sentinel.Table) *dataset {
	d := b.datasets[t]
	switch {
	case d == nil:
		d = &dataset{Table: t, Location: time.UTC, search: strings.ToLower(t.String()), group: t.Warehouse + "." + t.Schema}
		b.sorted = nil
	case d.read:
		replacement := *d
		replacement.Checks, replacement.read = slices.Clone(d.Checks), false
		d = &replacement
	default:
		return d
	}
	b.datasets[t] = d
	if i, found := slices.BinarySearchFunc(b.sorted, t, compareTable); found {
		b.sorted[i] = d
	}
	return d
}

func compareTable(d *dataset, t sentinel.Table) int { return d.Table.Compare(t) }

// brief is a result in short.
func brief(r *sentinel.Result) check {
	c := check{ID: r.Check, Kind: r.Kind, Status: r.Status, Message: sentinel.Clip(r.Message), Tick: r.Tick}
	for _, o := range r.Observations {
		switch {
		case o.Segment != "":
		case o.Metric == "newest_timestamp_seconds":
			c.Newest = time.UnixMicro(int64(o.Value.Float64() * 1e6)).UTC()
		case c.Metric == "" || c.Metric == o.Metric: // the newest bucket is the last
			c.Metric, c.Value = o.Metric, o.Value
		}
	}
	return c
}

// incident takes an incident as it is now. The lock is held.
func (b *Board) incident(i sentinel.Incident) {
	if i.State != sentinel.Resolved {
		b.incidents[i.Table] = i
	} else if b.incidents[i.Table].ID == i.ID {
		delete(b.incidents, i.Table)
	}
	b.past.put(i, b.clock.Now().AddDate(0, 0, -pastDays))
	b.news.add("incident", i.Table)
}

// Repaired implements [agent.Watcher].
func (b *Board) Repaired(r sentinel.Repair) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.State == sentinel.AwaitingApproval {
		b.awaiting[r.ID] = true
	} else {
		delete(b.awaiting, r.ID)
	}
	b.news.add("repair", r.Table)
}

// counts returns the number of incidents that need a person, as the list of incidents has them,
// and of repairs that do.
func (b *Board) counts() (incidents, repairs int) {
	incidents = len(sortNeeds(b.open(), nil, b.clock.Now()).Needs)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return incidents, len(b.awaiting)
}

// open returns the unresolved incidents, in no order.
func (b *Board) open() []sentinel.Incident {
	b.mu.RLock()
	defer b.mu.RUnlock()
	out := make([]sentinel.Incident, 0, len(b.incidents))
	for _, i := range b.incidents {
		out = append(out, i)
	}
	return out
}

// all returns all datasets by table. The list must not be changed.
func (b *Board) all() []*dataset {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sorted == nil {
		b.sorted = make([]*dataset, 0, len(b.datasets))
		for _, d := range b.datasets {
			b.sorted = append(b.sorted, d)
		}
		slices.SortFunc(b.sorted, func(x, y *dataset) int { return x.Table.Compare(y.Table) })
	}
	for _, d := range b.sorted {
		d.read = true
	}
	return slices.Clone(b.sorted)
}

// of returns one dataset and its unresolved incident; nil if it is not watched.
func (b *Board) of(t sentinel.Table) (*dataset, sentinel.Incident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.datasets[t]
	if d != nil {
		d.read = true
	}
	return d, b.incidents[t]
}

// Detector returns the configuration of the detector of a check; nil if it has none. It must not be
// changed.
func (b *Board) Detector(id string) *anomaly.Config {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, d := range b.datasets {
		for i := range d.Checks {
			if d.Checks[i].ID == id {
				return d.Checks[i].detector
			}
		}
	}
	return nil
}

// zone is the time zone of a dataset; UTC if it is not watched.
func (b *Board) zone(t sentinel.Table) *time.Location {
	if d, _ := b.of(t); d != nil {
		return d.Location
	}
	return time.UTC
}

// Status is the worst of the last results of a dataset's checks.
func (d *dataset) Status() sentinel.Status {
	worst, ran := sentinel.Pass, false
	for _, c := range d.Checks {
		if c.Tick.IsZero() {
			continue
		}
		if ran = true; c.Status.Worse(worst) {
			worst = c.Status
		}
	}
	if !ran {
		return sentinel.Unknown
	}
	return worst
}

// Worst is the check that says most about the state of a dataset; nil: none has run.
func (d *dataset) Worst() *check {
	var worst *check
	for i := range d.Checks {
		c := &d.Checks[i]
		if !c.Tick.IsZero() && (worst == nil || c.Status.Worse(worst.Status)) {
			worst = c
		}
	}
	return worst
}

// run reads the past, verifies the audit log when that is wanted, and tells the streams of news,
// until ctx ends.
func (b *Board) run(ctx context.Context, from *store.Store, log *slog.Logger) {
	defer b.news.end()
	var walks sync.WaitGroup
	defer walks.Wait()
	walks.Go(func() { b.chain.run(ctx, from, log) })
	b.readPast(ctx, from, log)
	b.readAwaiting(ctx, from, log)
	again := time.NewTicker(flushEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			b.news.flush()
		}
	}
}

// readAwaiting reads which repairs await an approval: the agent tells only of those that move on.
func (b *Board) readAwaiting(ctx context.Context, from *store.Store, log *slog.Logger) {
	waiting, err := from.Repairs(ctx, store.RepairFilter{State: sentinel.AwaitingApproval})
	if err != nil && ctx.Err() == nil {
		log.Warn("the repairs that await an approval cannot be read for the pages", "error", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range waiting {
		b.awaiting[r.ID] = true
	}
	b.news.add("summary", sentinel.Table{})
}
