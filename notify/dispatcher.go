package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/store"
)

// Channel is a configured channel.
type Channel struct {
	Name     string
	Notifier Notifier // validated
	Rate     Rate     // the zero value: [DefaultRate]
	Fallback string   // name of the channel that gets what this one gives up; may be empty
	Outbound *outbound.Rules
}

// Outcomes that [Observer.Sent] is called with.
const (
	OutcomeSent    = "sent"
	OutcomeRetried = "retried"
	OutcomeDead    = "dead"
)

// Observer follows a dispatcher, for metrics, traces and the log. Its methods are
// called concurrently.
type Observer interface {
	// Notice begins one try to deliver a notice. traceparent is that of the tick that
	// caused the notice. The try runs under the returned context. Receivers get the
	// returned traceparent if it is not empty. end is called with the outcome.
	Notice(ctx context.Context, traceparent, channel string) (_ context.Context, own string, end func(error))
	// Sent counts a notice by its outcome.
	Sent(channel, outcome string)
	// Problem reports a failed try, a notice that was given up, or a store that cannot
	// be read. channel is empty if the problem concerns all of them.
	Problem(channel string, err error)
}

// Dispatcher sends the notices of the outbox. Each channel has a worker of its own, so
// a channel that is down delays no other. Set the fields before Run, and do not change
// them afterwards.
type Dispatcher struct {
	Store     *store.Store
	Channels  []Channel
	Deliverer Deliverer      // makes every try; nil: [Local]
	URL       string         // where people reach the agent; may be empty
	Clock     sentinel.Clock // the clock
	Flaps     Flaps          // when an incident flaps
	Rand      func() float64 // in [0, 1), safe for concurrent use; spreads retries

	Timeout  time.Duration // of one try; default 15s
	Base     time.Duration // the first retry comes within; default 5s, doubled with every try
	Cap      time.Duration // no retry waits longer; default 15m
	Attempts int           // tries before a notice may be given up; default 10
	GiveUp   time.Duration // age before a notice may be given up; default 24h
	Every    time.Duration // time between searches for reminders and missed notices; default 1m

	once     sync.Once
	wakes    []chan struct{}
	planner  *Planner
	observer Observer
}

func (d *Dispatcher) start() {
	d.once.Do(func() {
		d.Timeout = cmp.Or(d.Timeout, 15*time.Second)
		d.Base = cmp.Or(d.Base, 5*time.Second)
		d.Cap = cmp.Or(d.Cap, 15*time.Minute)
		d.Attempts = cmp.Or(d.Attempts, 10)
		d.GiveUp = cmp.Or(d.GiveUp, 24*time.Hour)
		d.Every = cmp.Or(d.Every, time.Minute)
		if d.Deliverer == nil {
			d.Deliverer = Local{}
		}
		d.wakes = make([]chan struct{}, len(d.Channels))
		for i := range d.wakes {
			d.wakes[i] = make(chan struct{}, 1)
		}
	})
}

// Wake makes the workers read the outbox now. It does not wait. Without it they read
// the outbox when an item is due, and every few seconds.
func (d *Dispatcher) Wake() {
	d.start()
	for _, w := range d.wakes {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// Run sends until ctx ends, and returns when all its goroutines have ended. The next
// dispatcher repeats a try that was cut off. The planner finds reminders and missed
// recoveries; without a planner there are none. The observer may be nil. Run may be
// called again after it has returned or panicked, but not concurrently. A goroutine
// that panics is started again after Base.
func (d *Dispatcher) Run(ctx context.Context, planner *Planner, observer Observer) {
	d.start()
	d.planner = planner
	d.observer = observer
	var workers sync.WaitGroup
	for i, c := range d.Channels {
		w := &worker{d: d, channel: c, bucket: newBucket(c.Rate, d.Clock.Now())}
		if r, ok := c.Notifier.(interface{ Resend() time.Duration }); ok {
			w.resend = r.Resend()
		}
		workers.Go(func() { d.supervise(ctx, c.Name, func() { w.run(ctx, d.wakes[i]) }) })
	}
	workers.Go(func() { d.supervise(ctx, "", func() { d.sweep(ctx) }) })
	workers.Wait()
}

// supervise calls run until it returns without a panic, or until ctx ends. It reports
// panics as problems of the channel.
func (d *Dispatcher) supervise(ctx context.Context, channel string, run func()) {
	for {
		bug := panics.Catch(func() error { run(); return nil })
		if bug == nil {
			return
		}
		// The panic may be the observer's own. Then it cannot be reported to it.
		_ = panics.Catch(func() error { d.problem(channel, bug); return nil })
		if !wait.For(ctx, d.Base) {
			return
		}
	}
}

// sweep searches at an interval for notices that no tick plans: reminders, missed
// recoveries, and notices whose channels are not configured any more.
func (d *Dispatcher) sweep(ctx context.Context) {
	for {
		if err := d.Sweep(ctx, d.planner); err != nil && ctx.Err() == nil {
			d.problem("", err)
		}
		if !wait.For(ctx, d.Every) {
			return
		}
	}
}

// Sweep plans once the notices that no tick plans. Run calls it every minute.
func (d *Dispatcher) Sweep(ctx context.Context, planner *Planner) (all error) {
	d.start()
	for _, job := range []struct {
		what string
		do   func(context.Context, *Planner) error
	}{
		{"searching for reminders", d.remind},
		{"searching for ends that nobody was notified of", d.notifyEnds},
		{"searching for notices without a channel", d.deadLetterOrphans},
	} {
		if err := panics.Catch(func() error { return job.do(ctx, planner) }); err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", job.what, err))
		}
	}
	return all
}

func (d *Dispatcher) remind(ctx context.Context, planner *Planner) error {
	if planner == nil {
		return nil
	}
	open, err := d.Store.OpenIncidents(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	notified, err := d.Store.OutboxNotices(ctx)
	if err != nil {
		return err
	}
	givenUp, err := d.Store.OutboxGivenUp(ctx)
	if err != nil {
		return err
	}
	items, err := planner.Remind(open, notified, givenUp, d.Clock.Now())
	return errors.Join(err, d.enqueue(ctx, items))
}

// notifyEnds plans the notices of recoveries that were stored without one.
func (d *Dispatcher) notifyEnds(ctx context.Context, planner *Planner) error {
	if planner == nil {
		return nil
	}
	now := d.Clock.Now()
	missing, err := d.Store.OutboxWithoutRecovery(ctx, now.Add(-d.GiveUp))
	if err != nil {
		return err
	}
	var changes []Change
	seen := map[string]bool{}
	for _, o := range missing {
		if seen[o.Incident] {
			continue
		}
		seen[o.Incident] = true
		i, ok, err := d.Store.Incident(ctx, o.Incident)
		if err != nil {
			return err
		}
		if ok && i.Flapping.On() {
			i, ok = d.Flaps.End(i, now) // it may begin again
		}
		if ok {
			changes = append(changes, Change{Kind: Recovered, Incident: i})
		}
	}
	items, err := planner.Plan(changes, missing, now)
	if err != nil {
		return err
	}
	return d.enqueue(ctx, items)
}

func (d *Dispatcher) enqueue(ctx context.Context, items []store.OutboxItem) error {
	if len(items) == 0 {
		return nil
	}
	if err := d.Store.Enqueue(ctx, items); err != nil {
		return err
	}
	d.Wake()
	return nil
}

// deadLetterOrphans gives up notices that have waited for GiveUp and whose channels are
// not configured any more.
func (d *Dispatcher) deadLetterOrphans(ctx context.Context, _ *Planner) error {
	var names []string
	for _, c := range d.Channels {
		names = append(names, c.Name)
	}
	now := d.Clock.Now()
	n, err := d.Store.DeadLetterOrphans(ctx, names, now.Add(-d.GiveUp), now)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d notifications were given up: their channels are no longer configured", n)
	}
	return err
}

func (d *Dispatcher) problem(channel string, err error) {
	if d.observer != nil {
		d.observer.Problem(channel, err)
	}
}

func (d *Dispatcher) sent(channel, outcome string) {
	if d.observer != nil {
		d.observer.Sent(channel, outcome)
	}
}

// deliver makes one try within the timeout.
func (d *Dispatcher) deliver(ctx context.Context, c Channel, n Notice) (ref string, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	if d.observer == nil {
		return d.Deliverer.Deliver(ctx, c, n)
	}
	ctx, own, end := d.observer.Notice(ctx, n.Trace, c.Name)
	n.Trace = cmp.Or(own, n.Trace)
	ref, err = d.Deliverer.Deliver(ctx, c, n)
	end(err)
	return ref, err
}

// Test sends a test notice through one channel, and then its recovery, so that no page
// stays open. It does not use the outbox.
func (d *Dispatcher) Test(ctx context.Context, channel string) error {
	d.start()
	for _, c := range d.Channels {
		if c.Name == channel {
			if err := d.test(ctx, c); err != nil {
				return fmt.Errorf("testing channel %s: %w", channel, err)
			}
			return nil
		}
	}
	return fmt.Errorf("testing channel %s: there is no channel of this name", channel)
}

func (d *Dispatcher) test(ctx context.Context, to Channel) error {
	ctx, cancel := context.WithTimeout(ctx, 2*d.Timeout)
	defer cancel()
	now := d.Clock.Now()
	i := sentinel.Incident{
		ID: "test-" + now.UTC().Format("20060102T150405"), Check: "test", Kind: "test",
		Table: sentinel.Table{Warehouse: "sentinel", Name: "test"},
		Tier:  "info", Owner: "nobody", State: sentinel.Open, Severity: sentinel.Warn, Opened: now, Updated: now,
		Message: "this is a test of the channel", Expected: "that you can read it", Observed: sentinel.Int(1),
	}
	ref := ""
	for _, kind := range []Kind{Opened, Recovered} {
		if kind == Recovered {
			i.State, i.Resolved = sentinel.Resolved, now
		}
		e := Entry{Kind: kind, Incident: i, Thread: i.ID, Ref: ref}
		var err error
		n := Notice{
			Kind: kind, Key: i.ID + "/" + string(kind), Tier: i.Tier,
			Entries: []Entry{e}, At: now, URL: d.URL, Test: true,
		}
		ref, err = Local{}.Deliver(ctx, to, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// storeTimeout is how long the outcome of a try may take to be stored once the
// program ends.
const storeTimeout = 5 * time.Second

// lease is how long a claim keeps others from trying the same notice.
func (d *Dispatcher) lease() time.Duration { return d.Timeout + 2*storeTimeout }

// errCut is the error of a try that the end of the program interrupted.
var errCut = errors.New("the agent was stopped during the attempt")
