package repairtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// ShortLease is short, so that the next agent need not wait long for what a killed
// one has taken up, and long enough for it to get there on a busy machine.
const ShortLease = 500 * time.Millisecond

const childVariable = "SENTINEL_TEST_REPAIR_CHILD"

// Child is an agent in a process of its own, which can be killed. The process is
// the test's binary; see [Main].
type Child struct {
	Engine, Driver, DSN, Schema, State string

	Policy      string          // id of the policy
	Kind        string          // of the action
	Action      json.RawMessage // its fields
	Failpoint   string          // where the process kills itself; "" for nowhere
	CheckPasses bool            // the check passes after the repair
	Lease       time.Duration   // 0: as long as usual
}

// Child returns a child that works on the fixture. Close the fixture's own store first.
func (b *Fixture) Child(policy, kind string, a repair.Action) Child {
	b.T.Helper()
	fields, err := json.Marshal(a)
	b.Must(err)
	return Child{
		Engine: b.Engine, Driver: b.Driver, DSN: b.DSN, Schema: b.Schema, State: b.State,
		Policy: policy, Kind: kind, Action: fields,
	}
}

// Main is a TestMain that lets the binary be a [Child].
func Main(m *testing.M) {
	if order := os.Getenv(childVariable); order != "" {
		if err := runAsChild(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	testenv.Main(m)
}

func runAsChild(order string) error {
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
		ID: c.Policy, Table: b.Table("orders"), On: []string{"row_count"}, Mode: repair.Auto, Kind: c.Kind, Action: a,
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
		if _, err := b.Agent.PlanRepair(ctx, p, repair.Trigger{Incident: open[0], TimeColumn: "at"}); err != nil {
			return err
		}
	}
	return errors.Join(b.Agent.Advance(ctx), b.Store.Close())
}

// bench is what a child works on.
func (c Child) bench(ctx context.Context) (*Fixture, error) {
	b := &Fixture{Engine: c.Engine, Driver: c.Driver, DSN: c.DSN, Schema: c.Schema, State: c.State}
	dsn := c.DSN
	if c.Engine == "sqlite" {
		dsn = "sqlite:" + dsn
	}
	if err := b.Open(dsn); err != nil {
		return nil, err
	}
	var err error
	if b.Store, err = store.Open(ctx, "sqlite:"+b.State); err != nil {
		return nil, err
	}
	b.Agent = b.NewAgent("child", func(e *repair.Config) { e.Lease = c.Lease })
	b.StillBad = func(context.Context) (bool, error) { return !c.CheckPasses, nil }
	b.Agent.Failpoint = func(place string) {
		if place != c.Failpoint {
			return
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			panic(err)
		}
		select {}
	}
	return b, nil
}

// Command is the child's process, which has not begun.
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

// Run runs the child to its end. The error has what it wrote.
func (c Child) Run(t *testing.T) error {
	t.Helper()
	out, err := c.Command(t).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
