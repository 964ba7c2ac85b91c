package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// member is an agent of a test's cluster.
type member struct {
	*cluster.Member
	did  atomic.Int64
	stop func() // returns once it has left
}

// handler is a function as a cluster.Handler.
type handler func(ctx context.Context, task json.RawMessage) (json.RawMessage, error)

func (h handler) Handle(ctx context.Context, task json.RawMessage) (json.RawMessage, error) {
	return h(ctx, task)
}

// join begins an agent whose only work is do.
func join(t *testing.T, url, id, group string, leads bool, do handler) *member {
	t.Helper()
	m := &member{}
	counted := handler(func(ctx context.Context, task json.RawMessage) (json.RawMessage, error) {
		m.did.Add(1)
		return do(ctx, task)
	})
	m.Member = cluster.New(cluster.Config{
		DSN: sentinel.NewSecret(url), ID: id, Group: group, Leads: leads, Clock: sentinel.ClockFunc(time.Now), Log: slog.New(slog.NewTextHandler(io.Discard,
			nil)),
		Kinds: map[string]cluster.Kind{"work": {Handler: counted}, "slow": {Handler: counted, Limit: 2 * time.Second}},
	})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() { m.Run(ctx); close(left) }()
	m.stop = func() { cancel(); <-left }
	t.Cleanup(m.stop)
	return m
}

func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !met(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func withPeers(n int64) func(*member) func() bool {
	return func(m *member) func() bool { return func() bool { return int64(m.Peers()) == n } }
}

func echo(_ context.Context, work json.RawMessage) (json.RawMessage, error) { return work, nil }

// TestTasksAreDistributed: every piece is done once, by all of the agents.
func TestTasksAreDistributed(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	busy := func(ctx context.Context, work json.RawMessage) (json.RawMessage, error) {
		select { // as a statement would take
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
		return work, nil
	}
	leader := join(t, url, "a", "g1", true, busy)
	members := []*member{leader, join(t, url, "b", "g1", false, busy), join(t, url, "c", "g1", false, busy)}
	stranger := join(t, url, "d", "g2", false, busy)
	until(t, "the leader sees the others", withPeers(2)(leader))
	const pieces = 120
	var all sync.WaitGroup
	for i := range pieces {
		all.Go(func() {
			want := fmt.Sprint(i)
			if got, err := leader.Do(t.Context(), "work", json.RawMessage(want), true); err != nil ||
				string(got) != want {
				t.Errorf("piece %d: %s, %v", i, got, err)
			}
		})
	}
	all.Wait()
	total := int64(0)
	for _, m := range members {
		total += m.did.Load()
		if m.did.Load() == 0 {
			t.Errorf("agent %s did nothing", m.ID)
		}
	}
	if total != pieces {
		t.Errorf("%d pieces were done %d times", pieces, total)
	}
	if stranger.did.Load() != 0 {
		t.Error("an agent of another configuration took work")
	}
}

// TestALoneMemberDoesItsTasks: without others, and after they have left, work is done
// here; without a state too.
func TestALoneMemberDoesItsTasks(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	leader := join(t, url, "a", "g", true, echo)
	do := func() {
		t.Helper()
		if got, err := leader.Do(t.Context(), "work", json.RawMessage(`"x"`), true); err != nil || string(got) != `"x"` {
			t.Fatalf("%s, %v", got, err)
		}
	}
	do()
	other := join(t, url, "b", "g", false, echo)
	until(t, "the leader sees the other", withPeers(1)(leader))
	other.stop()
	until(t, "the leader sees it leave", withPeers(0)(leader))
	before := leader.did.Load()
	do()
	if leader.did.Load() != before+1 {
		t.Error("the work was not done here")
	}
	leader.Regroup("h")
	joined := join(t, url, "c", "h", false, echo)
	until(t, "the leader sees those of its new configuration", withPeers(1)(leader))
	joined.stop()
}

// TestAWorkerThatDoesNotAnswer: work is called back from an agent that hangs,
// and done here where it may be done twice; else that is an error.
func TestAWorkerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	var calledBack atomic.Int64
	hang := func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
		<-ctx.Done()
		calledBack.Add(1)
		return nil, ctx.Err()
	}
	leader := join(t, url, "a", "g", true, echo)
	other := join(t, url, "b", "g", false, hang)
	until(t, "the leader sees the other", withPeers(1)(leader))
	do := func(again bool) (json.RawMessage, error) {
		for { // until the other one takes it, and not the leader itself
			before := other.did.Load()
			got, err := leader.Do(t.Context(), "slow", json.RawMessage(`1`), again)
			if other.did.Load() > before {
				return got, err
			}
		}
	}
	if _, err := do(false); !errors.Is(err, cluster.ErrGone) {
		t.Errorf("work that must not be done twice: %v", err)
	}
	if got, err := do(true); err != nil || string(got) != "1" {
		t.Errorf("work that may be done twice: %s, %v", got, err)
	}
	until(t, "the one that hangs is asked to stop", func() bool { return calledBack.Load() >= 2 })

	gave, giveUp := context.WithCancel(t.Context())
	taken := other.did.Load()
	var waits sync.WaitGroup
	for range 20 {
		waits.Go(func() {
			_, _ = leader.Do(gave, "work", json.RawMessage(`1`), true) // what comes of it does not matter here
		})
	}
	until(t, "the other takes a piece", func() bool { return other.did.Load() > taken })
	stopped := calledBack.Load()
	giveUp()
	waits.Wait()
	until(t, "a worker whose caller gave up is cancelled", func() bool { return calledBack.Load() > stopped })
}

// TestAWorkerThatCannotDoATask: what an agent cannot do is done here.
func TestAWorkerThatCannotDoATask(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	leader := join(t, url, "a", "g", true, echo)
	other := join(t, url, "b", "g", false, func(context.Context, json.RawMessage) (json.RawMessage, error) {
		return nil, errors.New("unknown here")
	})
	until(t, "the leader sees the other", withPeers(1)(leader))
	for range 200 {
		if got, err := leader.Do(t.Context(), "work", json.RawMessage(`2`), false); err != nil || string(got) != "2" {
			t.Fatalf("%s, %v", got, err)
		}
		if other.did.Load() > 0 {
			return
		}
	}
	t.Error("the other one was never asked")
}

// TestTheQueueStopsAndComesBack: work goes on without it, and is shared again.
func TestTheQueueStopsAndComesBack(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	leader, other := join(t, server.DSN, "a", "g", true, echo), join(t, server.DSN, "b", "g", false, echo)
	until(t, "the leader sees the other", withPeers(1)(leader))
	server.Halt(true)
	for i := range 20 {
		if _, err := leader.Do(t.Context(), "slow", json.RawMessage(`3`), true); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the leader sees the other again", withPeers(1)(leader))
	before := other.did.Load()
	until(t, "the other takes work again", func() bool {
		_, err := leader.Do(t.Context(), "slow", json.RawMessage(`4`), true)
		return err == nil && other.did.Load() > before
	})
}
