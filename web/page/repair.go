package page

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addScreen(screen{
		path: "/repairs/{id}", template: "repair.html", live: "repair incident",
		show: func(s *Site, r *http.Request) (any, error) { return s.repairOf(r) },
	})
}

// repairData is the content of repair.html.
type repairData struct {
	sentinel.Repair
	Zone     *time.Location // of the dataset
	Now      time.Time
	Cause    *sentinel.Incident // that it is for
	Hash     string             // of the plan
	Stages   []stage
	Verdicts []verdict
	Sent     []planStep
	Events   []event
	Off      bool // repairs are switched off
	OffWhy   string
	As       string
	Again    *sentinel.Repair // that was made in the place of this one
}

// stage is one of the stages of a repair, as a part of the bar above it.
type stage struct {
	Name      string
	Done, Now bool
	Bad       bool // it ended here
}

// verdict is what a check says of the rows before they are applied.
type verdict struct {
	Check, Text string
	Status      sentinel.Status
}

// planStep is a step of a plan with its statements.
type planStep struct {
	sentinel.Step
	Lines []sqlLine
}

// killSwitch says whether repairs are off, and by whom and why.
func (s *Site) killSwitch(ctx context.Context) (why string, off bool) {
	why, off = repair.ReadKillSwitch(ctx, s.Store)
	return unnamedText(ctx, why), off
}

// sqlLine is a statement with what it does to rows.
type sqlLine struct{ Text, Class string }

func (s *Site) repairOf(r *http.Request) (d repairData, err error) {
	ctx, id := r.Context(), r.PathValue("id")
	found, err := s.Store.Repairs(ctx, store.RepairFilter{ID: id})
	if err != nil {
		return d, err
	}
	if len(found) == 0 {
		return d, notFound("There is no repair " + id + ".")
	}
	d.Repair, d.Now, d.As = UnnamedRepair(ctx, found[0]), s.Clock.Now(), signedAs(ctx)
	d.Hash, d.Zone = d.Plan.Hash(), s.Board.zone(d.Table)
	d.Stages, d.Verdicts, d.Sent = stagesOf(d.Repair, d.Now), verdictsOf(d.Repair), planSteps(d.Plan)
	d.OffWhy, d.Off = s.killSwitch(ctx)
	if d.Incident != "" {
		i, ok, err := s.Store.Incident(ctx, d.Incident)
		if err != nil {
			return d, err
		}
		if ok {
			i = UnnamedIncident(ctx, i)
			d.Cause = &i
		}
		others, err := s.Store.Repairs(ctx, store.RepairFilter{Incident: d.Incident})
		if err != nil {
			return d, err
		}
		for n := range others {
			if others[n].Linked == d.ID {
				d.Again = &others[n]
			}
		}
	}
	log, err := s.Store.Audit(ctx, id, 1000)
	for _, e := range log {
		e.Detail = unnamedText(ctx, e.Detail)
		d.Events = append(d.Events, repairEvent(e))
	}
	d.Events = unnamedEvents(ctx, d.Events)
	return d, err
}

// repairEvent is an entry of the audit log of a repair.
func repairEvent(e store.AuditEntry) event {
	state := strings.TrimPrefix(e.What, "repair.")
	words := map[string]string{
		"approved": "approved the plan", "rejected": "rejected the plan", "rollback_asked": "asked for it to be rolled back",
		"retried": "tried it again", "discarded": "put it aside",
	}
	if word := words[state]; word != "" {
		v := event{At: e.At, Icon: "talk", Class: "dim", Who: e.Actor, What: " " + word, Quote: e.Detail, Person: true}
		if state == "approved" {
			v.Quote, v.What = "", " approved the plan "+shortHash(e.Detail)
		}
		return v
	}
	icon, class := "wrench", "acc"
	switch sentinel.RepairState(state) {
	case sentinel.RepairSucceeded:
		icon, class = "pass", "pass"
	case sentinel.DeadLetter, sentinel.RepairFailed, sentinel.RolledBack, sentinel.OutcomeUnknown, sentinel.WouldNotHelp:
		icon, class = "warn", "warn"
	}
	v := event{At: e.At, Icon: icon, Class: class, Who: "The repair", What: " " + repairWord(sentinel.RepairState(state))}
	if e.Detail != "" {
		v.What += ": " + withoutCommand(e.Detail, e.Subject)
	}
	return v
}

// shortHash writes a hash so that people can compare it.
func shortHash(hash string) string {
	if len(hash) < 8 {
		return hash
	}
	return hash[:4] + " " + hash[4:8]
}

// Title is the plan in one line, as a heading.
func (d repairData) Title() string {
	first, size := utf8.DecodeRuneInString(d.Plan.Summary)
	return string(unicode.ToUpper(first)) + d.Plan.Summary[size:]
}

// Asks reports whether a person decides about the plan.
func (d repairData) Asks() bool {
	return d.Mode == string(repair.Manual) || d.Plan.Class == sentinel.ClassApprove
}

// Says is the reason for the state of the repair.
func (d repairData) Says() string { return withoutCommand(d.Message, d.ID) }

// withoutCommand leaves out the command that a message names: a page has a button.
func withoutCommand(text, id string) string {
	command := "sentinel repair approve " + id
	return strings.NewReplacer("; "+command, "", ": "+command, "").Replace(text)
}

// ShortHash is the hash of the plan as people compare it.
func (d repairData) ShortHash() string { return shortHash(d.Hash) }

// Word says how the repair stands.
func (d repairData) Word() string {
	if d.Ready() {
		return "is approved, and begins within seconds"
	}
	return repairWord(d.State)
}

// Ready reports whether the plan is approved, and not yet begun.
func (d repairData) Ready() bool {
	return d.State == sentinel.AwaitingApproval && approved(d.Repair, d.Now)
}

// CanApprove reports whether the plan awaits a yes.
func (d repairData) CanApprove() bool { return d.State == sentinel.AwaitingApproval && !d.Ready() }

// CanReject reports whether nothing was changed yet, as [repair.Decisions.Reject] requires.
func (d repairData) CanReject() bool {
	return !d.State.Final() && d.Applied.IsZero() && d.State != sentinel.RepairApplying &&
		d.State != sentinel.OutcomeUnknown && d.Resume != sentinel.RepairApplying
}

// CanRollBack reports whether the repair was applied, and may be taken back.
func (d repairData) CanRollBack() bool {
	return (d.State == sentinel.RepairSucceeded || d.State == sentinel.DeadLetter) && !d.Applied.IsZero()
}

// GivenUp reports whether the repair waits for a person to retry or discard it.
func (d repairData) GivenUp() bool { return d.State == sentinel.DeadLetter }

// Refused reports whether the plan is never applied.
func (d repairData) Refused() bool { return d.Plan.Class == sentinel.ClassRefused }

// KeptUntil is until when the rows that were there before are kept; zero: not known yet.
func (d repairData) KeptUntil() time.Time {
	if d.Finished.IsZero() || d.Applied.IsZero() {
		return time.Time{}
	}
	return d.Finished.Add(d.Kept())
}

// Kept is how long the rows that were there before are kept.
func (d repairData) Kept() time.Duration { return cmp.Or(d.Plan.KeepFor, 24*time.Hour) }

// Reload reports whether the plan replaces rows, whose number is known.
func (d repairData) Reload() bool { return d.Plan.Rows >= 0 && d.Plan.Action == "reload_partition" }

// stagesOf returns the stages of a repair, and where it stands.
func stagesOf(r sentinel.Repair, now time.Time) []stage {
	names := []string{"Planned", "Approved", "Rows staged and judged", "Applied", "Verified"}
	at := map[sentinel.RepairState]int{
		sentinel.RepairPlanned: 0, sentinel.RepairSuppressed: 0, sentinel.AwaitingApproval: 1, sentinel.RepairQueued: 2,
		sentinel.RepairPreflight: 2, sentinel.RepairStaging: 2, sentinel.RepairStaged: 3, sentinel.RepairApplying: 3,
		sentinel.OutcomeUnknown: 3, sentinel.RepairApplied: 4, sentinel.RepairVerifying: 4, sentinel.RollingBack: 4,
		sentinel.RepairSucceeded: 5,
	}
	n, running := at[r.State]
	switch {
	case r.State == sentinel.RetryWait:
		n, running = at[r.Resume], true
	case r.State == sentinel.AwaitingApproval && approved(r, now):
		n = 2
	case !running && !r.Applied.IsZero():
		n = 4
	case !running && r.Proof != nil:
		n = 2
	case !running && r.Approval != nil:
		n = 2
	case !running:
		n = 1
	}
	var out []stage
	for i, name := range names {
		if i == 1 && r.Approval == nil && r.State != sentinel.AwaitingApproval && n > 1 {
			continue // it needed nobody's yes
		}
		v := stage{Name: name, Done: i < n, Now: i == n}
		if v.Now {
			v.Name = strings.TrimPrefix(strings.ToUpper(repairWord(r.State)[:1])+repairWord(r.State)[1:], "Is ")
			v.Bad = r.State.Final()
		}
		out = append(out, v)
	}
	return out
}

// verdictsOf returns what the checks say of the rows before they are applied.
func verdictsOf(r sentinel.Repair) (out []verdict) {
	if r.Proof == nil {
		return nil
	}
	for _, id := range r.Proof.Judged {
		own := sentinel.Proof{Against: slices.DeleteFunc(slices.Clone(r.Proof.Against), func(o sentinel.Objection) bool {
			return o.Check != id
		})}
		v := verdict{Check: id, Text: "nothing against it", Status: sentinel.Pass}
		if len(own.Against) > 0 {
			v.Text, v.Status = strings.TrimPrefix(own.Text(), id+" "), sentinel.Fail
		}
		out = append(out, v)
	}
	for _, o := range r.Proof.LeftOut {
		out = append(out, verdict{o.Check, "judged only afterwards: " + o.Why, sentinel.Unknown})
	}
	return out
}

// planSteps marks the statements of a plan by what they do to rows.
func planSteps(p sentinel.Plan) (out []planStep) {
	for _, step := range p.Steps {
		v := planStep{Step: step}
		for _, text := range step.Do {
			class := ""
			switch word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(text)), " "); word {
			case "DELETE", "TRUNCATE", "DROP":
				class = "del"
			case "INSERT":
				class = "add"
			}
			v.Lines = append(v.Lines, sqlLine{text, class})
		}
		out = append(out, v)
	}
	return out
}
