package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sentinel-dq/sentinel"
)

// listed is how many incidents of a group a message names; the rest is counted.
const listed = 10

// Fact is one line of what is known about an incident.
type Fact struct{ Name, Value string }

// Title says in one line what happened, such as
// "[critical] shop.public.orders fails: newest row is 3h old" or
// "[critical] 37 datasets of shop fail".
func (n Notice) Title() string {
	var title string
	switch {
	case len(n.Entries) == 0:
		title = "nothing to report"
	case len(n.Entries) == 1 && n.Kind != Digest:
		e := n.Entries[0]
		title = e.Incident.Table.String() + " " + e.verb(false, n.At) + ": " + e.Incident.Message
	default:
		title = n.counts()
	}
	if n.Test {
		title = "TEST, nothing is wrong: " + title
	}
	return clip("["+n.Tier+"] "+flat(title), 250)
}

// counts says how many datasets of which warehouses a group is about.
func (n Notice) counts() string {
	var parts []string
	for _, kind := range []Kind{Escalated, Opened, Worsened, Reopened, Reminder, Refresh, Acknowledged, Recovered} {
		var of []Entry
		for _, e := range n.Entries {
			if e.Kind == kind {
				of = append(of, e)
			}
		}
		if len(of) > 0 {
			parts = append(parts, countDatasets(of)+" "+of[0].plural(of))
		}
	}
	return strings.Join(parts, "; ") + n.downstream()
}

func countDatasets(of []Entry) string {
	datasets, warehouses := map[sentinel.Table]bool{}, []string{}
	for _, e := range of {
		datasets[e.Incident.Table] = true
		if w := e.Incident.Table.Warehouse; !slices.Contains(warehouses, w) {
			warehouses = append(warehouses, w)
		}
	}
	where := strings.Join(warehouses, " and ")
	if len(warehouses) > 2 {
		where = fmt.Sprint(len(warehouses), " warehouses")
	}
	switch {
	case len(of) == 1:
		return of[0].Incident.Table.String()
	case len(datasets) == 1:
		return fmt.Sprintf("%d checks of %s", len(of), of[0].Incident.Table)
	}
	return fmt.Sprintf("%d datasets of %s", len(datasets), where)
}

// downstream names the incident that explains the others, if it is among them.
func (n Notice) downstream() string {
	because := map[string]int{}
	for _, e := range n.Entries {
		because[e.Incident.Upstream]++
	}
	for _, e := range n.Entries {
		if k := because[e.Incident.ID]; k > 0 && e.Incident.ID != "" {
			return fmt.Sprintf(", %d of them downstream of %s", k, e.Incident.Table)
		}
	}
	return ""
}

// plural is the verb of several incidents of one kind.
func (e Entry) plural(of []Entry) string {
	for _, o := range of { // the worst of them speaks for all
		if o.Incident.Severity.Worse(e.Incident.Severity) {
			e = o
		}
	}
	if len(of) == 1 {
		return e.verb(false, time.Time{})
	}
	return e.verb(true, time.Time{})
}

// verb says what happened to one dataset or to several.
func (e Entry) verb(many bool, now time.Time) string {
	s := "s"
	if many {
		s = ""
	}
	state := "fail" + s
	switch {
	case e.Incident.Monitor || e.Incident.Severity == sentinel.Error:
		state = "cannot be checked"
	case e.Incident.Severity == sentinel.Warn:
		state = map[bool]string{false: "is close to failing", true: "are close to failing"}[many]
	}
	switch e.Kind {
	case Recovered:
		if many || e.Incident.Resolved.IsZero() {
			return "recovered"
		}
		return "recovered after " + Span(e.Incident.Resolved.Sub(e.Incident.Opened))
	case Acknowledged:
		return "acknowledged"
	case Escalated:
		return map[bool]string{false: "needs a person", true: "need a person"}[many]
	case Reopened:
		return state + " again"
	case Worsened:
		return "now " + state
	case Reminder:
		if many || now.IsZero() {
			return "still " + state
		}
		return "still " + state + ", for " + Span(now.Sub(e.Incident.Opened))
	}
	return state
}

// Facts is what a person needs at three in the morning, the empty left out:
// observed and expected, since when, last good, owner, runbook, what to type.
func (e Entry) Facts(now time.Time) []Fact {
	i := e.Incident
	observed := ""
	if !i.Observed.Absent() {
		observed = i.Observed.String()
	}
	check := i.Check
	if i.Key != "" {
		check += " (" + i.Key + ")"
	}
	all := []Fact{{"Observed", observed}, {"Expected", i.Expected}, {"Since", since(i.Opened, now)}}
	if e.Kind == Recovered {
		all = append(all, Fact{"Recovered", since(i.Resolved, now)})
	}
	all = append(
		all,
		Fact{"Last good", since(i.LastGood, now)},
		Fact{"Check", check},
		Fact{"Owner", i.Owner},
		Fact{"Cause", cause(i)},
		Fact{"Note", i.Note},
		Fact{"Runbook", i.Runbook},
		Fact{"Next", "sentinel incidents show " + i.ID},
	)
	for n := range all {
		all[n].Value = clip(flat(all[n].Value), 500)
	}
	return slices.DeleteFunc(all, func(f Fact) bool { return f.Value == "" })
}

// cause is what explains an incident, in words, and where to read more of it.
func cause(i sentinel.Incident) string {
	switch {
	case i.Upstream != "" && i.Cause != "":
		return i.Cause + " (" + i.Upstream + ")"
	case i.Upstream != "":
		return i.Upstream
	}
	return i.Cause
}

// Lines are the incidents of a group, one a line, those that explain others
// first; what is beyond the first ten is counted.
func (n Notice) Lines() []string {
	entries := slices.Clone(n.Entries)
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return boolOrder(a.Incident.Upstream != "", b.Incident.Upstream != "")
	})
	var lines []string
	for _, e := range entries[:min(listed, len(entries))] {
		i := e.Incident
		line := fmt.Sprintf("%s %s: %s (%s)", i.Table, e.verb(false, n.At), i.Message, i.ID)
		lines = append(lines, clip(flat(line), 300))
	}
	if rest := len(entries) - len(lines); rest > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: sentinel incidents list", rest))
	}
	return lines
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Text is the whole message in plain text, without its title.
func (n Notice) Text() string {
	var b strings.Builder
	if len(n.Entries) == 1 && n.Kind != Digest {
		e := n.Entries[0]
		b.WriteString(clip(flat(e.Incident.Message), 2000) + "\n\n")
		for _, f := range e.Facts(n.At) {
			fmt.Fprintf(&b, "%-10s %s\n", f.Name+":", f.Value)
		}
	} else {
		for _, line := range n.Lines() {
			b.WriteString("- " + line + "\n")
		}
	}
	if link := n.Link(); link != "" {
		b.WriteString("\n" + link + "\n")
	}
	return b.String()
}

// Link is the agent's status page, at the incident where there is one alone; ""
// where the agent's address is not configured.
func (n Notice) Link() string {
	if n.URL == "" {
		return ""
	}
	link := strings.TrimSuffix(n.URL, "/") + "/"
	if len(n.Entries) == 1 {
		link += "#incident-" + n.Entries[0].Incident.ID
	}
	return link
}

// tierOf is the highest tier among entries.
func tierOf(entries []Entry) string {
	order := []string{"critical", "warning", "info"}
	best := len(order) - 1
	for _, e := range entries {
		if at := slices.Index(order, e.Incident.Tier); at >= 0 {
			best = min(best, at)
		}
	}
	return order[best]
}

// since is an instant and how long ago it was; "" for the zero time.
func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	text := t.UTC().Format("2006-01-02 15:04 UTC")
	if ago := now.Sub(t); !now.IsZero() && ago >= 0 {
		text += " (" + Span(ago) + " ago)"
	}
	return text
}

// Span writes a duration with its two largest units.
func Span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return strings.TrimSuffix(fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60), "0m")
	}
	return strings.TrimSuffix(fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24), "0h")
}

// flat keeps what comes from data on one line and free of what steers terminals
// and the direction of writing.
func flat(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(s)
}

// clip cuts a text to at most limit characters.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}
