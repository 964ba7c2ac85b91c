package notify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// brief writes items as "channel key", sorted.
func brief(items []store.OutboxItem) string {
	var out []string
	for _, i := range items {
		out = append(out, i.Channel+" "+i.Key)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// incidents answers a planner.
type incidents struct {
	open  map[string]sentinel.Incident
	quiet bool
}

func (i *incidents) Find(id string) (sentinel.Incident, bool) {
	found, ok := i.open[id]
	return found, ok
}

func (i *incidents) Silences(time.Time) []notify.Silence { return nil }

func (i *incidents) Suppressed(sentinel.Incident, time.Time) (string, bool) {
	return "maintenance", i.quiet
}

func plan(t *testing.T, p *notify.Planner, notified []store.Notified, changes ...notify.Change) []store.OutboxItem {
	t.Helper()
	items, err := p.Plan(changes, notified, night)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	routes := []notify.Route{
		{Tier: []string{"critical"}, Dataset: []string{"shop.*"}, To: []string{"pager", "chat"}, Continue: true},
		{Owner: []string{"finance-%"}, To: []string{"finance", "chat"}},
		{Dataset: []string{"shop.private.*"}},
		{To: []string{"rest"}},
	}
	for name, c := range map[string]struct {
		change func(*sentinel.Incident)
		want   string
	}{
		"the first match, and on":    {func(i *sentinel.Incident) {}, "chat pager rest"},
		"each channel once":          {func(i *sentinel.Incident) { i.Owner = "finance-eu" }, "chat finance pager"},
		"the first match is all":     {func(i *sentinel.Incident) { i.Tier, i.Owner = "info", "finance-eu" }, "chat finance"},
		"a route to nobody":          {func(i *sentinel.Incident) { i.Tier, i.Table.Schema = "info", "private" }, ""},
		"what no other route takes":  {func(i *sentinel.Incident) { i.Tier = "info" }, "rest"},
		"a pattern is no substring":  {func(i *sentinel.Incident) { i.Table.Warehouse = "workshop" }, "rest"},
		"an owner is not its prefix": {func(i *sentinel.Incident) { i.Tier, i.Owner = "info", "finance" }, "rest"},
	} {
		i := incident(1)
		c.change(&i)
		var got []string
		for _, item := range plan(t, &notify.Planner{Routes: routes}, nil, notify.Change{Kind: notify.Opened, Incident: i}) {
			got = append(got, item.Channel)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestDefaultRoutes(t *testing.T) {
	t.Parallel()
	p := &notify.Planner{
		Routes: notify.DefaultRoutes([]notify.Channel{
			{Name: "chat", Notifier: &notify.Slack{}},
			{Name: "file", Notifier: &notify.Log{}},
		}),
	}
	warning, info := incident(2), incident(3)
	warning.Tier, info.Tier = "warning", "info"
	got := brief(plan(t, p, nil,
		notify.Change{Kind: notify.Opened, Incident: incident(1)},
		notify.Change{Kind: notify.Opened, Incident: warning},
		notify.Change{Kind: notify.Opened, Incident: info},
	))
	want := "chat inc0001/1/opened, chat inc0002/1/opened, " +
		"file inc0001/1/opened, file inc0002/1/opened, file inc0003/1/opened"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestRouteMistakes(t *testing.T) {
	t.Parallel()
	ago := -time.Second
	for want, r := range map[string]notify.Route{
		"no channel \"pigeon\"":     {To: []string{"pigeon"}},
		"tier[0]: unknown word":     {Tier: []string{"urgent"}},
		"group_by[0]: unknown word": {GroupBy: []string{"colour"}},
		"negative":                  {Repeat: &ago},
	} {
		if err := r.Validate([]string{"chat"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	good := notify.Route{To: []string{"chat"}, Tier: []string{"info"}, GroupBy: []string{"schema", "check"}}
	if err := good.Validate([]string{"chat"}); err != nil {
		t.Error(err)
	}
}

// The end is notified to those who were notified of the beginning, also when the routes
// have changed since; and what is under maintenance to nobody.
func TestWhoHears(t *testing.T) {
	t.Parallel()
	over := notify.Change{Kind: notify.Recovered, Incident: resolved(incident(1), time.Minute)}
	opened := notify.Change{Kind: notify.Opened, Incident: incident(1)}
	escalated := incident(1)
	escalated.State, escalated.Transitions = sentinel.Escalated, 2
	suppressed := incident(1)
	suppressed.State = sentinel.Suppressed
	all := &notify.Planner{Routes: []notify.Route{{To: []string{"chat", "pager"}}}}
	late := &notify.Planner{Routes: []notify.Route{{To: []string{"chat"}, OnlyEscalated: true}}}
	quiet := &notify.Planner{Routes: all.Routes, Incidents: &incidents{quiet: true}}
	for name, c := range map[string]struct {
		p        *notify.Planner
		notified []store.Notified
		change   notify.Change
		want     string
	}{
		"opened":                    {all, nil, opened, "chat inc0001/1/opened, pager inc0001/1/opened"},
		"over, nobody was notified": {all, nil, over, ""},
		"over, one was notified": {
			all,
			[]store.Notified{{Incident: "inc0001", Channel: "pager"}},
			over,
			"pager inc0001/2/recovered",
		},
		"over, another was notified": {all, []store.Notified{{Incident: "inc0002", Channel: "pager"}}, over, ""},
		"over, notified by a former route": {
			all,
			[]store.Notified{{Incident: "inc0001", Channel: "old"}},
			over,
			"old inc0001/2/recovered",
		},
		"opened, people only late": {late, nil, opened, ""},
		"escalated": {
			late,
			nil,
			notify.Change{Kind: notify.Escalated, Incident: escalated},
			"chat inc0001/2/escalated",
		},
		"in maintenance": {quiet, nil, opened, ""},
		"suppressed":     {all, nil, notify.Change{Kind: notify.Opened, Incident: suppressed}, ""},
		"over, in maintenance": {
			quiet,
			[]store.Notified{{Incident: "inc0001", Channel: "chat"}},
			over,
			"chat inc0001/2/recovered",
		},
	} {
		if got := brief(plan(t, c.p, c.notified, c.change)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What opened and ended between two writes is notified from beginning to end.
func TestAWholeIncidentAtOnce(t *testing.T) {
	t.Parallel()
	p := &notify.Planner{Routes: []notify.Route{{To: []string{"chat"}}}}
	items := plan(
		t,
		p,
		nil,
		notify.Change{Kind: notify.Opened, Incident: incident(1)},
		notify.Change{Kind: notify.Recovered, Incident: resolved(incident(1), time.Minute)},
	)
	if got := brief(items); got != "chat inc0001/1/opened, chat inc0001/2/recovered" {
		t.Error(got)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	groups := func(p *notify.Planner, incidents ...sentinel.Incident) int {
		var changes []notify.Change
		for _, i := range incidents {
			changes = append(changes, notify.Change{Kind: notify.Opened, Incident: i})
		}
		distinct := map[string]bool{}
		for _, i := range plan(t, p, nil, changes...) {
			distinct[i.Group] = true
		}
		return len(distinct)
	}
	p := &notify.Planner{Routes: []notify.Route{{To: []string{"chat"}}}}
	info, lake, down := incident(2), incident(3), incident(4)
	info.Tier, lake.Table.Warehouse = "info", "lake"
	down.Table.Warehouse, down.Upstream = "lake", "inc0001"
	if n := groups(p, incident(1), incident(5)); n != 1 {
		t.Errorf("one warehouse and tier: %d groups", n)
	}
	if n := groups(p, incident(1), info, lake); n != 3 {
		t.Errorf("different warehouses and tiers: %d groups", n)
	}
	if n := groups(p, incident(1), down); n != 1 {
		t.Errorf("an upstream and its downstream: %d groups", n)
	}
	// Its upstream failed a minute earlier, and was notified already.
	p.Incidents = &incidents{open: map[string]sentinel.Incident{"inc0001": incident(1)}}
	if earlier, later := plan(t, p, nil, notify.Change{
		Kind:     notify.Opened,
		Incident: incident(1),
	}), plan(t, p, nil, notify.Change{Kind: notify.Opened, Incident: down}); earlier[0].Group != later[0].Group {
		t.Errorf("a downstream that fails later: %s and %s", earlier[0].Group, later[0].Group)
	}
	if n := groups(&notify.Planner{Routes: []notify.Route{{
		To:      []string{"chat"},
		GroupBy: []string{"dataset"},
	}}}, incident(1), incident(5)); n != 2 {
		t.Errorf("by dataset: %d groups", n)
	}
	items := plan(t, p, nil, notify.Change{Kind: notify.Opened, Incident: incident(1)})
	if wait := items[0].NextAt.Sub(night); wait != 30*time.Second {
		t.Errorf("a group waits %s", wait)
	}
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	at := func(s sentinel.IncidentState, severity sentinel.Status) sentinel.Incident {
		return sentinel.Incident{ID: "i", State: s, Severity: severity, Transitions: 3}
	}
	for _, c := range []struct {
		before, after sentinel.Incident
		want          notify.Kind
	}{
		{sentinel.Incident{}, at(sentinel.Open, sentinel.Fail), notify.Opened},
		{sentinel.Incident{}, at(sentinel.Resolved, sentinel.Fail), ""},
		{at(sentinel.Open, sentinel.Fail), at(sentinel.Open, sentinel.Fail), ""},
		{at(sentinel.Open, sentinel.Warn), at(sentinel.Open, sentinel.Fail), notify.Worsened},
		{at(sentinel.Open, sentinel.Fail), at(sentinel.Open, sentinel.Warn), ""},
		{at(sentinel.Open, sentinel.Fail), at(sentinel.Resolved, sentinel.Fail), notify.Recovered},
		{at(sentinel.Resolved, sentinel.Fail), at(sentinel.Open, sentinel.Fail), notify.Reopened},
		{at(sentinel.Open, sentinel.Fail), at(sentinel.Repairing, sentinel.Fail), ""},
		{at(sentinel.Repairing, sentinel.Fail), at(sentinel.Escalated, sentinel.Fail), notify.Escalated},
		{at(sentinel.Escalated, sentinel.Fail), at(sentinel.Acknowledged, sentinel.Fail), notify.Acknowledged},
	} {
		after, kind := notify.Track(c.before, c.after)
		counted := c.before.Transitions
		if c.want != "" {
			counted++
		}
		if kind != c.want || after.Transitions != counted {
			t.Errorf("%s to %s: %q, %d transitions", c.before.State, c.after.State, kind, after.Transitions)
		}
	}
}

// What could not be notified when it happened is notified once it can be, and once.
func TestLateNotices(t *testing.T) {
	t.Parallel()
	known := &incidents{quiet: true}
	p := &notify.Planner{Routes: []notify.Route{{To: []string{"chat"}}}, Incidents: known}
	seen, done, down := incident(2), resolved(incident(3), time.Minute), incident(4)
	seen.State = sentinel.Acknowledged
	open := []sentinel.Incident{incident(1), seen, done, down}
	notified := []store.Notified{{Incident: down.ID, Channel: "chat", Last: night}} // it waits: the channel is down
	for _, want := range []string{"", "chat inc0001/1/opened"} {
		items, err := p.Remind(open, notified, nil, night.Add(5*time.Hour))
		if err != nil || brief(items) != want {
			t.Errorf("%s, %v, want %s", brief(items), err, want)
		}
		known.quiet = false
	}
}

// An incident whose notices were all given up is told again after the time of a reminder,
// which doubles up to a day, and under a key of its own each time. It is told also where
// there are no reminders.
func TestNoticesAfterThoseThatWereGivenUp(t *testing.T) {
	t.Parallel()
	never, hourly, weekly := time.Duration(0), time.Hour, 7*24*time.Hour
	for n, c := range []struct {
		repeat  *time.Duration
		givenUp int
		after   time.Duration
		want    string
	}{
		{nil, 1, 3 * time.Hour, ""},
		{nil, 1, 4 * time.Hour, "chat inc0001/1/opened/again/1"},
		{nil, 2, 7 * time.Hour, ""},
		{nil, 2, 8 * time.Hour, "chat inc0001/1/opened/again/2"},
		{nil, 9, 23 * time.Hour, ""},
		{nil, 9, 24 * time.Hour, "chat inc0001/1/opened/again/9"},
		{&never, 1, 4 * time.Hour, "chat inc0001/1/opened/again/1"},
		{&hourly, 3, 3 * time.Hour, ""},
		{&hourly, 3, 4 * time.Hour, "chat inc0001/1/opened/again/3"},
		{&weekly, 1, 6 * 24 * time.Hour, ""},
		{&weekly, 5, 7 * 24 * time.Hour, "chat inc0001/1/opened/again/5"},
	} {
		p := &notify.Planner{Routes: []notify.Route{{To: []string{"chat"}, Repeat: c.repeat}}}
		lost := []store.Notified{{Incident: "inc0001", Channel: "chat", Last: night, Reminders: c.givenUp}}
		items, err := p.Remind([]sentinel.Incident{incident(1)}, nil, lost, night.Add(c.after))
		if err != nil || brief(items) != c.want {
			t.Errorf("%d: %q, %v, want %q", n, brief(items), err, c.want)
		}
	}
}

// part is a finding of an incident.
func part(check, tier, owner string) sentinel.IncidentFinding {
	return sentinel.IncidentFinding{Check: check, Severity: sentinel.Fail, Tier: tier, Owner: owner, Opened: night}
}

// An incident takes the routes of each of its open findings. Those that are silenced or
// have ended take none.
func TestRoutesOfFindings(t *testing.T) {
	t.Parallel()
	p := &notify.Planner{Routes: []notify.Route{
		{Tier: []string{"critical"}, To: []string{"pager"}}, {Owner: []string{"finance"}, To: []string{"mail"}}, {To: []string{"chat"}},
	}}
	i := incident(1)
	i.Findings = []sentinel.IncidentFinding{part("a", "info", "ann"), part("b", "warning", "finance")}
	to := func() string { return brief(plan(t, p, nil, notify.Change{Kind: notify.Opened, Incident: i})) }
	if got := to(); got != "chat inc0001/1/opened, mail inc0001/1/opened" {
		t.Error(got)
	}
	i.Findings[1].Resolved = night
	if got := to(); got != "chat inc0001/1/opened" {
		t.Errorf("one has ended: %s", got)
	}
	i.Findings = append(i.Findings, part("c", "critical", "ann"))
	i.Findings[2].Silenced = true
	if got := to(); got != "chat inc0001/1/opened" {
		t.Errorf("one is silenced: %s", got)
	}
	// The channel of a finding that joined is notified with the next look for reminders.
	i.Findings[2].Silenced = false
	notified := []store.Notified{{Incident: i.ID, Channel: "chat", Last: night, Sent: true}}
	items, err := p.Remind([]sentinel.Incident{i}, notified, nil, night.Add(time.Minute))
	if err != nil || brief(items) != "pager inc0001/1/opened" {
		t.Errorf("%s, %v", brief(items), err)
	}
}

// A silence or a window keeps an incident quiet only if it holds for each open finding.
func TestSilenceOfFindings(t *testing.T) {
	t.Parallel()
	i := incident(1)
	i.Findings = []sentinel.IncidentFinding{part("a", "info", "ann"), part("b", "critical", "bob")}
	silence := func(s notify.Silence) notify.Silence {
		s.From, s.Until, s.Who = night, night.Add(time.Hour), "ann"
		return s
	}
	for name, c := range map[string]struct {
		silences []notify.Silence
		want     bool
	}{
		"of one check":       {[]notify.Silence{silence(notify.Silence{Check: "a"})}, false},
		"of each check":      {[]notify.Silence{silence(notify.Silence{Check: "a"}), silence(notify.Silence{Owner: "bob"})}, true},
		"of the incident":    {[]notify.Silence{silence(notify.Silence{Incident: i.ID})}, true},
		"of the dataset":     {[]notify.Silence{silence(notify.Silence{Dataset: "shop.*"})}, true},
		"of another finding": {[]notify.Silence{silence(notify.Silence{Dataset: "shop.*", Finding: "x"})}, false},
	} {
		if _, got := (notify.Quiet{Silences: c.silences}).Suppressed(i, night); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, good := range []notify.Rate{{}, {Burst: 1, Every: time.Second}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range []notify.Rate{{Burst: 1}, {Every: time.Second}, {Burst: -1, Every: time.Second}} {
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "burst") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestDatasetPatterns(t *testing.T) {
	t.Parallel()
	for pattern, matches := range map[string]bool{
		"shop.public.orders_1":   true,
		"*":                      true,
		"shop.*":                 true,
		"%orders%":               true,
		"shop.*.orders_*":        true,
		"*_1":                    true,
		"shop.%ic.*s_1":          true,
		"shop":                   false,
		"orders_1":               false,
		"shop.*.customers":       false,
		"*.public.*.orders_1":    false,
		"shop.public.orders_1*1": false,
		"":                       false,
	} {
		r := notify.Route{Dataset: []string{pattern}}
		if r.Matches(incident(1)) != matches {
			t.Errorf("%q matches: %t", pattern, !matches)
		}
	}
}
