package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

var orders = sentinel.Table{Warehouse: "shop", Schema: "public", Name: "orders"}

// agent records transitions as the agent does: incidents and their notices in
// one transaction.
type agent struct {
	t       testing.TB
	store   *store.Store
	planner *notify.Planner
	known   map[string]sentinel.Incident
	ticks   int
	wakes   func()
}

func newAgent(t testing.TB, routes ...notify.Route) *agent {
	return &agent{
		t:       t,
		store:   openStore(t),
		planner: &notify.Planner{Routes: routes},
		known:   map[string]sentinel.Incident{},
	}
}

// record stores what the incidents are now.
func (a *agent) record(now time.Time, incidents ...sentinel.Incident) {
	a.t.Helper()
	batch := store.Batch{
		Ticks: []store.TickRecord{{Schedule: "test", Table: orders, Tick: night.Add(time.Duration(a.ticks) * time.Minute)}},
	}
	a.ticks++
	var changes []notify.Change
	var ids []string
	for _, i := range incidents {
		after, kind := notify.Track(a.known[i.ID], i)
		a.known[i.ID] = after
		batch.Incidents = append(batch.Incidents, after)
		ids = append(ids, i.ID)
		if kind != "" {
			changes = append(changes, notify.Change{Kind: kind, Incident: after})
		}
	}
	notified, err := a.store.OutboxNotified(a.t.Context(), ids)
	if err == nil {
		batch.Outbox, err = a.planner.Plan(changes, notified, now)
	}
	if err == nil {
		_, err = a.store.Record(a.t.Context(), batch)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	if a.wakes != nil {
		a.wakes()
	}
}

// dispatcher sends quickly, on the real clock.
func (a *agent) dispatcher(channels ...notify.Channel) *notify.Dispatcher {
	for _, c := range channels {
		channel(a.t, c.Notifier)
	}
	d := &notify.Dispatcher{
		Store: a.store, Channels: channels, Clock: sentinel.ClockFunc(time.Now), Rand: func() float64 { return 0.5 },
		Timeout: 10 * time.Second, Base: 5 * time.Millisecond, Cap: 40 * time.Millisecond,
	}
	a.wakes = d.Wake
	return d
}

// running runs a dispatcher until the returned stop is called, at the latest at
// the end of the test.
func running(t testing.TB, d *notify.Dispatcher) (stop func()) {
	return runningWith(t, d, nil, nil)
}

func runningWith(t testing.TB, d *notify.Dispatcher, p *notify.Planner, o notify.Observer) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { d.Run(ctx, p, o) })
	stop = func() { cancel(); run.Wait() }
	t.Cleanup(stop)
	return stop
}

func (a *agent) count(state store.OutboxState) int {
	items, err := a.store.Outbox(a.t.Context(), store.OutboxFilter{State: state, Limit: 10_000})
	if err != nil {
		a.t.Fatal(err)
	}
	return len(items)
}

var at0s = time.Duration(0)

// to is a route for everything that does not wait for a group.
func to(names ...string) notify.Route { return notify.Route{To: names, GroupWait: &at0s} }

func hook(name string, r *receiver) notify.Channel {
	return notify.Channel{
		Name:     name,
		Notifier: &notify.Webhook{URL: sentinel.NewSecret(r.URL)},
		Rate:     notify.Rate{Burst: 10_000, Every: time.Millisecond},
	}
}

// A thousand datasets that fail at once are a handful of notices.
func TestAThousandFailuresAtOnce(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, `{"ok":true,"ts":"1.1"}`))
	a := newAgent(t, to("hook", "slack"))
	var all []sentinel.Incident
	for n := range 1000 {
		i := incident(n + 1)
		i.Table.Warehouse = fmt.Sprint("warehouse", n%2)
		i.Tier = []string{"critical", "warning"}[n/2%2]
		all = append(all, i)
	}
	a.record(time.Now(), all...)
	slack := notify.Channel{Name: "slack", Notifier: &notify.Slack{Token: sentinel.NewSecret("x"), Channel: "c", URL: r.URL}}
	stop := running(t, a.dispatcher(hook("hook", r), slack))
	eventually(t, "all is sent", func() bool { return a.count(store.OutboxSent) == 2000 })
	stop()
	incidents := 0
	for _, g := range r.got() {
		var body struct{ Incidents []struct{ ID string } }
		if err := json.Unmarshal([]byte(g.Body), &body); err != nil {
			t.Fatal(err)
		}
		incidents += len(body.Incidents)
	}
	t.Logf("1000 datasets failed in 2 warehouses and 2 tiers: %d notices on 2 channels", len(r.got()))
	if len(r.got()) != 8 || incidents != 1000 {
		t.Errorf("%d notices with %d incidents, want 4 on each of two channels with 1000", len(r.got()), incidents)
	}
}

// Beyond its rate a channel gets one digest of everything that waited.
func TestRateOverflowBecomesADigest(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, ""))
	a := newAgent(t, to("hook"))
	c := hook("hook", r)
	c.Rate = notify.Rate{Burst: 2, Every: 700 * time.Millisecond}
	for n := range 10 {
		i := incident(n + 1)
		i.Table.Warehouse = fmt.Sprint("w", n)
		a.record(time.Now(), i)
	}
	stop := running(t, a.dispatcher(c))
	eventually(t, "all is sent", func() bool { return a.count(store.OutboxSent) == 10 })
	stop()
	var kinds []string
	for _, g := range r.got() {
		var body struct {
			Kind      string
			Incidents []any
		}
		if err := json.Unmarshal([]byte(g.Body), &body); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, fmt.Sprint(body.Kind, " ", len(body.Incidents)))
	}
	if !slices.Equal(kinds, []string{"opened 1", "opened 1", "digest 8"}) {
		t.Error(kinds)
	}
}

// An incident that is still open and not acknowledged is notified again.
func TestReminders(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, ""))
	route := to("hook")
	repeat := 4 * time.Hour
	route.Repeat = &repeat
	a := newAgent(t, route)
	var mu sync.Mutex
	now := night
	d := a.dispatcher(hook("hook", r))
	d.Every = 5 * time.Millisecond
	d.Clock = sentinel.ClockFunc(func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	runningWith(t, d, a.planner, nil)
	a.record(night, incident(1), incident(2))
	later := func(hours int, sent int) {
		mu.Lock()
		now = night.Add(time.Duration(hours) * time.Hour)
		mu.Unlock()
		eventually(t, fmt.Sprint(sent, " are sent"), func() bool { return a.count(store.OutboxSent) == sent })
	}
	later(0, 2)
	seen := incident(2)
	seen.State = sentinel.Acknowledged
	a.record(night.Add(time.Hour), seen)
	later(3, 3)
	later(4, 4)
	later(8, 5)
	var keys []string
	for _, g := range r.got() {
		keys = append(keys, g.Header.Get("Idempotency-Key"))
	}
	want := []string{"inc0002/2/acknowledged", "inc0001/reminder/1", "inc0001/reminder/2"}
	if !slices.Equal(keys[1:], want) {
		t.Errorf("%v, want %v", keys[1:], want)
	}
}

func TestTestNotice(t *testing.T) {
	t.Parallel()
	r := answering(t, func(n int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader([]int{200, 200, 403}[n-1]) })
	a := newAgent(t)
	d := a.dispatcher(hook("hook", r))
	if err := d.Test(t.Context(), "hook"); err != nil {
		t.Fatal(err)
	}
	for n, kind := range []string{"opened", "recovered"} {
		if body := r.got()[n].Body; !strings.Contains(body, `"test":true`) ||
			!strings.Contains(body, "TEST, nothing is wrong") ||
			!strings.Contains(body, `"kind":"`+kind) {
			t.Error(body)
		}
	}
	var permanent *notify.PermanentError
	if err := d.Test(t.Context(), "hook"); !errors.As(err, &permanent) {
		t.Error(err)
	}
	if err := d.Test(t.Context(), "pigeon"); err == nil {
		t.Error("an unknown channel was tested")
	}
}

// A recovery that was stored without its notice is notified once.
func TestMissedRecoveriesAreNotified(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, ""))
	a := newAgent(t, to("hook"))
	d := a.dispatcher(hook("hook", r))
	d.Every = 5 * time.Millisecond
	runningWith(t, d, a.planner, nil)
	a.record(time.Now(), incident(1))
	eventually(t, "the opening is sent", func() bool { return a.count(store.OutboxSent) == 1 })
	over := resolved(a.known["inc0001"], 0)
	over.Resolved = time.Now()
	if _, err := a.store.Record(t.Context(), store.Batch{Incidents: []sentinel.Incident{over}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end is sent", func() bool { return a.count(store.OutboxSent) == 2 })
	if got := r.got(); len(got) != 2 || got[1].Header.Get("Idempotency-Key") != "inc0001/2/recovered" {
		t.Errorf("%+v", got)
	}
}

// Agents that share a store share the work: nothing is sent by two of them.
func TestTwoAgentsSendOnce(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, ""))
	a := newAgent(t, to("hook"))
	d1, d2 := a.dispatcher(hook("hook", r)), a.dispatcher(hook("hook", r))
	running(t, d1)
	running(t, d2)
	a.wakes = func() { d1.Wake(); d2.Wake() }
	for n := range 100 {
		i := incident(n + 1)
		i.Table.Warehouse = fmt.Sprint("w", n)
		a.record(time.Now(), i)
	}
	eventually(t, "all is sent", func() bool { return a.count(store.OutboxSent) == 100 })
	if n := len(r.got()); n != 100 {
		t.Errorf("%d notices of 100 incidents", n)
	}
}

// An upstream's page covers its downstream: one conversation, ended by the last.
func TestDownstreamJoinsItsUpstream(t *testing.T) {
	t.Parallel()
	r := answering(t, says(200, `{"ok":true,"ts":"1.1"}`))
	a := newAgent(t, to("pager", "slack"))
	slack := notify.Channel{Name: "slack", Notifier: &notify.Slack{Token: sentinel.NewSecret("x"), Channel: "c", URL: r.URL}}
	running(
		t,
		a.dispatcher(slack, notify.Channel{Name: "pager", Notifier: &notify.PagerDuty{RoutingKey: sentinel.NewSecret("k"), URL: r.URL}}),
	)
	up, down := incident(1), incident(2)
	down.Upstream = up.ID
	for n, i := range []sentinel.Incident{up, down, resolved(up, time.Minute), resolved(down, time.Minute)} {
		a.record(time.Now(), i)
		eventually(t, "both channels are notified", func() bool { return a.count(store.OutboxSent) == 2*(n+1) })
	}
	var events, threads []string
	for _, g := range r.got() {
		var m struct {
			Action   string `json:"event_action"`
			DedupKey string `json:"dedup_key"`
			ThreadTS string `json:"thread_ts"`
		}
		if err := json.Unmarshal([]byte(g.Body), &m); err != nil {
			t.Fatal(err)
		}
		if m.Action != "" {
			events = append(events, m.Action+" "+m.DedupKey)
		} else {
			threads = append(threads, m.ThreadTS)
		}
	}
	if want := []string{"trigger inc0001", "trigger inc0001", "resolve inc0001"}; !slices.Equal(events, want) {
		t.Errorf("%v, want %v", events, want)
	}
	if want := []string{"", "1.1", "1.1", "1.1"}; !slices.Equal(threads, want) {
		t.Errorf("threads %q, want %q", threads, want)
	}
}
