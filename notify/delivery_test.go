package notify_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// drop takes a request and closes the connection: the reply is lost.
func drop(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	if err := conn.Close(); err != nil {
		panic(err)
	}
}

// Whatever a receiver does to two tries of every notice, each transition arrives,
// under one key, and those of an incident in their order.
func TestEveryTransitionArrives(t *testing.T) {
	t.Parallel()
	for name, misbehave := range map[string]func(w http.ResponseWriter, r *http.Request){
		"answers 500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"answers 429, seconds": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
		},
		"answers 429, a date": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", time.Now().Add(1500*time.Millisecond).UTC().Format(http.TimeFormat))
			w.WriteHeader(429)
		},
		"never answers":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"loses the reply": func(w http.ResponseWriter, _ *http.Request) { drop(w) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := map[string]int{}
			var mu sync.Mutex
			r := answering(t, func(_ int, w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				tries[r.Header.Get("Idempotency-Key")]++
				early := tries[r.Header.Get("Idempotency-Key")] <= 2
				mu.Unlock()
				if early {
					misbehave(w, r)
				}
			})
			a := newAgent(t, to("hook"))
			d := a.dispatcher(hook("hook", r))
			d.Timeout = 500 * time.Millisecond
			running(t, d)
			one, two := incident(1), incident(2)
			two.Table.Warehouse = "lake" // no group with the first
			a.record(time.Now(), one)
			a.record(time.Now(), resolved(one, time.Minute), two)
			eventually(t, "all is sent", func() bool { return a.count(store.OutboxSent) == 3 })
			mu.Lock()
			defer mu.Unlock()
			if len(tries) != 3 || tries["inc0001/1/opened"] < 3 || tries["inc0001/2/recovered"] < 3 ||
				tries["inc0002/1/opened"] < 3 {
				t.Errorf("tries by key: %v", tries)
			}
			inOrder(t, r.got())
		})
	}
}

// inOrder checks that no notice of an incident came before an earlier one of
// it had come for the last time.
func inOrder(t *testing.T, got []request) {
	t.Helper()
	last := map[string]string{}
	for _, g := range got {
		id, transition, _ := strings.Cut(g.Header.Get("Idempotency-Key"), "/")
		if transition < last[id] {
			t.Errorf("%s/%s after %s", id, transition, last[id])
		}
		last[id] = transition
	}
}

// A receiver that says when to come back is not asked before.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	var times []time.Time
	r := answering(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		times = append(times, time.Now()) // one request at a time
		if n == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(503)
		}
	})
	a := newAgent(t, to("hook"))
	stop := running(t, a.dispatcher(hook("hook", r)))
	a.record(time.Now(), incident(1))
	eventually(t, "it is sent", func() bool { return a.count(store.OutboxSent) == 1 })
	stop()
	if len(times) != 2 || times[1].Sub(times[0]) < time.Second {
		t.Errorf("asked at %v", times)
	}
}

// A channel that is dead holds up no other, and what it cannot take is kept.
func TestADeadChannelHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	dead := answering(t, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	alive := answering(t, says(200, ""))
	a := newAgent(t, to("dead", "alive"))
	d := a.dispatcher(hook("dead", dead), hook("alive", alive))
	d.Timeout = 500 * time.Millisecond
	stop := running(t, d)
	for n := range 20 {
		i := incident(n + 1)
		i.Table.Warehouse = fmt.Sprint("w", n) // twenty groups
		a.record(time.Now(), i)
	}
	eventually(t, "the living one has all", func() bool { return a.count(store.OutboxSent) == 20 })
	stop()
	if n := a.count(store.OutboxPending); n != 20 {
		t.Errorf("%d wait for the dead channel, want 20", n)
	}
}

// observer keeps what a dispatcher reports.
type observer struct {
	mu       sync.Mutex
	outcomes []string // "channel outcome"
	problems []string // "channel: error"
	tries    []string // "channel traceparent"
}

func (o *observer) Notice(ctx context.Context, parent, channel string) (context.Context, string, func(error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tries = append(o.tries, channel+" "+parent)
	return ctx, "", func(error) {}
}

func (o *observer) Sent(channel, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes = append(o.outcomes, channel+" "+outcome)
}

func (o *observer) Problem(channel string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.problems = append(o.problems, channel+": "+err.Error())
}

// count counts the problems that contain a text.
func (o *observer) count(text string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.problems {
		if strings.Contains(p, text) {
			n++
		}
	}
	return n
}

// What a retry cannot help is given up at once, with the reason, and said.
func TestPermanentErrorsAreGivenUp(t *testing.T) {
	t.Parallel()
	r := answering(t, says(401, "who are you? s3cret"))
	a := newAgent(t, to("hook"))
	c := hook("hook", r)
	c.Notifier = &notify.Webhook{URL: sentinel.NewSecret(r.URL + "/s3cret"), Secret: sentinel.NewSecret("s3cret")}
	d := a.dispatcher(c)
	seen := &observer{}
	stop := runningWith(t, d, nil, seen)
	a.record(time.Now(), incident(1))
	eventually(t, "it is given up", func() bool { return a.count(store.OutboxDead) == 1 })
	stop()
	if len(r.got()) != 1 || !slices.Equal(seen.outcomes, []string{"hook dead"}) {
		t.Errorf("%d tries, outcomes %v", len(r.got()), seen.outcomes)
	}
	problems := seen.problems
	if len(problems) != 1 || !strings.Contains(problems[0], "401") || strings.Contains(problems[0], "s3cret") {
		t.Errorf("problems: %v", problems)
	}
}

// An outage of a day's length loses nothing; after that a notice is given up.
func TestTransientErrorsAreGivenUpAfterADay(t *testing.T) {
	t.Parallel()
	r := answering(t, says(500, ""))
	a := newAgent(t, to("hook"))
	var mu sync.Mutex
	now := night
	d := a.dispatcher(hook("hook", r))
	d.Base, d.Cap, d.Rand = time.Nanosecond, time.Nanosecond, func() float64 { return 0 }
	d.Clock = sentinel.ClockFunc(func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	running(t, d)
	a.record(night, incident(1))
	eventually(t, "it is tried often", func() bool { return len(r.got()) > 30 })
	if a.count(store.OutboxDead) != 0 {
		t.Error("given up within the day")
	}
	mu.Lock()
	now = night.Add(24 * time.Hour)
	mu.Unlock()
	eventually(t, "it is given up", func() bool { return a.count(store.OutboxDead) == 1 })
}

// The time to the next try is random up to a bound that doubles from 5 seconds
// to a quarter of an hour.
func TestRetriesBackOff(t *testing.T) {
	t.Parallel()
	r := answering(t, says(500, ""))
	a := newAgent(t, to("hook"))
	a.record(night, incident(1))
	var mu sync.Mutex
	now := night
	d := a.dispatcher(hook("hook", r))
	d.Base, d.Cap, d.Rand = 0, 0, func() float64 { return 1 } // the whole bound
	d.Timeout = 7 * time.Second                               // no wait is as long as its lease
	d.Clock = sentinel.ClockFunc(func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	running(t, d)
	var waits []string
	for try := 1; try <= 10; try++ {
		var next time.Time
		eventually(t, fmt.Sprint("try ", try), func() bool {
			items, err := a.store.Outbox(t.Context(), store.OutboxFilter{})
			if err != nil || items[0].Attempts != try || items[0].LastError == "" {
				return false
			}
			next = items[0].NextAt
			// A try that is under way is leased for its timeout and ten seconds.
			return !next.Equal(now.Add(d.Timeout + 10*time.Second))
		})
		waits = append(waits, next.Sub(now).String())
		mu.Lock()
		now = next
		mu.Unlock()
		d.Wake()
	}
	if got := strings.Join(waits, " "); got != "5s 10s 20s 40s 1m20s 2m40s 5m20s 10m40s 15m0s 15m0s" {
		t.Error(got)
	}
}

// broken is a channel with a bug.
type broken struct{ notify.Log }

func (*broken) Notify(context.Context, notify.Notice) (string, error) {
	panic("a bug of this channel")
}

func TestAPanicOfAChannelIsAnErrorOfThatTry(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, ""))
	a := newAgent(t, to("broken", "hook"))
	d := a.dispatcher(notify.Channel{Name: "broken", Notifier: &broken{}}, hook("hook", r))
	seen := &observer{}
	a.record(time.Now(), incident(1))
	runningWith(t, d, nil, seen)
	eventually(t, "it is tried again", func() bool { return seen.count("broken: ") > 1 })
	if seen.count("panic: ") == 0 {
		t.Error(seen.problems)
	}
	eventually(t, "the other channel is notified", func() bool { return len(r.got()) == 1 })
	answer := notify.Channel{Name: "broken", Notifier: &broken{}}.Deliver(t.Context(), newNotice(notify.Opened, incident(1)))
	if _, err := answer.Result(); err == nil || !strings.Contains(err.Error(), "panic: ") {
		t.Errorf("as data: %v", err)
	}
}

// panickingObserver panics whenever a problem is reported.
type panickingObserver struct {
	observer
	panics atomic.Int64
}

func (o *panickingObserver) Problem(string, error) {
	o.panics.Add(1)
	panic("a bug of the observer")
}

// TestAPanicOfTheObserverRestartsTheWorker: a worker that panics is started again, and
// the other channels are served.
func TestAPanicOfTheObserverRestartsTheWorker(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, ""))
	a := newAgent(t, to("broken", "hook"))
	d := a.dispatcher(notify.Channel{Name: "broken", Notifier: &broken{}}, hook("hook", r))
	seen := &panickingObserver{}
	a.record(time.Now(), incident(1))
	runningWith(t, d, nil, seen)
	// One of the try, one of the worker, one of its supervisor.
	eventually(t, "the worker has panicked", func() bool { return seen.panics.Load() == 3 })
	a.record(time.Now(), incident(2))
	eventually(t, "the worker is started again", func() bool { return seen.panics.Load() > 3 })
	eventually(t, "the other channel gets the notices", func() bool { return len(r.got()) == 2 })
}
