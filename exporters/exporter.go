// Package exporters brings results to other systems, one file per destination,
// and owns the name of every metric.
package exporters

import (
	"context"

	sentinel "github.com/sentinel-dq/sentinel"
)

// Exporter takes the results of each tick. Export may be called from several
// goroutines at once.
type Exporter interface {
	Export(ctx context.Context, results []sentinel.Result) error
	Close(ctx context.Context) error
}
