package setup

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/telemetry"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// observer exports what a warehouse runs, as metrics and traces.
type observer struct {
	name    string // of the warehouse
	dialect string
	metrics *exporters.Prometheus
	traces  *telemetry.Telemetry // may be nil
}

// observe returns the observer of a warehouse. Counters exist before the first
// event, because increase() does not see the event that makes a counter.
func (s Setup) observe(w warehouse.Config) warehouse.Observer {
	s.Metrics.Add(exporters.Statements, 0, w.Name)
	s.Metrics.Add(exporters.Connections, 0, w.Name)
	for _, kind := range warehouse.ErrorKinds() {
		s.Metrics.Add(exporters.StatementErrors, 0, w.Name, string(kind))
	}
	return &observer{name: w.Name, dialect: w.Dialect, metrics: s.Metrics, traces: s.Traces}
}

// Statement implements warehouse.Observer.
func (o *observer) Statement(kind warehouse.ErrorKind) {
	o.metrics.Add(exporters.Statements, 1, o.name)
	if kind != "" {
		o.metrics.Add(exporters.StatementErrors, 1, o.name, string(kind))
	}
}

// Panicked implements warehouse.Observer.
func (o *observer) Panicked(error) { o.metrics.Add(exporters.Panics, 1, "statement") }

// Batch implements warehouse.Observer.
func (o *observer) Batch(took time.Duration) {
	o.metrics.Observe(exporters.QuerySeconds, took.Seconds(), o.name)
}

// Connected implements warehouse.Observer.
func (o *observer) Connected() { o.metrics.Add(exporters.Connections, 1, o.name) }

// Breaker implements warehouse.Observer.
func (o *observer) Breaker(server string, state int) {
	o.metrics.Set(exporters.BreakerState, float64(state), o.name+" "+server)
}

// Lag implements warehouse.Observer.
func (o *observer) Lag(standby bool, lag warehouse.Lag) {
	switch {
	case !standby:
		o.metrics.Forget(exporters.ReplicationLag, o.name)
	case lag.Unknown != "":
		o.metrics.Set(exporters.ReplicationLag, math.NaN(), o.name)
	default:
		o.metrics.Set(exporters.ReplicationLag, lag.Behind.Seconds(), o.name)
	}
}

// Abandoned implements warehouse.Observer. These sessions read only.
func (o *observer) Abandoned(error) {}

// Trace implements warehouse.Observer.
func (o *observer) Trace(ctx context.Context, text string) func(int, error) {
	if o.traces == nil {
		return nil
	}
	return o.traces.Statement(ctx, warehouse.SystemName(o.dialect), o.name, text)
}

// writing observes the sessions that repairs write with.
type writing struct {
	warehouse.NopObserver
	name string       // of the warehouse
	log  *slog.Logger // may be nil
}

// Abandoned implements warehouse.Observer.
func (w writing) Abandoned(err error) {
	if w.log != nil {
		w.log.Error("a session of a repair goes on: its locks stay until somebody ends it on the server",
			"warehouse", w.name, "error", err)
	}
}
