package agent

import (
	"context"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// NewHistory returns the history of checks in a store. It may be used concurrently.
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
	return h.store.Points(ctx, check, s.Metric, s.Segment, s.Since, s.Limit)
}

// Baselines implements checks.History.
func (h *history) Baselines(ctx context.Context, ids []string) (map[string][]byte, error) {
	return h.store.CurrentBaselines(ctx, ids)
}

// BaselineDigests implements checks.History.
func (h *history) BaselineDigests(ctx context.Context, ids []string) (map[string][]byte, error) {
	return h.store.BaselineDigests(ctx, ids)
}

// IsNew implements checks.History. Where the store cannot be read the check is not
// new, so that the table's past is not read again.
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

// knownHistory is a history without new checks. With it a single run of a check does
// not read the table's past.
type knownHistory struct{ checks.History }

// IsNew implements checks.History.
func (knownHistory) IsNew(context.Context, string) bool { return false }
