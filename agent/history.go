package agent

import (
	"context"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// History returns what a store remembers of checks. isNew reports whether nothing is
// remembered of a check; it may be called concurrently. Nil: no check is new.
func History(from *store.Store, isNew func(ctx context.Context, check string) bool) checks.History {
	return history{from, isNew}
}

type history struct {
	store *store.Store
	isNew func(ctx context.Context, check string) bool
}

func (h history) Points(ctx context.Context, check string, s checks.Series) ([]sentinel.Point, error) {
	return h.store.Points(ctx, check, s.Metric, s.Segment, s.Since, s.Limit)
}

func (h history) Baselines(ctx context.Context, ids []string) (map[string][]byte, error) {
	return h.store.CurrentBaselines(ctx, ids)
}

func (h history) BaselineDigests(ctx context.Context, ids []string) (map[string][]byte, error) {
	return h.store.BaselineDigests(ctx, ids)
}

func (h history) IsNew(ctx context.Context, check string) bool {
	return h.isNew != nil && h.isNew(ctx, check)
}
