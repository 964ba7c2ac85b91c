package chaos_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/testenv"
)

// disturbance is one way to disturb something. It holds busy meanwhile, and lasts for a
// time between a quarter of a second and longest.
type disturbance struct {
	what    string
	busy    func(*rand.Rand) *sync.Mutex
	longest time.Duration
	begin   func() error
	end     func() error
}

// atOnce is the number of disturbances that may be under way.
const atOnce = 3

// disturb carries out n disturbances, a few at a time. All kinds come as often.
func (w *world) disturb(random *rand.Rand, n int) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, atOnce)
	var deck []func(*rand.Rand) disturbance
	for done := 0; done < n; {
		if len(deck) == 0 {
			deck = w.kinds()
			random.Shuffle(len(deck), func(i, k int) { deck[i], deck[k] = deck[k], deck[i] })
		}
		d := deck[0](random)
		deck = deck[1:]
		busy := d.busy(random)
		length := 250*time.Millisecond + time.Duration(random.Int64N(int64(d.longest)))
		pause := time.Duration(200+random.IntN(1300)) * time.Millisecond
		select {
		case slots <- struct{}{}:
		case <-w.Context().Done():
			return
		}
		if !busy.TryLock() { // under way already: something else is disturbed
			<-slots
			continue
		}
		done++
		running.Go(func() {
			defer func() { busy.Unlock(); <-slots }()
			w.carryOut(d, length)
		})
		if !wait.For(w.Context(), pause) {
			return
		}
	}
}

func (w *world) carryOut(d disturbance, length time.Duration) {
	if err := d.begin(); err != nil {
		w.violate("%s: %v", d.what, err)
		return
	}
	w.count(d.what)
	wait.For(w.Context(), length)
	if d.end == nil {
		return
	}
	if err := d.end(); err != nil {
		w.violate("the end of %s: %v", d.what, err)
	}
}

// kinds lists every disturbance once. Each draws what it is about.
func (w *world) kinds() (all []func(*rand.Rand) disturbance) {
	for _, leader := range []bool{true, false} {
		who := "an agent that helps"
		if leader {
			who = "the leader"
		}
		for _, how := range []string{"killed", "frozen", "told to reload", "stopped", "cut off from the state"} {
			all = append(all, func(random *rand.Rand) disturbance { return w.ofAgent(w.pick(random, leader), who, how) })
		}
	}
	for _, h := range []*host{w.state, w.pg, w.my} {
		for _, killed := range []bool{true, false} {
			all = append(all, func(*rand.Rand) disturbance { return w.ofServer(h, killed) })
		}
		for _, fault := range []string{"reset", "half open", "slow"} {
			all = append(all, func(*rand.Rand) disturbance { return w.ofNetwork(h, fault) })
		}
	}
	for what, m := range map[string]manner{"answers 500": answers500, "hangs": hangsBefore, "acts and hangs": hangsAfter} {
		all = append(all, func(*rand.Rand) disturbance { return w.ofReceiver("the receiver "+what, m) })
	}
	return append(all, func(*rand.Rand) disturbance { return w.receiverKilled() })
}

// pick returns the agent that leads, or one that does not. While none leads, any.
func (w *world) pick(random *rand.Rand, leader bool) *agent {
	first := random.IntN(len(w.agents))
	for i := range w.agents {
		if a := w.agents[(first+i)%len(w.agents)]; a.leads(w.Context()) == leader {
			return a
		}
	}
	return w.agents[first]
}

func (w *world) ofAgent(a *agent, who, how string) disturbance {
	d := disturbance{what: who + " is " + how, busy: func(*rand.Rand) *sync.Mutex { return &a.busy }, longest: 2 * time.Second}
	switch how {
	case "killed":
		d.begin, d.end = func() error { return a.end(syscall.SIGKILL) }, a.start
	case "stopped":
		d.begin, d.end = func() error { return a.end(syscall.SIGTERM) }, a.start
	case "frozen": // longer than the state trusts a silent leader
		d.longest = 14 * time.Second
		d.begin, d.end = func() error { return a.signal(syscall.SIGSTOP) }, func() error { return a.signal(syscall.SIGCONT) }
	case "told to reload":
		d.begin = a.reload
	case "cut off from the state":
		n := w.networkOf(a)
		d.longest = 10 * time.Second
		d.busy = func(*rand.Rand) *sync.Mutex { return &w.state.busy } // which disturbs the same networks
		d.begin, d.end = func() error { return n.Add(testenv.NetworkFaults["half open"].Toxic) },
			func() error { return n.Remove(context.WithoutCancel(w.Context())) }
	}
	return d
}

// networkOf is the network by which an agent reaches the state.
func (w *world) networkOf(a *agent) *testenv.Network {
	for n, other := range w.agents {
		if other == a {
			return w.state.networks[n]
		}
	}
	panic("no such agent")
}

func (w *world) ofServer(h *host, killed bool) disturbance {
	d := disturbance{what: h.name + ": the server is frozen", longest: 10 * time.Second, begin: h.Freeze, end: h.Thaw}
	if killed {
		d.what, d.longest = h.name+": the server is killed", 3*time.Second
		d.begin, d.end = func() error { h.Halt(true); return nil }, h.Start
	}
	d.busy = func(*rand.Rand) *sync.Mutex { return &h.busy }
	return d
}

func (w *world) ofNetwork(h *host, fault string) disturbance {
	each := func(do func(*testenv.Network) error) error {
		for _, n := range h.networks {
			if err := do(n); err != nil {
				return err
			}
		}
		return nil
	}
	return disturbance{
		what: h.name + ": the network is " + fault, longest: 8 * time.Second,
		busy: func(*rand.Rand) *sync.Mutex { return &h.busy },
		begin: func() error {
			return each(func(n *testenv.Network) error { return n.Add(testenv.NetworkFaults[fault].Toxic) })
		},
		end: func() error {
			return each(func(n *testenv.Network) error { return n.Remove(context.WithoutCancel(w.Context())) })
		},
	}
}

func (w *world) ofReceiver(what string, m manner) disturbance {
	return disturbance{
		what: what, longest: 8 * time.Second,
		busy:  func(*rand.Rand) *sync.Mutex { return &w.receiver.busy },
		begin: func() error { w.receiver.behave(m); return nil },
		end:   func() error { w.receiver.behave(answers); return nil },
	}
}

func (w *world) receiverKilled() disturbance {
	return disturbance{
		what: "the receiver is killed", longest: 8 * time.Second,
		busy:  func(*rand.Rand) *sync.Mutex { return &w.receiver.busy },
		begin: w.receiver.stop, end: w.receiver.start,
	}
}

// execute runs a statement of the test's own on a server, which may be away.
func (w *world) execute(ctx context.Context, h *host, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return h.with(ctx, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, statement)
		return err
	})
}
