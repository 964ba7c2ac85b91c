package agent

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// flapper plays results of one check and segment, a minute apart, through incidents, the
// store and the planner of notices, and restarts the agent now and then.
type flapper struct {
	*testing.T
	*rand.Rand
	in      *incidents
	store   *store.Store
	planner notify.Planner
	flaps   notify.Flaps
	now     time.Time
	sent    []flapNotice
}

type flapNotice struct {
	at       time.Time
	incident string
	kind     notify.Kind
	severity sentinel.Status
	tier     string
}

func newFlapper(t *testing.T, seed uint64) *flapper {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &flapper{
		T: t, Rand: rand.New(rand.NewPCG(seed, 5)), in: newIncidents(nil, &fixedPolicy{}), store: s,
		planner: notify.Planner{Routes: []notify.Route{{To: []string{"chat"}}}},
		now:     time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
	}
}

// take plays one result, and then what the agent does every minute.
func (f *flapper) take(status sentinel.Status, tier string) {
	f.Helper()
	f.now = f.now.Add(time.Minute)
	r := result(status, 0, "")
	r.Check, r.Table, r.Tick = "t", table("t"), f.now
	if !status.Bad() {
		r.Findings = nil
	}
	f.record(f.in.apply(r, Meta{Tier: tier}))
	f.record(f.in.settled(f.now))
	f.sweep()
}

func (f *flapper) record(changed []sentinel.Incident) {
	f.Helper()
	changes := f.in.takeChanges()
	var ids []string
	for _, c := range changes {
		ids = append(ids, c.Incident.ID)
	}
	known, err := f.store.OutboxNotified(f.Context(), append(ids, "none"))
	if err != nil {
		f.Fatal(err)
	}
	items, err := f.planner.Plan(changes, known, f.now)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := f.store.Record(f.Context(), store.Batch{Incidents: changed, Outbox: items}); err != nil {
		f.Fatal(err)
	}
}

// sweep plans what no result causes, and takes all notices that wait.
func (f *flapper) sweep() {
	f.Helper()
	d := &notify.Dispatcher{
		Store: f.store, Clock: sentinel.ClockFunc(func() time.Time { return f.now }), GiveUp: 24 * time.Hour, Flaps: f.flaps,
	}
	if err := d.Sweep(f.Context(), &f.planner); err != nil {
		f.Fatal(err)
	}
	for {
		claim := store.OutboxClaim{Channel: "chat", Now: f.now.Add(time.Hour), Until: f.now.Add(2 * time.Hour), Limit: 10}
		b, ok, err := f.store.ClaimOutbox(f.Context(), claim)
		if err != nil {
			f.Fatal(err)
		}
		if !ok {
			return
		}
		for _, item := range b.Items {
			i, _, err := f.store.Incident(f.Context(), item.Incident)
			if err != nil {
				f.Fatal(err)
			}
			f.sent = append(f.sent, flapNotice{f.now, item.Incident, notify.Kind(item.Kind), i.Severity, i.Tier})
		}
		if err := f.store.SentOutbox(f.Context(), b, "", f.now); err != nil {
			f.Fatal(err)
		}
	}
}

// restart begins anew with what the store has.
func (f *flapper) restart() {
	f.Helper()
	known, err := f.store.IncidentsSince(f.Context(), f.now.Add(-f.flaps.OrDefault().Settle))
	if err != nil {
		f.Fatal(err)
	}
	f.in = newIncidents(known, &fixedPolicy{flapping: f.flaps})
}

// holds checks what is open now against what was notified, and how often.
func (f *flapper) holds() {
	f.Helper()
	if i := f.in.open[table("t")]; i.ID != "" && i.State != sentinel.Resolved {
		known := false
		for _, n := range f.sent {
			if n.incident == i.ID {
				worse := i.Severity.Worse(n.severity) || n.tier != i.Tier && notify.HigherTier(n.tier, i.Tier) == i.Tier
				known = n.kind != notify.Recovered && (known || !worse)
			}
		}
		if !known {
			f.Fatalf("%s: nobody knows that %s is %s, tier %s: %v", f.now, i.ID, i.Severity, i.Tier, f.sent)
		}
	}
	within := 0
	for _, n := range f.sent {
		if f.now.Sub(n.at) < time.Hour {
			within++
		}
	}
	// Two episodes that begin, get worse thrice (a pair of severity and tier at a time) and end,
	// the third, and what settled before.
	if within > 15 {
		f.Fatalf("%d notices within an hour before %s: %v", within, f.now, f.sent[len(f.sent)-within:])
	}
	if i := f.in.open[table("t")]; len(i.Openings) > 3 || len(i.Told) > 12 {
		f.Errorf("%d openings and %d notices are kept", len(i.Openings), len(i.Told))
	}
}

// Whatever a check answers, few notices are sent within an hour, and nothing that is bad is
// worse than what people know.
func TestNoticesOfFlapping(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := newFlapper(t, seed)
			for range 12 {
				goodOf, badOf := 1+f.IntN(5), 1+f.IntN(5) // the regime of the next hour or so
				worst := f.IntN(3)
				for range 30 + f.IntN(60) {
					status, tier := sentinel.Pass, "warning"
					if f.IntN(goodOf+badOf) < badOf {
						status = []sentinel.Status{sentinel.Warn, sentinel.Fail}[f.IntN(1+min(1, worst))]
						tier = []string{"warning", "critical"}[f.IntN(1+worst/2)]
					}
					f.take(status, tier)
					f.holds()
					if f.IntN(50) == 0 {
						f.restart()
					}
				}
			}
			for range 32 {
				f.take(sentinel.Pass, "warning")
			}
			if len(f.sent) > 0 && f.sent[len(f.sent)-1].kind != notify.Recovered {
				t.Errorf("all is well for half an hour, and the last notice is %v", f.sent[len(f.sent)-1])
			}
		})
	}
}

// A check that is bad every other minute for a day, and then stays as it is.
func TestFlappingIsOneNotice(t *testing.T) {
	t.Parallel()
	for name, stays := range map[string]sentinel.Status{"good": sentinel.Pass, "bad": sentinel.Fail} {
		f := newFlapper(t, 1)
		for range 12 * 60 {
			f.take(sentinel.Fail, "warning")
			f.take(sentinel.Pass, "warning")
		}
		for range 40 {
			f.take(stays, "warning")
		}
		got := map[notify.Kind]int{}
		for _, n := range f.sent {
			got[n.kind]++
		}
		want := map[notify.Kind]int{notify.Opened: 1, notify.Recovered: 2, notify.Reopened: 1, notify.Flapping: 1}
		if stays == sentinel.Fail {
			want[notify.Recovered], want[notify.Reopened] = 2, 2
		} else {
			want[notify.Recovered] = 3
		}
		for kind, n := range want {
			if got[kind] != n {
				t.Errorf("stays %s: %v, want %v and reminders", name, got, want)
			}
		}
		i := f.in.open[table("t")]
		if stays == sentinel.Fail && (i.Flapping.On() || i.Note == "") {
			t.Errorf("it stays bad: %+v, %q", i.Flapping, i.Note)
		}
	}
}

// TestFlappingAsConfigured: a check that is bad every other minute flaps from as many episodes on
// as the configuration says, and settles within the time that it says.
func TestFlappingAsConfigured(t *testing.T) {
	t.Parallel()
	for _, flaps := range []notify.Flaps{
		{Openings: 2, Within: time.Hour, Settle: 5 * time.Minute},
		{Openings: 7, Within: time.Hour, Settle: 90 * time.Minute},
		{Openings: 20, Within: 40 * time.Minute, Settle: time.Hour},
		{Openings: 20, Within: 30 * time.Minute, Settle: time.Hour}, // it never flaps
	} {
		f := newFlapper(t, 1)
		f.flaps = flaps
		f.restart()
		began := 0
		for n := 1; n <= 60; n++ {
			f.take(sentinel.Fail, "warning")
			if i := f.in.open[table("t")]; i.Flapping.On() && began == 0 {
				began = n
			}
			f.take(sentinel.Pass, "warning")
		}
		want := flaps.Openings
		if flaps.Within == 30*time.Minute {
			want = 0
		}
		if began != want {
			t.Errorf("%+v: it flaps from %d on", flaps, began)
		}
		settled := 0
		for n := 1; n <= 100 && settled == 0; n++ {
			f.take(sentinel.Pass, "warning")
			if f.in.flapping(f.now)["warning"] == 0 {
				settled = n
			}
		}
		if want > 0 && settled != int(flaps.Settle/time.Minute)+1 {
			t.Errorf("%+v: settled after %d minutes", flaps, settled)
		}
	}
}
