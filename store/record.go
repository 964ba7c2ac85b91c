package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// TickKey names the ticks of one schedule on one dataset.
type TickKey struct {
	Schedule string
	Table    sentinel.Table
}

// TickRecord says that a tick was run, or why it was not.
type TickRecord struct {
	Schedule string
	Table    sentinel.Table
	Tick     time.Time
	Skipped  string // the reason, one line; "" for a tick that was run
}

// Snapshot is an accepted schema, as the checks package encodes it.
type Snapshot struct {
	Data       []byte
	TakenAt    time.Time
	AcceptedBy string
	Why        string
}

// State is what a model or a rule keeps between ticks.
type State struct {
	Kind, Key string
	Data      []byte
}

// Batch is everything one or more ticks bring.
type Batch struct {
	Ticks     []TickRecord
	Results   []sentinel.Result
	Baselines map[string]Snapshot // first snapshots, by check id; never move one that is there
	Incidents []sentinel.Incident // as they are now
	States    []State
	Outbox    []OutboxItem // the notices of these incidents, see [Store.Enqueue]
}

// Add adds what another batch brings.
func (b *Batch) Add(more Batch) {
	b.Ticks, b.Results, b.Incidents = append(b.Ticks, more.Ticks...), append(b.Results, more.Results...), append(b.Incidents, more.Incidents...)
	b.States, b.Outbox = append(b.States, more.States...), append(b.Outbox, more.Outbox...)
	if b.Baselines == nil {
		b.Baselines = more.Baselines
	} else {
		maps.Copy(b.Baselines, more.Baselines)
	}
}

// Clone copies the batch: what either holds is changed by nobody.
func (b Batch) Clone() Batch {
	b.Ticks, b.Results, b.Incidents = slices.Clone(b.Ticks), slices.Clone(b.Results), slices.Clone(b.Incidents)
	b.States, b.Outbox, b.Baselines = slices.Clone(b.States), slices.Clone(b.Outbox), maps.Clone(b.Baselines)
	return b
}

// Empty reports whether there is nothing to record.
func (b Batch) Empty() bool {
	return len(b.Ticks)+len(b.Results)+len(b.Baselines)+len(b.Incidents)+len(b.States)+len(b.Outbox) == 0
}

// Record stores a batch in one transaction: all of it or, on an error, nothing.
// What belongs to a dataset whose ticks are all recorded already is left out,
// and a batch without any new tick altogether, so that a batch may be recorded
// again after an error whose outcome is not known. dropped counts the results
// left out. Results that come without ticks are always stored; the newest one
// of a check and tick wins, as does the newest value of a bucket.
func (s *Store) Record(ctx context.Context, b Batch) (dropped int, err error) {
	dropped, err = s.record(ctx, b, false)
	if errors.Is(err, errRecorded) {
		dropped, err = s.record(ctx, b, true)
	}
	if err != nil {
		return 0, fmt.Errorf("recording: %w", describe(s.path, err))
	}
	return dropped, nil
}

// errRecorded: a tick of the batch is recorded already, which is rare, and which to
// ask for costs more than to begin again when it is so.
var errRecorded = errors.New("a tick is recorded already")

func (s *Store) record(ctx context.Context, b Batch, again bool) (dropped int, err error) {
	write := s.write
	if len(b.Outbox) > 0 {
		write = s.durably // what people must hear of survives a power cut
	}
	err = write(ctx, func(tx *sql.Tx) error {
		ctx := ctx
		if s.lead == nil {
			ctx = context.WithoutCancel(ctx) // a file answers: else every insert has a goroutine waiting for the end of ctx
		}
		w := s.writer(tx)
		w.again = again
		var known map[sentinel.Table]bool
		known, dropped = w.ticks(ctx, b.Ticks, b.Results)
		if len(b.Ticks) > 0 && allKnown(known) {
			return w.err
		}
		w.baselines(ctx, b.Baselines)
		for _, i := range b.Incidents {
			if !known[i.Table] {
				w.incident(ctx, i)
			}
		}
		w.states(ctx, b.States)
		w.outbox(ctx, b.Outbox)
		return w.err
	})
	return dropped, err
}

func allKnown(known map[sentinel.Table]bool) bool {
	for _, old := range known {
		if !old {
			return false
		}
	}
	return true
}

func (w *writer) baselines(ctx context.Context, first map[string]Snapshot) {
	for id, v := range first {
		w.exec(ctx, insertBaseline, 1, []any{id, micros(v.TakenAt), v.AcceptedBy, v.Why, v.Data, digest(v.Data), id})
	}
}

func (w *writer) states(ctx context.Context, states []State) {
	for _, st := range states {
		w.exec(ctx, insertState, 1, []any{st.Kind, st.Key, st.Data})
	}
}
