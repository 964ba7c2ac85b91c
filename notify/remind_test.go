package notify_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// quietly answers a planner as silences and windows do.
type quietly struct{ notify.Quiet }

func (q quietly) Silences(time.Time) []notify.Silence { return q.Quiet.Silences }

func (quietly) Find(string) (sentinel.Incident, bool) { return sentinel.Incident{}, false }

// What a window or a silence held for is told when it ends, and not when its check runs
// next. What is stored says still that it is silenced.
func TestNotifiedAfterTheWindow(t *testing.T) {
	t.Parallel()
	silence := func(check string) notify.Silence {
		return notify.Silence{Check: check, From: night, Until: night.Add(time.Hour), Who: "ann"}
	}
	p := &notify.Planner{
		Routes: []notify.Route{{Owner: []string{"bob"}, To: []string{"pager"}}, {To: []string{"chat"}}},
	}
	both := incident(1)
	both.Findings = []sentinel.IncidentFinding{part("a", "info", "ann"), part("b", "critical", "bob")}
	both.Findings[0].Silenced, both.Findings[1].Silenced = true, true
	both.State, both.Prior = sentinel.Suppressed, sentinel.Open
	one := incident(1)
	one.Findings = []sentinel.IncidentFinding{part("a", "info", "ann"), part("b", "critical", "bob")}
	one.Findings[1].Silenced = true
	for name, c := range map[string]struct {
		incident      sentinel.Incident
		silences      []notify.Silence
		during, after string
	}{
		"all": {both, []notify.Silence{silence("a"), silence("b")}, "", "chat inc0001/1/opened, pager inc0001/1/opened"},
		"one": {one, []notify.Silence{silence("b")}, "chat inc0001/1/opened",
			"chat inc0001/1/opened, pager inc0001/1/opened"},
		"begun since": {one, []notify.Silence{silence("a")}, "pager inc0001/1/opened",
			"chat inc0001/1/opened, pager inc0001/1/opened"},
	} {
		p.Incidents = quietly{notify.Quiet{Silences: c.silences}}
		for at, want := range map[time.Duration]string{time.Minute: c.during, 2 * time.Hour: c.after} {
			items, err := p.Remind([]sentinel.Incident{c.incident}, nil, nil, night.Add(at))
			if err != nil || brief(items) != want {
				t.Errorf("%s, after %s: %s, %v, want %s", name, at, brief(items), err, want)
			}
		}
	}
	p.Incidents = nil // then only what is stored is known
	items, err := p.Remind([]sentinel.Incident{one}, nil, []store.Notified{}, night.Add(2*time.Hour))
	if err != nil || brief(items) != "chat inc0001/1/opened" {
		t.Errorf("%s, %v", brief(items), err)
	}
}

// After a silence of the worst finding the notice says what that finding says, and not what
// was stored while it was silenced.
func TestNoticeAfterASilenceSaysTheWorst(t *testing.T) {
	t.Parallel()
	i := incident(1)
	minor, worst := part("a", "info", "ann"), part("b", "critical", "ann")
	minor.Severity, minor.Message = sentinel.Warn, "a column is new"
	worst.Severity, worst.Message, worst.Silenced = sentinel.Fail, "0 rows", true
	i.Findings = []sentinel.IncidentFinding{minor, worst}
	i.Severity, i.Message, i.Tier = minor.Severity, minor.Message, minor.Tier
	silence := notify.Silence{Check: "b", From: night, Until: night.Add(time.Hour), Who: "ann"}
	p := &notify.Planner{
		Routes:    []notify.Route{{To: []string{"chat"}}},
		Incidents: quietly{notify.Quiet{Silences: []notify.Silence{silence}}},
	}
	told := func(after time.Duration) sentinel.Incident {
		items, err := p.Remind([]sentinel.Incident{i}, nil, nil, night.Add(after))
		if err != nil || len(items) != 1 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		var notice struct{ Incident sentinel.Incident }
		if err := json.Unmarshal(items[0].Notice, &notice); err != nil {
			t.Fatal(err)
		}
		return notice.Incident
	}
	if got := told(time.Minute); got.Message != minor.Message || got.Severity != sentinel.Warn || got.Tier != "info" {
		t.Errorf("during: %s %s %s", got.Severity, got.Message, got.Tier)
	}
	if got := told(2 * time.Hour); got.Message != worst.Message || got.Severity != sentinel.Fail || got.Tier != "critical" {
		t.Errorf("after: %s %s %s", got.Severity, got.Message, got.Tier)
	}
}

// A channel that knows of an incident is told later what happened while nobody was told:
// in a window, or while a repair was under way. What is over by then is not told.
func TestMissedTransitionsAreNotified(t *testing.T) {
	t.Parallel()
	change := func(f func(*sentinel.Incident)) sentinel.Incident {
		i := incident(1)
		i.Findings = []sentinel.IncidentFinding{part("a", "warning", "ann")}
		i.Findings[0].Severity = sentinel.Warn
		i.Tier, i.Severity = "warning", sentinel.Warn
		f(&i)
		return i
	}
	same := func(*sentinel.Incident) {}
	critical := func(i *sentinel.Incident) {
		i.Findings = append(i.Findings, part("b", "critical", "bob"))
		i.Findings[1].Severity, i.Tier = sentinel.Warn, "critical"
	}
	fails := func(i *sentinel.Incident) { i.Severity, i.Findings[0].Severity = sentinel.Fail, sentinel.Fail }
	over := func(i *sentinel.Incident) { i.State = sentinel.Resolved }
	in := func(s sentinel.IncidentState) func(*sentinel.Incident) {
		return func(i *sentinel.Incident) { i.State = s }
	}
	for name, c := range map[string]struct {
		steps []func(*sentinel.Incident) // the first and those until quiet are told
		quiet []func(*sentinel.Incident)
		want  string // is added once it is not quiet
	}{
		"nothing":        {want: ""},
		"a failure":      {quiet: []func(*sentinel.Incident){fails}, want: "chat inc0001/2/worsened"},
		"a higher tier":  {quiet: []func(*sentinel.Incident){critical}, want: "chat inc0001/2/worsened"},
		"a tier is over": {quiet: []func(*sentinel.Incident){critical, func(i *sentinel.Incident) { i.Tier = "critical" }}},
		"a failure over": {quiet: []func(*sentinel.Incident){fails, same}},
		"opened again":   {[]func(*sentinel.Incident){over}, []func(*sentinel.Incident){same}, "chat inc0001/3/reopened"},
		"over and again": {quiet: []func(*sentinel.Incident){over, same}, want: "chat inc0001/3/reopened"},
		"escalated": {quiet: []func(*sentinel.Incident){func(i *sentinel.Incident) {
			i.State, i.Prior = sentinel.Suppressed, sentinel.Escalated
			i.Findings[0].Silenced = true
		}}, want: "chat inc0001/1/escalated"},
		"repaired in part": {quiet: []func(*sentinel.Incident){func(i *sentinel.Incident) {
			fails(i)
			i.State = sentinel.Repairing
		}, fails}, want: "chat inc0001/2/worsened"},
		"acknowledged": {[]func(*sentinel.Incident){in(sentinel.Acknowledged)}, []func(*sentinel.Incident){in(sentinel.Acknowledged)}, ""},
		"acknowledged and worse": {[]func(*sentinel.Incident){in(sentinel.Acknowledged)},
			[]func(*sentinel.Incident){func(i *sentinel.Incident) { fails(i); i.State = sentinel.Acknowledged }},
			"chat inc0001/3/worsened"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAgent(t, to("chat"))
			world := &incidents{}
			a.planner.Incidents = world
			for _, f := range append([]func(*sentinel.Incident){same}, c.steps...) {
				a.record(night, change(f))
			}
			world.quiet = true
			for _, f := range c.quiet {
				a.record(night, change(f))
			}
			before := a.outbox()
			remind := func(want string) {
				t.Helper()
				open, err := a.store.OpenIncidents(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				notified, err := a.store.OutboxNotices(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				items, err := a.planner.Remind(open, notified, nil, night.Add(time.Minute))
				if err != nil || brief(items) != want {
					t.Errorf("%s, %v, want %s; before %s", brief(items), err, want, before)
				}
				if err := a.store.Enqueue(t.Context(), items); err != nil {
					t.Fatal(err)
				}
			}
			remind("")
			world.quiet = false
			remind(c.want)
			remind("")
		})
	}
}

// outbox lists what is in the outbox.
func (a *agent) outbox() string {
	a.t.Helper()
	items, err := a.store.Outbox(a.t.Context(), store.OutboxFilter{})
	if err != nil {
		a.t.Fatal(err)
	}
	return brief(items)
}

// A notice that cannot be read does not keep back the others.
func TestDamagedNotice(t *testing.T) {
	t.Parallel()
	p := &notify.Planner{Routes: []notify.Route{to("chat")}}
	notified := []store.Notified{{Incident: "inc0001", Channel: "chat", Last: night, Sent: true, Notice: []byte("{")}}
	items, err := p.Remind([]sentinel.Incident{incident(1), incident(2)}, notified, nil, night.Add(time.Minute))
	if err == nil || brief(items) != "chat inc0002/1/opened" {
		t.Errorf("%s, %v", brief(items), err)
	}
}
