package repairtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Agent is an engine of repairs with a host that a test controls. Set its fields only
// between calls of the engine.
type Agent struct {
	*repair.Engine
	Clock       sentinel.Clock
	Target      func(ctx context.Context, t sentinel.Table) (*repair.Target, error)
	Check       func(ctx context.Context, r sentinel.Repair) (sentinel.Result, error)
	Others      []sentinel.Result // of other checks, behind a verification
	Prove       func(ctx context.Context, r sentinel.Repair, staged *repair.Staged) (sentinel.Proof, error)
	Maintenance func(now time.Time, t sentinel.Table) (why string, quiet bool)
	Breaker     func(name string, state int)
	Failpoint   func(place string)
	Killed      func() bool
	Remote      func(ctx context.Context, t repair.Task) (repair.TaskResult, error) // nil: there are no other agents

	mu     sync.Mutex
	panics []*repair.PanicError
}

// Panics returns the panics that the engine has recovered from.
func (a *Agent) Panics() []*repair.PanicError {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.panics)
}

// TargetOf returns a Target that is the same for every table.
func (a *Agent) TargetOf(t *repair.Target) func(context.Context, sentinel.Table) (*repair.Target, error) {
	return func(context.Context, sentinel.Table) (*repair.Target, error) { return t, nil }
}

// NewAgent returns another agent of the fixture. change may change the configuration of
// its engine; nil changes nothing.
func (b *Fixture) NewAgent(holder string, change func(*repair.Config)) *Agent {
	a := &Agent{
		Clock: Clock,
		Target: func(context.Context, sentinel.Table) (*repair.Target, error) {
			return &repair.Target{Read: b.Read, Write: b.Write, Clock: Clock, Sources: Sources{"": b.Read}}, nil
		},
		Check: b.check,
		Prove: func(context.Context, sentinel.Repair, *repair.Staged) (sentinel.Proof, error) {
			return sentinel.Proof{}, nil // nothing speaks against it
		},
		Maintenance: func(time.Time, sentinel.Table) (string, bool) { return "", false },
		Breaker:     func(string, int) {},
		Failpoint:   func(string) {},
		Killed:      func() bool { return false },
	}
	clock := sentinel.ClockFunc(func() time.Time { return a.Clock.Now() })
	c := repair.Config{Store: b.Store, Holder: holder, Clock: clock}
	c.KillSwitch, c.Remote = host{a}, host{a}
	c.Failpoints = host{a}
	if change != nil {
		change(&c)
	}
	a.Engine = repair.NewEngine(c, host{a})
	b.StillBad = func(context.Context) (bool, error) { return false, nil }
	return a
}

// check returns a result that fails while StillBad returns true.
func (b *Fixture) check(ctx context.Context, r sentinel.Repair) (sentinel.Result, error) {
	bad, err := b.StillBad(ctx)
	result := sentinel.Result{Check: r.Check, Status: sentinel.Pass, Message: "fine"}
	if bad {
		result.Status, result.Message = sentinel.Fail, "still bad"
		result.Findings = []sentinel.Finding{{Key: r.Plan.Finding, Status: sentinel.Fail, Message: "still bad"}}
	}
	return result, err
}

// host is the agent as its engine sees it.
type host struct{ agent *Agent }

func (h host) Target(ctx context.Context, t sentinel.Table) (*repair.Target, error) {
	return h.agent.Target(ctx, t)
}

func (h host) Check(ctx context.Context, r sentinel.Repair) (repair.Verification, error) {
	result, err := h.agent.Check(ctx, r)
	return repair.Verification{Failed: result, Others: h.agent.Others}, err
}

func (h host) Prove(ctx context.Context, r sentinel.Repair, staged *repair.Staged) (sentinel.Proof, error) {
	return h.agent.Prove(ctx, r, staged)
}

func (h host) Maintenance(now time.Time, t sentinel.Table) (string, bool) {
	return h.agent.Maintenance(now, t)
}

func (h host) RepairChanged(context.Context, sentinel.Repair) {}

func (h host) BreakerChanged(name string, state int) { h.agent.Breaker(name, state) }

func (h host) Failpoint(place string) { h.agent.Failpoint(place) }

func (h host) Panicked(_ context.Context, bug *repair.PanicError) {
	h.agent.mu.Lock()
	defer h.agent.mu.Unlock()
	h.agent.panics = append(h.agent.panics, bug)
}

func (h host) Killed(context.Context) bool { return h.agent.Killed() }

func (h host) Step(ctx context.Context, t repair.Task) (repair.TaskResult, error) {
	if h.agent.Remote == nil {
		return repair.TaskResult{}, repair.ErrNoOtherAgent
	}
	return h.agent.Remote(ctx, t)
}

// Sources are warehouses by name. The entry "" stands for all other names.
type Sources map[string]*warehouse.DB

// Open implements [repair.Sources].
func (s Sources) Open(name string) (*warehouse.DB, error) {
	if db := s[name]; db != nil {
		return db, nil
	}
	if db := s[""]; db != nil {
		return db, nil
	}
	return nil, errors.New("no warehouse " + name)
}

// Control is a [repair.Control] whose fields a test may leave nil.
type Control struct {
	OnAlive     func() error
	OnFailpoint func(place string)
}

// Alive implements [repair.Control].
func (c Control) Alive() error {
	if c.OnAlive == nil {
		return nil
	}
	return c.OnAlive()
}

// Failpoint implements [repair.Control].
func (c Control) Failpoint(place string) {
	if c.OnFailpoint != nil {
		c.OnFailpoint(place)
	}
}
