package page

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
)

func init() {
	addScreen(screen{
		path: "/datasets/{warehouse}/{schema}/{table}", template: "dataset.html", live: "check incident repair",
		show: func(s *Site, r *http.Request) (any, error) { return s.oneDataset(r.Context(), tableOf(r), days(r)) },
	})
}

// tableOf returns the table in the address of a request.
func tableOf(r *http.Request) sentinel.Table {
	t := sentinel.Table{Warehouse: r.PathValue("warehouse"), Schema: r.PathValue("schema"), Name: r.PathValue("table")}
	if t.Schema == "-" {
		t.Schema = ""
	}
	return t
}

// days is how many days the charts show: 1, 7, 30 or 182.
func days(r *http.Request) int {
	n, _ := strconv.Atoi(r.FormValue("days"))
	if !slices.Contains(spansOfCharts, n) {
		return pastDays
	}
	return n
}

var spansOfCharts = []int{1, 7, pastDays, 182}

const (
	mostCharts    = 24 // checks with a chart; others are rows
	mostSegments  = 12 // small charts of a check
	mostTableRows = 100
	mostPast      = 5
	wideChart     = 820
	smallChart    = 342
	chartHeight   = 264
	calmHeight    = 200 // of a chart whose check is not bad
)

// datasetData is the content of dataset.html.
type datasetData struct {
	*dataset
	State    sentinel.Status
	Incident sentinel.Incident // unresolved; without an ID if there is none
	Awaiting *sentinel.Repair  // that awaits an approval
	Now      time.Time
	Sentence string
	Facts    []fact
	Days     int
	Spans    []int
	Cards    []checkCard
	Up, Down []neighbour
	Risk     *riskCard
	Schema   *schemaCard
	Config   *config.Excerpt
	Hidden   bool // the text of Config is for whoever signs in
	Login    bool // somebody can sign in
	Past     []sentinel.Incident
	Title    string
}

// Path is the address of this page with another number of days.
func (d datasetData) Path(days int) string {
	return datasetPath(d.Table) + "?days=" + strconv.Itoa(days)
}

// about names the datasets that the screen shows.
func (d datasetData) about() []string {
	out := []string{d.Table.String()}
	for _, t := range slices.Concat(d.Upstream, d.Downstream) {
		out = append(out, t.String())
	}
	return out
}

// fact is one of the numbers at the top.
type fact struct{ Name, Value, Note, Class string }

// neighbour is a dataset that this one is made of, or that is made of it.
type neighbour struct {
	Table sentinel.Table
	State sentinel.Status
	Seen  string
}

// oneDataset reads what the screen of a dataset shows.
func (s *Site) oneDataset(ctx context.Context, t sentinel.Table, days int) (datasetData, error) {
	o, incident := s.Board.of(t)
	if o == nil {
		return datasetData{}, notFound("No dataset " + t.String() + " is watched.")
	}
	now := s.Clock.Now()
	d := datasetData{
		dataset: o, State: o.Status(), Incident: incident, Now: now, Days: days, Spans: spansOfCharts, Title: t.Name,
		Up: s.neighbours(o.Upstream), Down: s.neighbours(o.Downstream),
	}
	d.Sentence = d.sentence()
	from := now.AddDate(0, 0, -days)
	repairs, err := s.repairsOf(ctx, t, from)
	if err != nil {
		return d, err
	}
	for i := range repairs {
		if repairs[i].State == sentinel.AwaitingApproval {
			d.Awaiting = &repairs[i]
		}
	}
	if d.Cards, err = s.checkCards(ctx, o, repairs, from, now); err != nil {
		return d, err
	}
	for _, id := range s.Board.incidentsOf(t) {
		if len(d.Past) == mostPast {
			break
		}
		if i, ok, err := s.Store.Incident(ctx, id); err != nil {
			return d, err
		} else if ok && i.State == sentinel.Resolved {
			d.Past = append(d.Past, UnnamedIncident(ctx, i))
		}
	}
	if d.Schema, err = s.schemaCard(ctx, o); err != nil {
		return d, err
	}
	d.Risk = s.riskCard(o)
	s.addConfig(ctx, &d)
	d.Facts = s.facts(d)
	return d, nil
}

// addConfig adds the entry of the dataset in the configuration. Its text holds statements, which
// are not for everybody who may read the site.
func (s *Site) addConfig(ctx context.Context, d *datasetData) {
	if s.Configuration == nil {
		return
	}
	e, ok, err := s.Configuration.Excerpt(d.Table)
	if err != nil {
		s.Log.Debug("showing the configuration", "dataset", d.Table, "error", err)
		return
	}
	if !ok {
		return
	}
	if d.Hidden, d.Login = !s.guard.Trusts(ctx), s.guard.HasLogins(); d.Hidden {
		e.Text = ""
	}
	d.Config = &e
}

// repairsOf returns the repairs of a dataset since a time, and all that await an approval.
func (s *Site) repairsOf(ctx context.Context, t sentinel.Table, since time.Time) ([]sentinel.Repair, error) {
	all, err := s.repairsSince(ctx, since, 500)
	return slices.DeleteFunc(all, func(r sentinel.Repair) bool { return r.Table != t }), err
}

// sentence says what is the matter with the dataset.
func (d datasetData) sentence() string {
	text := d.seen()
	if d.Incident.ID != "" {
		text = d.Incident.Summary()
		if d.Incident.Cause != "" {
			text += ". Because of " + d.Incident.Cause
		}
	}
	if text == "" {
		return "All checks are as expected."
	}
	return text
}

// Since is how long the dataset has been as it is; 0: not known.
func (d datasetData) Since() time.Duration {
	if d.Incident.ID == "" {
		return 0
	}
	return d.Now.Sub(d.Incident.Opened)
}

func (s *Site) neighbours(of []sentinel.Table) []neighbour {
	out := make([]neighbour, 0, len(of))
	for _, t := range of {
		n := neighbour{Table: t, State: sentinel.Unknown, Seen: "not watched"}
		if o, _ := s.Board.of(t); o != nil {
			n.State, n.Seen = o.Status(), cmp.Or(o.seen(), "as expected")
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b neighbour) int { return rank(a.State) - rank(b.State) })
	return out
}

// facts are the numbers that people look for first.
func (s *Site) facts(d datasetData) (out []fact) {
	if c := d.main(); c != nil {
		f := fact{checkTitle(c), number(c.Value), "", badClass(c.Status)}
		if i := slices.IndexFunc(d.Cards, func(o checkCard) bool { return o.ID == c.ID }); i >= 0 {
			f.Note = d.Cards[i].Expected
		}
		out = append(out, f)
	}
	for i := range d.Checks {
		c := &d.Checks[i]
		if c.Newest.IsZero() {
			continue
		}
		f := fact{"Newest row", duration(d.Now.Sub(c.Newest)), "", badClass(c.Status)}
		for _, l := range c.limits {
			f.Note = l.Words
		}
		out = append(out, f)
		break
	}
	if d.Risk != nil {
		left := "in " + duration(d.Risk.Left)
		if d.Risk.Left < 0 {
			left = duration(-d.Risk.Left) + " ago"
		}
		class := ""
		if d.Risk.Probability >= 0.5 {
			class = "warn"
		}
		out = append(out, fact{"Deadline", d.Risk.Deadline.In(d.Location).Format("Mon 15:04"), left, ""},
			fact{"Risk", percent(d.Risk.Probability), "to miss it", class})
	}
	_, good, known := s.Board.days(d.Table, d.Location, d.Now)
	f := fact{"Good, 30 days", "–", "of the watched time", ""}
	if known {
		f.Value = percent(good)
	}
	for _, l := range s.Agent.ServiceLevels() {
		if l.Table == d.Table && !math.IsNaN(l.Actual) {
			f = fact{"Service level", percent(l.Actual), "target " + percent(l.Objective.Target), ""}
			if l.Left <= 0 {
				f.Class = "fail"
			}
			break
		}
	}
	return append(out, f)
}

func badClass(s sentinel.Status) string {
	if s.Bad() {
		return s.String()
	}
	return ""
}

// checkTitle is a check's name for people.
func checkTitle(c *check) string {
	if c.Name != "" {
		return c.Name
	}
	words, aspect := strings.ReplaceAll(c.Kind, "_", " "), c.Aspect
	switch c.Kind {
	case "row_count":
		period, rest, _ := strings.Cut(aspect, ":")
		words = "rows"
		if text, known := periods[period]; known {
			words, aspect = "rows "+text, rest
		}
	case "sql":
		words, aspect = strings.TrimPrefix(c.ID[strings.LastIndexByte(c.ID, '/')+1:], "sql:"), ""
	case "freshness":
		aspect = strings.TrimPrefix(aspect, "deadline")
	}
	if aspect != "" {
		words += ": " + strings.ReplaceAll(aspect, ":", ", ")
	}
	if words == "" {
		return c.ID
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// periods are the words for buckets.
var periods = map[string]string{"hour": "an hour", "day": "a day", "week": "a week", "month": "a month"}

// checkShort is a check's id without the table that it begins with.
func checkShort(id string) string {
	if table, rest, found := strings.Cut(id, "/"); found && strings.Contains(table, ".") {
		return rest
	}
	return id
}

// rangeText says what is expected of a value.
func rangeText(v series, low, high float64) string {
	if math.IsNaN(low) || math.IsNaN(high) {
		return ""
	}
	return fmt.Sprintf("%s to %s expected", v.exact(low), v.exact(high))
}
