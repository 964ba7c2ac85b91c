package setup

import (
	"context"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// meter exports what a warehouse is asked. Counters exist before the first
// event, because increase() does not see the event that makes a counter.
func (s Setup) meter(w warehouse.Config) *warehouse.Meter {
	name := w.Name
	metrics := s.Metrics
	metrics.Add(exporters.Statements, 0, name)
	metrics.Add(exporters.Connections, 0, name)
	for _, kind := range warehouse.ErrorKinds() {
		metrics.Add(exporters.StatementErrors, 0, name, string(kind))
	}
	m := &warehouse.Meter{
		Statement: func(kind warehouse.ErrorKind) {
			metrics.Add(exporters.Statements, 1, name)
			if kind != "" {
				metrics.Add(exporters.StatementErrors, 1, name, string(kind))
			}
		},
		Batch:     func(took time.Duration) { metrics.Observe(exporters.QuerySeconds, took.Seconds(), name) },
		Connected: func() { metrics.Add(exporters.Connections, 1, name) },
		Breaker: func(place string, state int) {
			metrics.Set(exporters.BreakerState, float64(state), name+" "+place)
		},
	}
	m.Lag = func(standby bool, lag warehouse.Lag) {
		switch {
		case !standby:
			metrics.Forget(exporters.ReplicationLag, name)
		case lag.Unknown != "":
			metrics.Set(exporters.ReplicationLag, math.NaN(), name)
		default:
			metrics.Set(exporters.ReplicationLag, lag.Behind.Seconds(), name)
		}
	}
	if traces := s.Traces; traces != nil {
		m.Trace = func(ctx context.Context, text string) func(int, error) {
			return traces.Statement(ctx, warehouse.SystemName(w.Dialect), name, text)
		}
	}
	return m
}
