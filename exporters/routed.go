package exporters

import (
	"context"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
)

// Routed is an exporter whose requests go by rules.
type Routed struct {
	Exporter
	Rules *outbound.Rules
}

// Export implements Exporter.
func (r Routed) Export(ctx context.Context, results []sentinel.Result) error {
	return r.Exporter.Export(r.Rules.In(ctx), results)
}
