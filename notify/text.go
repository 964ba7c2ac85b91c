package notify

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
)

// listed is how many incidents of a group a message names. The rest is counted.
const listed = 10

// Fact is one line of what is known about an incident.
type Fact struct{ Name, Value string }

// Title describes the notice in one line, such as "[critical] shop.public.orders fails:
// newest row is 3h old" or "[critical] 37 datasets of shop fail".
func (n Notice) Title() string {
	var title string
	switch {
	case len(n.Entries) == 0:
		title = "nothing to report"
	case len(n.Entries) == 1 && n.Kind != Digest:
		e := n.Entries[0]
		title = e.Incident.Table.String() + " " + e.verb(false, n.At) + ": " + e.Incident.Summary()
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
	for _, kind := range []Kind{Escalated, Opened, Worsened, Flapping, Reopened, Reminder, Expiring, Refresh, Acknowledged, Recovered} {
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
	case Flapping:
		if many || now.IsZero() {
			return "flap" + s
		}
		return fmt.Sprintf("flap%s (bad %d times since %s)",
			s, e.Incident.Flapping.Count, e.Incident.Flapping.Since.UTC().Format("15:04 UTC"))
	case Reopened:
		return state + " again"
	case Expiring:
		return "still " + state + ", and a silence of it ends soon"
	case Worsened:
		return "now " + state
	case Reminder:
		if e.Incident.Flapping.On() {
			state = "flap" + s
		}
		if many || now.IsZero() {
			return "still " + state
		}
		return "still " + state + ", for " + Span(now.Sub(e.Incident.Opened))
	}
	return state
}

// findings are those of the entry's incident that are open, the worst first. Once all
// have ended, they are those that were. The list is empty where the incident itself says
// all.
func (e Entry) findings() []sentinel.IncidentFinding {
	found := e.Incident.OpenFindings()
	if len(found) == 0 {
		found = e.Incident.Findings
	}
	if len(found) < 2 {
		return nil
	}
	return found
}

// checkName names the check of a finding, and the part of it that the finding is about.
func checkName(check, key string) string {
	if key == "" {
		return check
	}
	return check + " (" + key + ")"
}

// Body says what is wrong: the message, or one line a finding if there are several. Only
// ten findings are named, and the rest is counted.
func (e Entry) Body() []string {
	found := e.findings()
	if found == nil {
		return append([]string{clip(flat(e.Incident.Message), 2000)}, e.sampleLines()...)
	}
	var lines []string
	for _, f := range found[:min(listed, len(found))] {
		line := fmt.Sprintf("%s: %s: %s", f.Severity, checkName(f.Check, f.Key), f.Message)
		if f.Cause != "" {
			line += " (because of " + f.Cause + ")"
		}
		lines = append(lines, clip(flat(line), 500))
	}
	if rest := len(found) - len(lines); rest > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: sentinel incidents show %s", rest, e.Incident.ID))
	}
	return append(lines, e.sampleLines()...)
}

// Facts returns the facts of an incident that a person needs first: observed and
// expected, since when, last good, owner, runbook, and the command to type. Of several
// findings [Entry.Body] has what was observed. Empty facts are left out.
func (e Entry) Facts(now time.Time) []Fact {
	i := e.Incident
	observed, expected, check := "", i.Expected, checkName(i.Check, i.Key)
	if !i.Observed.Absent() {
		observed = i.Observed.String()
	}
	if e.findings() != nil {
		observed, expected, check = "", "", ""
	}
	all := []Fact{{"Observed", observed}, {"Expected", expected}, {"Since", since(i.Opened, now)}}
	if e.Kind == Recovered {
		all = append(all, Fact{"Recovered", since(i.Resolved, now)})
	}
	if e.Kind != Recovered {
		all = append(all, Fact{"Statement", statement(i)})
	}
	all = append(
		all,
		Fact{"Last good", since(i.LastGood, now)},
		Fact{"Check", check},
		Fact{"Owner", i.Owner},
		Fact{"Cause", cause(i)},
		Fact{"Note", i.Note},
		Fact{"Runbook", i.Runbook},
		Fact{"Told now", e.Late},
		Fact{"Undelivered", e.Failed},
		Fact{"Next", "sentinel incidents show " + i.ID},
	)
	for n := range all {
		all[n].Value = clip(flat(all[n].Value), longestFact)
	}
	return slices.DeleteFunc(all, func(f Fact) bool { return f.Value == "" })
}

// statement is the statement that would mend what is wrong. One that a message would cut is
// not in it.
func statement(i sentinel.Incident) string {
	if utf8.RuneCountInString(i.Statement) > longestFact {
		return "sentinel incidents show " + i.ID + " has it"
	}
	return i.Statement
}

// longestFact is how many characters of a fact a message has.
const longestFact = 500

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

// Lines returns the incidents of a group, one a line. Incidents that explain others
// come first. Only ten are named, and the rest is counted.
func (n Notice) Lines() []string {
	entries := slices.Clone(n.Entries)
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return boolOrder(a.Incident.Upstream != "", b.Incident.Upstream != "")
	})
	var lines []string
	for _, e := range entries[:min(listed, len(entries))] {
		i := e.Incident
		line := fmt.Sprintf("%s %s: %s (%s)", i.Table, e.verb(false, n.At), i.Summary(), i.ID)
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
		b.WriteString(strings.Join(e.Body(), "\n") + "\n\n")
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

// Link returns the address of the agent's page of the incident, or of the overview if there are
// several. It is "" if the agent's address is not configured.
func (n Notice) Link() string {
	if n.URL == "" {
		return ""
	}
	link := strings.TrimSuffix(n.URL, "/") + "/"
	if len(n.Entries) == 1 {
		link += "incidents/" + url.PathEscape(n.Entries[0].Incident.ID)
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

// flat puts text from data on one line, without characters that control terminals or
// the direction of writing.
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
