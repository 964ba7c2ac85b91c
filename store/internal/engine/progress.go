package engine

import (
	"context"
	"log/slog"
	"time"
)

// Progress logs every ten seconds how far a step of a migration has come, and counts the rows that
// are damaged and left out: a state without some old rows is better than none.
type Progress struct {
	what    string // the rows: "ticks"
	all     int64  // how many there are
	done    int64
	damaged int64
	late    *time.Ticker
}

// progressEvery is how often a long step is told of.
const progressEvery = 10 * time.Second

// StartProgress begins a step over the rows of a table. End it with [Progress.End].
func StartProgress(ctx context.Context, q Querier, what, table string) (*Progress, error) {
	p := &Progress{what: what, late: time.NewTicker(progressEvery)}
	err := Each(ctx, q, `SELECT count(*) FROM `+table, nil, func(scan func(...any) error) error {
		return scan(&p.all)
	})
	return p, err
}

// Row counts a row; damage is why it is left out, or nil.
func (p *Progress) Row(ctx context.Context, damage error) {
	p.done++
	if damage != nil {
		if p.damaged++; p.damaged == 1 {
			slog.WarnContext(ctx, "migrating the state: a row is damaged and left out", "of", p.what, "error", damage)
		}
	}
	select {
	case <-p.late.C:
		slog.InfoContext(ctx, "migrating the state", "of", p.what, "rows", p.done, "all", p.all)
	default:
	}
}

// End tells how many rows were left out.
func (p *Progress) End(ctx context.Context) {
	p.late.Stop()
	if p.damaged > 0 {
		slog.WarnContext(ctx, "migrating the state: damaged rows are left out", "of", p.what, "rows", p.damaged)
	}
}
