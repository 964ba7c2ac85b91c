package notify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// A silence of some hours that hides an incident is reported once in its last hour, to the
// channels that hear of the incident at its end, and that is no notice of the incident.
func TestASilenceThatEndsSoon(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	i := incident(1)
	i.State, i.Prior, i.Opened = sentinel.Suppressed, sentinel.Open, night.Add(10*time.Minute)
	if _, err := s.Record(t.Context(), store.Batch{Incidents: []sentinel.Incident{i}}); err != nil {
		t.Fatal(err)
	}
	silence := notify.Silence{
		ID: "s1", Dataset: "shop.*", From: night, Until: night.Add(3 * time.Hour), Who: "ann", Why: "the move",
	}
	short := silence
	short.ID, short.From = "s2", silence.Until.Add(-time.Hour)
	p := &notify.Planner{
		Routes:    []notify.Route{{Tier: []string{"critical"}, To: []string{"chat", "mail"}}, {To: []string{"rest"}}},
		Incidents: quietly{notify.Quiet{Silences: []notify.Silence{silence, short}}},
	}
	for minutes, want := range map[int]int{60: 0, 119: 0, 120: 2, 150: 2, 179: 2} {
		items, err := p.Remind([]sentinel.Incident{i}, nil, nil, night.Add(time.Duration(minutes)*time.Minute))
		if err != nil || len(items) != want {
			t.Fatalf("after %d minutes: %s, %v, want %d", minutes, brief(items), err, want)
		}
		if err := s.Enqueue(t.Context(), items); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Outbox(t.Context(), store.OutboxFilter{})
	if err != nil || brief(all) != "chat silence/s1/inc0001, mail silence/s1/inc0001" {
		t.Errorf("%s, %v", brief(all), err)
	}
	known, err := s.OutboxNotices(t.Context())
	if err != nil || len(known) != 0 {
		t.Errorf("%v, %v: nobody was notified of the incident", known, err)
	}
	after, err := p.Remind([]sentinel.Incident{i}, known, nil, silence.Until)
	if err != nil || brief(after) != "chat inc0001/1/opened, mail inc0001/1/opened" ||
		!strings.Contains(string(after[0].Notice), "a silence has ended: it was set by ann: the move") {
		t.Errorf("when it ends: %s, %v", brief(after), err)
	}
}

// It reads well, and pages nobody.
func TestExpiringNoticesPageNobody(t *testing.T) {
	t.Parallel()
	n := newNotice(notify.Expiring, incident(1))
	if got := n.Title(); !strings.Contains(got, "still fails, and a silence of it ends soon: newest row") {
		t.Error(got)
	}
	r := answering(t, says(202, "{}"))
	pager := channel(t, &notify.PagerDuty{RoutingKey: sentinel.NewSecret("key"), URL: r.URL})
	alerts := channel(t, &notify.Alertmanager{URL: []sentinel.Secret{sentinel.NewSecret(r.URL)}})
	for _, c := range []notify.Notifier{pager, alerts} {
		if _, err := c.Notify(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
	if got := r.got(); len(got) != 0 {
		t.Errorf("%d requests", len(got))
	}
}

// It is not told where people hear of nothing when it ends: another silence or a window holds
// then, or somebody works at the incident.
func TestASilenceWhoseEndNobodyHears(t *testing.T) {
	t.Parallel()
	silence := notify.Silence{
		ID: "s1", Dataset: "shop.*", From: night, Until: night.Add(3 * time.Hour), Who: "ann", Why: "the move",
	}
	longer, other := silence, silence
	longer.ID, longer.Until = "s2", silence.Until.Add(5*time.Hour)
	other.ID, other.Until, other.Check = "s3", longer.Until, "b"
	window := notify.Window{Times: notify.Times{
		From: silence.Until.Add(-time.Minute).Format(time.RFC3339), To: longer.Until.Format(time.RFC3339),
	}}
	if err := window.Validate(); err != nil {
		t.Fatal(err)
	}
	hidden := incident(1)
	hidden.State, hidden.Prior, hidden.Opened = sentinel.Suppressed, sentinel.Open, night
	hidden.Findings = []sentinel.IncidentFinding{part("a", "critical", "ann"), part("b", "info", "bob")}
	acknowledged := hidden
	acknowledged.Prior = sentinel.Acknowledged
	all := notify.Quiet{Silences: []notify.Silence{silence}}
	for name, c := range map[string]struct {
		quiet    notify.Quiet
		incident sentinel.Incident
		want     string
	}{
		"nothing else":         {all, hidden, "chat silence/s1/inc0001, pager silence/s1/inc0001"},
		"a longer silence":     {notify.Quiet{Silences: []notify.Silence{silence, longer}}, hidden, ""},
		"one of one finding":   {notify.Quiet{Silences: []notify.Silence{silence, other}}, hidden, "pager silence/s1/inc0001"},
		"a window":             {notify.Quiet{Silences: all.Silences, Windows: []notify.Window{window}}, hidden, ""},
		"somebody works at it": {all, acknowledged, ""},
	} {
		p := &notify.Planner{
			Routes:    []notify.Route{{Tier: []string{"critical"}, To: []string{"pager"}}, {To: []string{"chat"}}},
			Incidents: quietly{c.quiet},
		}
		items, err := p.Remind([]sentinel.Incident{c.incident}, nil, nil, silence.Until.Add(-30*time.Minute))
		if err != nil || brief(items) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, brief(items), err, c.want)
		}
	}
}
