package repair

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Prover is an action whose staged rows can be judged before they are applied. Its Stage
// skips the sources of [Run.Unhelpful].
type Prover interface {
	Action
	// Staged returns the table as Apply would leave it. It only reads. It returns nil if an
	// earlier agent has applied the change.
	Staged(ctx context.Context, r *Run) (*Staged, error)
}

// Staged is a table as it would be after a change.
type Staged struct {
	Source  string // where the new rows are from
	Content string // digest of the new rows; equal for equal rows
	Rows    warehouse.RowSource
	Hidden  []string // columns that Rows does not have
}

// Unhelpful returns why a source was given up in this try; ok is false if it was not.
func (r *Run) Unhelpful(source string) (why string, ok bool) {
	for _, u := range r.Repair.Unhelpful {
		if u.Repair == r.Repair.ID && u.Source == source {
			return u.Why, true
		}
	}
	return "", false
}

// prove lets a repair be applied only if it would help: the finding that it is for must be
// gone on the staged rows, and no other may come. Otherwise the next source is tried.
// A repair that nothing can be judged of is applied, and judged afterwards.
func (e *Engine) prove(ctx context.Context, p *Policy, r sentinel.Repair, run *Run) (sentinel.Repair, error) {
	prover, ok := p.Action.(Prover)
	if !ok {
		return e.judgeBefore(ctx, p, r)
	}
	staged, err := stagedTable(ctx, prover, run)
	if err != nil {
		return e.afterError(ctx, p, r, err)
	}
	if staged == nil {
		return e.transition(ctx, r, sentinel.RepairApplying, "")
	}
	known, again := sameContent(r, staged)
	if again && known.Applied {
		r.Proof = &sentinel.Proof{At: e.Clock.Now(), Source: staged.Source, Content: staged.Content}
		return e.giveUpSource(ctx, r, fmt.Sprintf("its rows are those that repair %s put into the table and took back: %s",
			known.Repair, known.Why))
	}
	proof, err := e.judgeStaged(ctx, r, staged)
	if err != nil {
		return e.afterError(ctx, p, r, &TransientError{Err: fmt.Errorf("judging the staged rows: %w", err)})
	}
	proof.Source, proof.Content = staged.Source, staged.Content
	r.Proof = &proof
	switch {
	case len(proof.Against) == 0:
		return e.transition(ctx, r, sentinel.RepairApplying, "")
	case again:
		return e.giveUpSource(ctx, r, fmt.Sprintf("its rows have not changed since repair %s: %s", known.Repair,
			proof.Text()))
	}
	return e.giveUpSource(ctx, r, proof.Text())
}

// stagedTable asks an action for its staged rows. A panic there is an error like any other.
func stagedTable(ctx context.Context, prover Prover, run *Run) (staged *Staged, err error) {
	defer recoverPanic("reading the staged rows", &err)
	return prover.Staged(ctx, run)
}

// judgeStaged has the host judge staged rows. A panic there is an error like any other.
func (e *Engine) judgeStaged(ctx context.Context, r sentinel.Repair, staged *Staged) (proof sentinel.Proof, err error) {
	defer recoverPanic("judging the staged rows", &err)
	return e.host.Prove(ctx, r, staged)
}

// judgeBefore has the checks judged before a change that nothing is staged of, so that what
// passes now and fails afterwards speaks against it.
func (e *Engine) judgeBefore(ctx context.Context, p *Policy, r sentinel.Repair) (sentinel.Repair, error) {
	proof, err := e.judgeStaged(ctx, r, nil)
	if err != nil {
		return e.afterError(ctx, p, r, &TransientError{Err: fmt.Errorf("judging the table as it is: %w", err)})
	}
	r.Proof = &proof
	return e.transition(ctx, r, sentinel.RepairApplying, "")
}

// giveUpSource notes that the staged source would not help, and tries the next.
func (e *Engine) giveUpSource(ctx context.Context, r sentinel.Repair, why string) (sentinel.Repair, error) {
	source := r.Proof.Source
	if slices.ContainsFunc(r.Unhelpful, func(u sentinel.UnhelpfulSource) bool {
		return u.Repair == r.ID && u.Source == source
	}) {
		return e.transition(ctx, r, sentinel.WouldNotHelp, fmt.Sprintf("nothing was applied: %s: %s", source, why))
	}
	r.Unhelpful = addUnhelpful(r, why)
	return e.transition(ctx, r, sentinel.RepairStaging, fmt.Sprintf("%s would not help: %s", source, why))
}

// mostUnhelpful is how many sources of earlier repairs a repair remembers: the newest.
const mostUnhelpful = 30

// addUnhelpful adds the source that a repair has staged to those that do not help. It
// forgets none of the repair's own, and none whose rows were in the table.
func addUnhelpful(r sentinel.Repair, why string) []sentinel.UnhelpfulSource {
	if r.Proof == nil || r.Proof.Content == "" {
		return r.Unhelpful
	}
	add := sentinel.UnhelpfulSource{
		Source: r.Proof.Source, Content: r.Proof.Content, Repair: r.ID, Why: why, Applied: !r.Applied.IsZero(),
	}
	all := slices.DeleteFunc(slices.Clone(r.Unhelpful), func(u sentinel.UnhelpfulSource) bool {
		return u.Source == add.Source && u.Content == add.Content && u.Applied == add.Applied
	})
	cut := func(u sentinel.UnhelpfulSource) bool { return u.Repair != r.ID && !u.Applied }
	earlier := 0
	for _, u := range all {
		if cut(u) {
			earlier++
		}
	}
	all = slices.DeleteFunc(all, func(u sentinel.UnhelpfulSource) bool {
		if !cut(u) || earlier <= mostUnhelpful {
			return false
		}
		earlier--
		return true
	})
	return append(all, add)
}

// sameContent returns an earlier repair's note of the same rows from the same source. One
// whose rows were in the table counts more than one that was only judged.
func sameContent(r sentinel.Repair, staged *Staged) (known sentinel.UnhelpfulSource, ok bool) {
	for _, u := range r.Unhelpful {
		if u.Repair != r.ID && u.Source == staged.Source && u.Content == staged.Content && (!ok || u.Applied) {
			known, ok = u, true
		}
	}
	return known, ok
}

// sameWork reports whether two repairs do the same for the same incident.
func sameWork(a, b sentinel.Repair) bool { return a.Key == b.Key && a.Incident == b.Incident }

// unhelpfulSources returns the sources that earlier repairs for the same incident found
// not to help. past has the newest repair first.
func unhelpfulSources(past []sentinel.Repair, r sentinel.Repair) []sentinel.UnhelpfulSource {
	for _, o := range past {
		if sameWork(o, r) && o.State.Final() && o.State != sentinel.ShadowDone {
			return o.Unhelpful
		}
	}
	return nil
}

// A source that would not help is read again after a pause that doubles. A source with
// another number of rows makes another plan, which does not wait.
const (
	unhelpfulPause    = time.Minute
	longestPause      = time.Hour
	unhelpfulDoubling = 6
)

// pausing reports whether the same plan has just been found not to help.
func (e *Engine) pausing(past []sentinel.Repair, r sentinel.Repair) bool {
	n := 0
	var last sentinel.Repair
	for _, o := range past {
		if !sameWork(o, r) {
			continue
		}
		if o.State != sentinel.WouldNotHelp {
			break
		}
		if n++; n == 1 {
			last = o
		}
	}
	if n == 0 || r.State.Final() || !last.Plan.SamePlan(r.Plan) {
		return false
	}
	pause := min(longestPause, unhelpfulPause<<min(n-1, unhelpfulDoubling))
	return e.Clock.Now().Before(last.Finished.Add(pause))
}
