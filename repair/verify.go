package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Verification is what the checks say after a repair was applied.
type Verification struct {
	Failed sentinel.Result // of the check that the repair is for
	// Against has the findings of other checks that the proof of the repair does not have
	// from before it. It is nil for a repair of an earlier version, which has no proof.
	Against []sentinel.Objection
	// Others are the results behind Against. Their tick is the time at which they were judged.
	Others []sentinel.Result
}

// predating returns a result of a standby that may not have had yet what was applied at a
// time; false: there is none.
func (v Verification) predating(applied time.Time) (sentinel.Result, bool) {
	for _, r := range append([]sentinel.Result{v.Failed}, v.Others...) {
		if r.Predates(applied) {
			return r, true
		}
	}
	return sentinel.Result{}, false
}

// verify judges an applied repair. It helped if the finding that it is for is gone, and if
// no other check fails that passed before. A check that cannot run or cannot judge is tried
// again later.
func (e *Engine) verify(ctx context.Context, p *Policy, r sentinel.Repair) (sentinel.Repair, error) {
	if r.Check == "" && r.Proof == nil { // started by an alert: nothing here to verify with
		return e.succeed(ctx, p, r, "applied; there is no check to verify it with")
	}
	v, err := e.checkAgain(ctx, r)
	if err == nil && v.Failed.Status == sentinel.Error {
		err = errors.New(v.Failed.Message)
	}
	if err != nil {
		return e.afterError(ctx, p, r, &TransientError{Err: fmt.Errorf("verifying: %w", err)})
	}
	if old, found := v.predating(r.Applied); found {
		err := &TransientError{Err: fmt.Errorf("verifying: a standby answers, which may not have yet what was applied: %s",
			old.Message)}
		if at, known := old.DataTime(); known {
			err.After = r.Applied.Sub(at)
		}
		return e.afterError(ctx, p, r, err)
	}
	still := StillBad(v.Failed, r)
	if len(still) == 0 && Unjudged(v.Failed, r) {
		err := fmt.Errorf("verifying: the check cannot judge it: %s", v.Failed.Message)
		return e.afterError(ctx, p, r, &TransientError{Err: err})
	}
	var message string
	switch {
	case len(still) > 0:
		message = "the check is still bad: " + v.Failed.Message
	case len(v.Against) > 0:
		message = "the check passes, and others fail since: " + sentinel.Proof{Against: v.Against}.Text()
	case r.Check == "":
		return e.succeed(ctx, p, r, "applied; there is no check to verify it with, and no other fails since")
	default:
		return e.succeed(ctx, p, r, "verified: "+v.Failed.Message)
	}
	if err := e.recordOutcome(ctx, BreakerName(p), false); err != nil {
		return r, err
	}
	if p.OnFailure == "escalate" {
		r.Unhelpful = addUnhelpful(r, message)
		return e.transition(ctx, r, sentinel.DeadLetter, message)
	}
	r.Attempts = 1 // the way back has tries of its own
	return e.transition(ctx, r, sentinel.RollingBack, message)
}

// checkAgain has the host run the checks. A panic there is an error like any other.
func (e *Engine) checkAgain(ctx context.Context, r sentinel.Repair) (v Verification, err error) {
	defer recoverPanic("running the check again", &err)
	return e.host.Check(ctx, r)
}

// StillBad returns the findings of the failed check that the repair is for. A plan without
// a finding is for the check as a whole: for the finding of that key where the check has
// or had one, and otherwise for all of its findings.
func StillBad(result sentinel.Result, r sentinel.Repair) (bad []sentinel.Finding) {
	key := r.Plan.Finding
	all := key == "" && !hasFinding(result, "") && !(r.Proof != nil && slices.ContainsFunc(r.Proof.Before,
		func(b sentinel.Result) bool { return b.Check == r.Check && hasFinding(b, "") }))
	for _, f := range result.Findings {
		if f.Status.Bad() && (all || f.Key == key) {
			bad = append(bad, f)
		}
	}
	return bad
}

// Unjudged reports whether a result says nothing of the finding that the repair is for, for
// example because a standby is behind. A result of segments judges each of them alone. A
// value that is back in its range is judged, also before that ends its incident.
func Unjudged(result sentinel.Result, r sentinel.Repair) bool {
	if r.Check == "" {
		return false
	}
	recovering := map[string]bool{}
	for _, s := range result.Scores {
		if s.State == sentinel.Recovering {
			recovering[sentinel.SegmentKey(sentinel.AnomalyKey, s.Segment)] = true
		}
	}
	unknown := 0
	for _, f := range result.Findings {
		if f.Status != sentinel.Unknown || recovering[f.Key] {
			continue
		}
		if unknown++; f.Key == r.Plan.Finding {
			return true
		}
	}
	switch segments := result.JudgesSegments(); {
	case segments && r.Plan.Finding == "":
		return false // each segment is judged alone
	case segments || result.Status != sentinel.Unknown:
		return !recovering[r.Plan.Finding] && !result.Judges(r.Plan.Finding)
	}
	return unknown > 0 || len(recovering) == 0
}

func hasFinding(r sentinel.Result, key string) bool {
	return slices.ContainsFunc(r.Findings, func(f sentinel.Finding) bool { return f.Status.Bad() && f.Key == key })
}
