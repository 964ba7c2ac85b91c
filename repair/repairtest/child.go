package repairtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ShortLease is a short lease, so that the next agent need not wait long for the work
// of a killed one. It is still long enough for a busy machine.
const ShortLease = 1500 * time.Millisecond

const childVariable = "SENTINEL_TEST_REPAIR_CHILD"

// Child is an agent in a process of its own, which can be killed. The process runs the
// binary of the test; see [Main].
type Child struct {
	Engine string // name of the dialect
	Owner  string // DSN of the database's owner, in the driver's form
	State  string // path of the store

	Policy      string          // id of the policy
	Kind        string          // kind of the action
	Action      json.RawMessage // fields of the action
	Table       string          // to repair; "" for orders
	Source      string          // name of the dialect of a warehouse src; "" for none
	SourceOwner string          // DSN of its owner, in the driver's form
	MayLose     int64           // rows that may be lost without asking
	Failpoint   string          // where the process kills itself; "" for nowhere
	FailAt      int             // number of the failpoint at which it kills itself; 0 for nowhere
	Delay       time.Duration   // from that failpoint to the end of the process, which goes on meanwhile
	CheckPasses bool            // the check passes after the repair
	Lease       time.Duration   // 0: the default
	LockTimeout time.Duration   // of its sessions; 0: a second
}

// Child returns a child that works on the fixture. Close the fixture's own store first.
func (b *Fixture) Child(policy, kind string, a repair.Action) Child {
	b.T.Helper()
	fields, err := json.Marshal(a)
	b.Must(err)
	return Child{
		Engine: b.Engine, Owner: b.Owner, State: b.State,
		Policy: policy, Kind: kind, Action: fields,
	}
}

// Main runs the tests, or a [Child] if the process was started as one. Call it from
// TestMain. compare returns what compares the rows of the fixture of a child, as the failed
// check does; nil: that check compares none.
func Main(m *testing.M, compare func(b *Fixture) repair.RowComparer) {
	if order := os.Getenv(childVariable); order != "" {
		if err := runAsChild(order, compare); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testenv.Main(m)
}

func runAsChild(order string, compare func(b *Fixture) repair.RowComparer) error {
	var c Child
	if err := json.Unmarshal([]byte(order), &c); err != nil {
		return err
	}
	ctx := context.Background()
	b, err := c.bench(ctx)
	if err != nil {
		return err
	}
	a, err := repair.New(c.Kind)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(c.Action, a); err != nil {
		return err
	}
	p := &repair.Policy{
		ID: c.Policy, Table: b.Table(cmp.Or(c.Table, "orders")), On: []string{"row_count"}, Mode: repair.Auto, Kind: c.Kind,
		Action: a, MaxLost: c.MayLose,
	}
	if err := p.Validate(); err != nil {
		return err
	}
	b.Agent.SetPolicies([]*repair.Policy{p})
	open, err := b.Store.OpenIncidents(ctx)
	if err != nil {
		return err
	}
	past, err := b.Store.Repairs(ctx, store.RepairFilter{})
	if err != nil {
		return err
	}
	if len(past) == 0 {
		why := repair.Trigger{Incident: open[0], TimeColumn: "at"}
		if compare != nil {
			why.Rows = compare(b)
		}
		if _, err := b.Agent.PlanRepair(ctx, p, why); err != nil {
			return err
		}
	}
	return errors.Join(b.Agent.Advance(ctx), b.Store.Close())
}

// bench returns the fixture that the child works on.
func (c Child) bench(ctx context.Context) (*Fixture, error) {
	b := &Fixture{Database: testenv.EngineOf(c.Engine).At(c.Owner), Engine: c.Engine, State: c.State,
		lockTimeout: c.LockTimeout}
	if err := b.Open(); err != nil {
		return nil, err
	}
	var err error
	if b.Store, err = store.Open(ctx, "sqlite:"+b.State); err != nil {
		return nil, err
	}
	b.Agent = b.NewAgent("child", func(e *repair.Config) { e.Lease = c.Lease })
	b.StillBad = func(context.Context) (bool, error) { return !c.CheckPasses, nil }
	passed := 0
	b.Agent.Failpoint = func(place string) {
		passed++
		switch {
		case place == c.Failpoint:
			endProcess()
			select {}
		case passed == c.FailAt && c.Delay > 0:
			time.AfterFunc(c.Delay, endProcess)
		case passed == c.FailAt:
			endProcess()
			select {}
		}
	}
	if c.Source != "" {
		err = c.addSource(b)
	}
	return b, err
}

// endProcess kills the process. It may return before that has happened.
func endProcess() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
}

// addSource opens the warehouse src for the agent.
func (c Child) addSource(b *Fixture) error {
	dsn := sentinel.NewSecret(testenv.EngineOf(c.Source).At(c.SourceOwner).Warehouse)
	source, err := warehouse.Open(warehouse.Config{Name: "src", Dialect: c.Source, DSN: dsn, Clock: Clock})
	if err != nil {
		return err
	}
	b.Agent.Target = func(context.Context, sentinel.Table) (*repair.Target, error) {
		return &repair.Target{Read: b.Read, Write: b.Write, Clock: Clock, Sources: Sources{"": b.Read, "src": source}}, nil
	}
	return nil
}

// Command returns the child's process, which has not been started.
func (c Child) Command(t *testing.T) *exec.Cmd {
	t.Helper()
	order, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	// Without the second one the race detector sleeps for a second at the end.
	cmd.Env = append(os.Environ(), childVariable+"="+string(order), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// Run runs the child to its end. Its error holds the output of the child.
func (c Child) Run(t *testing.T) error {
	t.Helper()
	out, err := c.Command(t).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
