package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// SchemaAcceptance is a person's word that the schema of a table is right as it is.
type SchemaAcceptance struct {
	Table sentinel.Table
	Who   string
	Why   string
	// Seen is the [DriftDigest] of the drifts that the person has read. What has changed
	// since is not accepted. "": whatever is there now is.
	Seen string
}

// DriftDigest identifies the drifts that results report, whatever their order.
func DriftDigest(results []sentinel.Result) string {
	var lines []string
	for _, r := range results {
		for _, d := range r.Drifts {
			lines = append(lines, fmt.Sprintf("%q %q %q %q %q", r.Check, d.Kind, d.Object, d.Before, d.After))
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", lines))
	return hex.EncodeToString(sum[:8])
}

// ErrSchemaMoved says that a schema has changed since a person has read its drifts.
var ErrSchemaMoved = errors.New("the schema has changed again since you read it: nothing is accepted")

// ErrNotRepeated says that a schema is accepted, and that its checks could not run again.
var ErrNotRepeated = errors.New(
	"the schema is accepted, but its checks could not run again: they do at their next tick",
)

// AcceptSchema reads the schema of a table now, and makes it the baseline of the table's schema
// checks that report a difference: of all of them, or of none if one cannot be accepted. A table
// that is gone, or that appeared for a pattern, is accepted as it is. Then the checks run again,
// so that an incident of theirs ends at once; if that fails, the error is [ErrNotRepeated]. It
// returns what was accepted: ids of checks, or the name of the table. It returns [ErrNotStarted]
// before the datasets are resolved.
func (a *Agent) AcceptSchema(ctx context.Context, v SchemaAcceptance) (accepted []string, err error) {
	if v.Who == "" {
		return nil, errors.New("who: name the person who accepts")
	}
	if !a.Ready() {
		return nil, ErrNotStarted
	}
	dataset, plan, done := a.usePlan(v.Table, "accepting a schema")
	defer done()
	if dataset == nil {
		return nil, fmt.Errorf("%s is not checked: its schema cannot be accepted", v.Table)
	}
	if dataset.Gone || dataset.Created {
		known, err := a.AcceptTable(ctx, store.TableAcceptance{Table: v.Table, Gone: dataset.Gone, Who: v.Who, Why: v.Why})
		if known {
			accepted = append(accepted, v.Table.String())
		}
		if err != nil || dataset.Gone {
			return accepted, err
		}
	}
	now, err := a.presentSchemas(ctx, plan, dataset, v)
	if err != nil || len(now) == 0 {
		return accepted, err
	}
	if err := a.AcceptBaselines(ctx, now); err != nil {
		return accepted, err
	}
	for id := range now {
		accepted = append(accepted, id)
	}
	slices.Sort(accepted)
	if err := a.checkBadAgain(ctx, plan, v.Table, now); err != nil {
		return accepted, fmt.Errorf("%w: %w", ErrNotRepeated, err)
	}
	return accepted, nil
}

// usePlan returns the dataset of a table, nil if there is none, and the plan in force, which is
// not closed before done is called.
func (a *Agent) usePlan(t sentinel.Table, what string) (d *Dataset, plan Plan, done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	plan, done = a.plan, func() {}
	if r := a.inForce; r != nil {
		r.begin(what)
		plan, done = r.plan, func() { r.end(what) }
	}
	if at := a.datasetOf(t); at != nil {
		copied := *at
		d = &copied
	}
	return d, plan, done
}

// presentSchemas reads the schema of a table, and returns it for each check that reports a
// difference, or that has no baseline yet.
func (a *Agent) presentSchemas(
	ctx context.Context, plan Plan, d *Dataset, v SchemaAcceptance,
) (map[string]store.Snapshot, error) {
	job := jobOf(d, a.now())
	for _, c := range d.Checks {
		if b, ok := c.Check.(checks.BaselineCheck); ok && b.ComparesWithBaseline() {
			job.Checks = append(job.Checks, c.Check)
		}
	}
	if len(job.Checks) == 0 {
		return nil, fmt.Errorf("%s has no check that compares its schema with an accepted one", d.Table)
	}
	env := checks.Env{Warehouse: plan.open, History: NewHistory(a.store), Clock: a.clock, Present: true}
	o := checks.Run(ctx, env, d.Table.Warehouse, []checks.Job{job})[0]
	if v.Seen != "" && v.Seen != DriftDigest(o.Results) {
		return nil, ErrSchemaMoved
	}
	accepted := map[string]store.Snapshot{}
	var refused []error
	for _, r := range o.Results {
		_, first := o.Baselines[r.Check]
		switch now := o.Present[r.Check]; {
		case r.Status == sentinel.Error:
			refused = append(refused, fmt.Errorf("%s: %s", r.Check, r.Message))
		case now == nil:
			refused = append(refused, fmt.Errorf("%s does not exist: remove its check from the configuration instead", r.Table))
		case len(r.Drifts) > 0 || first:
			accepted[r.Check] = store.Snapshot{
				Data: checks.EncodeSnapshot(now), TakenAt: a.now(), AcceptedBy: v.Who, Why: v.Why,
			}
		}
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("nothing is accepted: %w", errors.Join(refused...))
	}
	return accepted, nil
}

// Statement is one statement that checks of a dataset send.
type Statement struct {
	Checks []string // ids
	SQL    string
	Args   []string // the values bound to it, in their order
}

// Statements returns the statements that the checks of a dataset send at a tick. It reads the
// catalog of the warehouse, and sends none of them.
func (a *Agent) Statements(ctx context.Context, t sentinel.Table) (list []Statement, err error) {
	if !a.Ready() {
		return nil, ErrNotStarted
	}
	dataset, plan, done := a.usePlan(t, "reading the statements of checks")
	defer done()
	if dataset == nil {
		return nil, fmt.Errorf("%s is not checked", t)
	}
	job := jobOf(dataset, a.now())
	for _, c := range dataset.Checks {
		job.Checks = append(job.Checks, c.Check)
	}
	env := checks.Env{Warehouse: plan.open, History: knownHistory{a.history}, Clock: a.clock}
	for _, p := range checks.Plan(ctx, env, t.Warehouse, []checks.Job{job}) {
		if p.Err != nil {
			return nil, p.Err
		}
		if p.Statement.SQL != "" {
			list = append(list, Statement{Checks: p.Checks, SQL: p.Statement.SQL, Args: written(p.Statement)})
		}
	}
	return list, nil
}

// written writes the bound values of a statement.
func written(s warehouse.Statement) (args []string) {
	for _, v := range s.Args {
		switch v := v.(type) {
		case time.Time:
			args = append(args, v.UTC().Format(time.RFC3339Nano))
		default:
			args = append(args, cmp.Or(fmt.Sprint(v), "''"))
		}
	}
	return args
}
