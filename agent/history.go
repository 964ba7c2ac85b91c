package agent

import (
	"context"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// NewHistory returns the history of checks in a store. It is safe for concurrent use.
func NewHistory(from *store.Store) checks.History {
	return &history{store: from, known: map[string]bool{}}
}

type history struct {
	store *store.Store

	mu    sync.Mutex
	known map[string]bool // checks that have observations in the store
}

// Points implements checks.History.
func (h *history) Points(ctx context.Context, check string, s checks.Series) ([]sentinel.Point, error) {
	return h.store.Points(ctx, store.Series{Check: check, Metric: s.Metric, Segment: s.Segment}, s.Since, s.Limit)
}

// Baselines implements checks.History.
func (h *history) Baselines(ctx context.Context, ids []string) (map[string][]byte, error) {
	return h.store.CurrentBaselines(ctx, ids)
}

// BaselineDigests implements checks.History.
func (h *history) BaselineDigests(ctx context.Context, ids []string) (map[string][]byte, error) {
	return h.store.BaselineDigests(ctx, ids)
}

// segmentState and acceptedState are the kinds of the states of remembered segments and
// of those accepted as gone. The key is the check.
const (
	segmentState  = "segments"
	acceptedState = "segments_accepted"
)

// Segments implements checks.History.
func (h *history) Segments(ctx context.Context, ids []string) (map[string]checks.StoredSegments, error) {
	memory, err := h.store.StatesOf(ctx, segmentState, ids)
	if err != nil {
		return nil, err
	}
	accepted, err := h.store.StatesOf(ctx, acceptedState, ids)
	out := make(map[string]checks.StoredSegments, len(memory))
	for id, data := range memory {
		out[id] = checks.StoredSegments{Memory: data, Accepted: accepted[id]}
	}
	return out, err
}

// SegmentStates keeps the findings of segments that are gone in the results of an
// outcome, and returns the states to record. It is called when detectors have judged.
func SegmentStates(check string, memory map[string]*checks.SegmentMemory, r *sentinel.Result) ([]store.State, error) {
	m := memory[check]
	if m == nil {
		return nil, nil
	}
	m.Hold(r)
	if !m.Changed {
		return nil, nil
	}
	data, err := m.Encode()
	return []store.State{{Kind: segmentState, Key: check, Data: data}}, err
}

// IsNew implements checks.History. If the store cannot be read, a check does not count
// as new, so that the table's past is not read again.
func (h *history) IsNew(ctx context.Context, check string) bool {
	h.mu.Lock()
	known := h.known[check]
	h.mu.Unlock()
	if known {
		return false
	}
	series, err := h.store.SeriesOf(ctx, check)
	if err == nil && len(series) == 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[check] = true
	return false
}

// knownHistory is a history in which no check is new. A single run of a check with it
// does not read the table's past.
type knownHistory struct{ checks.History }

// IsNew implements checks.History.
func (knownHistory) IsNew(context.Context, string) bool { return false }
