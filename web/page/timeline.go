package page

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// event is one thing that has happened, as a row of a timeline.
type event struct {
	At    time.Time
	Icon  string // a symbol of part_components.html
	Class string // the colour of the symbol
	Who   string // a person, channels, or Sentinel
	What  string
	Quote string // what a person wrote
	Link  string // a path of the site; "" for none
	Label string // of Link

	Person bool // Who is one
}

// timeline tells what has happened to an incident, the newest first.
func timeline(
	i sentinel.Incident, repairs []sentinel.Repair, notices []store.OutboxItem, log []store.AuditEntry,
) []event {
	all := slices.Concat(findingEvents(i), repairEvents(repairs), noticeEvents(notices), logEvents(log))
	slices.SortStableFunc(all, func(a, b event) int { return b.At.Compare(a.At) })
	return all
}

// findingEvents are the beginnings and ends of an incident and its findings.
func findingEvents(i sentinel.Incident) (all []event) {
	if !i.LastGood.IsZero() {
		all = append(all, event{At: i.LastGood, Icon: "pass", Class: "pass", What: "Last good look"})
	}
	first := i.Opened
	if len(i.Openings) > 0 {
		first = i.Openings[0]
	}
	for n, at := range i.Openings {
		if n > 0 {
			all = append(all, event{At: at, Icon: i.Severity.String(), Class: i.Severity.String(), What: "Opened again"})
		}
	}
	for _, f := range i.Findings {
		verb := "Joined"
		if !f.Opened.After(first) {
			verb = "First bad look"
		}
		all = append(all, event{At: f.Opened, Icon: f.Severity.String(), Class: f.Severity.String(),
			Who: verb, What: ": " + f.Check + withKey(f.Key) + ": " + f.Message})
		if !f.Open() {
			what := f.Check + withKey(f.Key) + " has ended"
			if f.Note != "" {
				what += ": " + f.Note
			}
			all = append(all, event{At: f.Resolved, Icon: "pass", Class: "pass", What: what})
		}
	}
	if i.State == sentinel.Resolved {
		all = append(all, event{At: i.Resolved, Icon: "pass", Class: "pass", Who: "Resolved",
			What: " after " + duration(i.Resolved.Sub(i.Opened))})
	}
	return all
}

// withKey writes which finding of a check is meant.
func withKey(key string) string {
	if key == "" {
		return ""
	}
	return " (" + key + ")"
}

// repairEvents are what repairs have done about an incident.
func repairEvents(repairs []sentinel.Repair) (all []event) {
	for _, r := range repairs {
		add := func(at time.Time, icon, class, who, what string) {
			if !at.IsZero() {
				all = append(all, event{At: at, Icon: icon, Class: class, Who: who, What: what,
					Link: "/repairs/" + r.ID, Label: r.Plan.Summary})
			}
		}
		waits := ""
		if r.State == sentinel.AwaitingApproval {
			waits = " and awaits a yes"
		}
		add(r.Created, "wrench", "acc", "Sentinel", " planned a repair"+waits)
		if r.Approval != nil {
			add(r.Approval.At, "talk", "dim", r.Approval.By, " approved the repair")
			all[len(all)-1].Person = true
		}
		add(r.Applied, "wrench", "acc", "Sentinel", " applied the repair")
		if r.State.Final() {
			icon, class := "wrench", "dim"
			if r.State == sentinel.RepairSucceeded {
				icon, class = "pass", "pass"
			}
			what := " The repair " + repairWord(r.State)
			if r.Message != "" {
				what += ": " + withoutCommand(r.Message, r.ID)
			}
			add(cmp.Or(r.Finished, r.Updated), icon, class, "", strings.TrimSpace(what))
		}
	}
	return all
}

// noticeEvents are what people were told: channels of one transition are one event.
func noticeEvents(notices []store.OutboxItem) (all []event) {
	type told struct {
		key   string
		state store.OutboxState
	}
	by := map[told][]store.OutboxItem{}
	var order []told
	for _, n := range notices {
		k := told{n.Key, n.State}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], n)
	}
	for _, k := range order {
		var names, errs []string
		at, longest := time.Time{}, time.Duration(0)
		for _, n := range by[k] {
			names = append(names, n.Channel)
			if n.LastError != "" {
				errs = append(errs, n.Channel+": "+n.LastError)
			}
			if t := cmp.Or(n.Finished, n.Created); t.After(at) {
				at = t
			}
			longest = max(longest, n.Finished.Sub(n.Created))
		}
		e := event{At: at, Icon: "bell", Class: "dim", Who: strings.Join(names, ", ")}
		switch k.state {
		case store.OutboxSent:
			e.What = " told: " + kindWord(by[k][0].Kind) + ", delivered in " + duration(longest)
		case store.OutboxDead:
			e.Class, e.What = "fail", " not told ("+kindWord(by[k][0].Kind)+"), given up: "+strings.Join(errs, "; ")
		default:
			e.What = strings.TrimSuffix(" to be told: "+kindWord(by[k][0].Kind)+"; "+strings.Join(errs, "; "), "; ")
		}
		all = append(all, e)
	}
	return all
}

// kindWord is the word for what a notice tells.
func kindWord(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

// logEvents are what people have decided and written. Repairs tell of themselves.
func logEvents(log []store.AuditEntry) (all []event) {
	for _, e := range log {
		v := event{At: e.At, Icon: "talk", Class: "dim", Who: e.Actor, What: " " + decisionWord(e), Quote: e.Detail, Person: true}
		if e.What == "silence.set" {
			v.Quote = silenceWhy(e.Detail)
		}
		all = append(all, v)
	}
	return all
}

// decisionWord says what an entry of the audit log is about.
func decisionWord(e store.AuditEntry) string {
	words := map[string]string{
		"incident.ack": "acknowledged: no more reminders", "incident.resolve": "resolved it", "incident.note": "wrote",
		"incident.forget": "deleted the samples of bad rows", "silence.set": "silenced it",
		"baseline.accept": "accepted the schema as it is", "label.set": "labelled points of " + e.Subject,
		"segments.accept": "accepted that segments are gone", "table.accept_created": "accepted the new table",
		"table.accept_dropped": "accepted that the table is gone",
	}
	return cmp.Or(words[e.What], e.What)
}

// silenceWhy takes the reason out of the entry of a silence.
func silenceWhy(detail string) string {
	var v notify.Silence
	if json.Unmarshal([]byte(detail), &v) != nil {
		return detail
	}
	return fmt.Sprintf("%s (until %s)", v.Why, v.Until.UTC().Format("2006-01-02 15:04 UTC"))
}

// repairWord says how a repair stands, as the end of a sentence that begins with "The repair".
func repairWord(s sentinel.RepairState) string {
	words := map[sentinel.RepairState]string{
		sentinel.RepairPlanned: "is planned", sentinel.AwaitingApproval: "awaits a yes", sentinel.RepairQueued: "is next",
		sentinel.RepairPreflight: "is being prepared", sentinel.RepairStaging: "is copying rows",
		sentinel.RepairStaged: "has its rows ready", sentinel.RepairApplying: "is being applied",
		sentinel.RepairApplied: "is applied", sentinel.RepairVerifying: "is being verified",
		sentinel.RepairSucceeded: "is verified", sentinel.RepairSuppressed: "waits", sentinel.RetryWait: "tries again",
		sentinel.OutcomeUnknown: "may have been applied: nothing can tell", sentinel.RollingBack: "is being rolled back",
		sentinel.RolledBack: "was rolled back", sentinel.RepairFailed: "failed", sentinel.DeadLetter: "was given up",
		sentinel.RepairCancelled: "was cancelled", sentinel.Superseded: "was not needed any more",
		sentinel.ShadowDone: "was only planned", sentinel.WouldNotHelp: "would not help",
	}
	return cmp.Or(words[s], strings.ReplaceAll(string(s), "_", " "))
}
