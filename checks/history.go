package checks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/sentinel-dq/sentinel"
)

// History returns what earlier ticks stored about checks. It is safe for concurrent use.
type History interface {
	// Points returns stored observations of a check, oldest first.
	Points(ctx context.Context, check string, s Series) ([]sentinel.Point, error)
	// Baselines returns the accepted schema snapshots of those of the checks that
	// have one, as [EncodeSnapshot] wrote them.
	Baselines(ctx context.Context, checks []string) (map[string][]byte, error)
	// BaselineDigests returns the SHA-256 of the snapshots that Baselines would return.
	// The executor reads only snapshots that differ, and those without a digest.
	BaselineDigests(ctx context.Context, checks []string) (map[string][]byte, error)
	// Segments returns what those of the checks remember of their segments that remember any.
	Segments(ctx context.Context, checks []string) (map[string]StoredSegments, error)
	// IsNew reports whether nothing is stored about a check.
	IsNew(ctx context.Context, check string) bool
}

// readBaselines reads the accepted schemas of all checks of a part together.
func (e *executor) readBaselines(ctx context.Context, part []jobRun) {
	if e.env.History == nil {
		return
	}
	var waiting []*Target
	for run := range allChecks(part) {
		if run.needs.Baseline {
			waiting = append(waiting, &run.target)
		}
	}
	if waiting = e.skipUnchanged(ctx, waiting); len(waiting) == 0 {
		return
	}
	snapshots, err := e.env.History.Baselines(ctx, idsOf(waiting))
	for _, t := range waiting {
		data, ok := snapshots[t.Check]
		if !ok {
			t.Known.HistoryErr = err
			continue
		}
		baseline, err := DecodeSnapshot(data)
		if err != nil {
			t.Known.HistoryErr = fmt.Errorf("check %s: %w", t.Check, err)
			continue
		}
		digest := sha256.Sum256(data)
		t.Known.Baseline, t.Known.BaselineDigest = baseline, digest[:]
	}
}

// skipUnchanged sets the baseline of each check whose table has the accepted digest. It
// returns the other targets.
func (e *executor) skipUnchanged(ctx context.Context, waiting []*Target) (changed []*Target) {
	if len(waiting) == 0 {
		return nil
	}
	digests, err := e.env.History.BaselineDigests(ctx, idsOf(waiting))
	if err != nil {
		return waiting // reading the baselines reports the error
	}
	for _, t := range waiting {
		if digest, ok := digests[t.Check]; ok && t.Known.Relation != nil {
			if sum := sha256.Sum256(EncodeSnapshot(snapshot(t))); bytes.Equal(sum[:], digest) {
				t.Known.Baseline = t.Known.Relation
				continue
			}
		}
		changed = append(changed, t)
	}
	return changed
}

func idsOf(targets []*Target) []string {
	ids := make([]string, len(targets))
	for i, t := range targets {
		ids[i] = t.Check
	}
	return ids
}

// readSegments reads what the checks of a part remember of their segments.
func (e *executor) readSegments(ctx context.Context, part []jobRun) {
	var waiting []*checkRun
	var ids []string
	for run := range allChecks(part) {
		run.target.Known.NoState = e.env.NoState
		if s, is := run.check.(segmented); is && s.segmentRows() != "" && !run.target.Known.NoState && e.env.History != nil {
			waiting = append(waiting, run)
			ids = append(ids, run.target.Check)
		}
	}
	if len(waiting) == 0 {
		return
	}
	stored, err := e.env.History.Segments(ctx, ids)
	for _, run := range waiting {
		known := &run.target.Known
		if known.SegmentsErr = err; err != nil {
			continue
		}
		known.Segments, known.SegmentsErr = stored[run.target.Check].Decode()
		if m := known.Segments; m != nil && m.Rows != run.check.(segmented).segmentRows() {
			known.Segments = nil
		}
	}
}

// readHistory reads the points that the check asks for.
func (e *executor) readHistory(ctx context.Context, run *checkRun) {
	if e.env.History == nil {
		return
	}
	known := &run.target.Known
	known.New = run.needs.Past && e.env.History.IsNew(ctx, run.target.Check)
	wanted := run.needs.History
	if of := run.needs.SegmentHistory; of != nil {
		for _, k := range known.Segments.known() {
			s := *of
			s.Segment = k.Name
			wanted = append(wanted, s)
		}
	}
	if len(wanted) == 0 {
		return
	}
	known.History = map[Series][]sentinel.Point{}
	for _, s := range wanted {
		points, err := e.env.History.Points(ctx, run.target.Check, s)
		if err != nil {
			known.HistoryErr = fmt.Errorf("reading history: %w", err)
		}
		known.History[s] = points
	}
}
