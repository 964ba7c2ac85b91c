package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// thinnedTicks is the key of the state that says up to when ticks are thinned.
const thinnedTicks = "ticks"

const dayMicros = 24 * hour

// thinTicks removes ticks and runs that are older than thinAfter and close to others. It
// keeps what [hourOfTicks] does. It returns how many runs and skipped ticks it removed.
func (s *Store) thinTicks(ctx context.Context, now time.Time) (removed int64, err error) {
	to := micros(now.Add(-thinAfter)) / hour * hour
	data, _, err := s.State(ctx, thinnedTo, thinnedTicks)
	if err != nil {
		return 0, err
	}
	from, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		from = beginning
	}
	for from < to {
		// Days without ticks are passed over.
		first, err := s.firstTick(ctx, from, to)
		if err != nil {
			return removed, err
		}
		end := min(to, first/dayMicros*dayMicros+dayMicros)
		n, err := s.thinTicksOf(ctx, first, end)
		removed += n
		if err != nil {
			return removed, err
		}
		from = end
		state := State{Kind: thinnedTo, Key: thinnedTicks, Data: []byte(strconv.FormatInt(from, 10))}
		if _, err := s.Record(ctx, Batch{States: []State{state}}); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// firstTick returns the first tick from one instant to before another, or the latter.
func (s *Store) firstTick(ctx context.Context, from, to int64) (first int64, err error) {
	first = to
	const query = `SELECT min(tick) FROM tick WHERE tick >= ? AND tick < ?`
	err = s.each(ctx, query, []any{from, to}, func(scan func(...any) error) error {
		var at sql.NullInt64
		err := scan(&at)
		if at.Valid {
			first = at.Int64
		}
		return err
	})
	return first, err
}

// storedTicks is a row of the table tick. Of one instant, later rows have higher ids.
type storedTicks struct {
	id, at, schedule int64
	ticks            []format.Tick
}

// thinPage is how many rows one transaction thins.
const thinPage = 50

// thinTicksOf thins the ticks from one instant to before another, the newest first.
func (s *Store) thinTicksOf(ctx context.Context, from, to int64) (removed int64, err error) {
	last := storedTicks{at: to, id: math.MinInt64}
	var kept hourOfTicks
	for n := thinPage; n == thinPage; {
		n = 0
		err := s.write(ctx, func(ctx context.Context, tx *txn) error {
			rows, err := tx.ticksBefore(ctx, from, last)
			if err != nil {
				return err
			}
			for _, row := range rows {
				less, err := tx.thinRow(ctx, row, &kept)
				if err != nil {
					return err
				}
				removed += less
				last = row
			}
			n = len(rows)
			return nil
		})
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// ticksBefore reads the next rows before one, newest first.
func (t *txn) ticksBefore(ctx context.Context, from int64, before storedTicks) (rows []storedTicks, err error) {
	const query = `
SELECT id, tick, schedule, body FROM tick
WHERE tick >= ? AND tick <= ? AND (tick < ? OR id < ?)
ORDER BY tick DESC, id DESC LIMIT ?`
	args := []any{from, before.at, before.at, before.id, thinPage}
	err = engine.Each(ctx, t, query, args, func(scan func(...any) error) error {
		var row storedTicks
		var body []byte
		if err := scan(&row.id, &row.at, &row.schedule, &body); err != nil {
			return err
		}
		var err error
		row.ticks, err = format.DecodeTicks(body)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// thinRow rewrites or deletes a row of which something goes. It returns how many runs and
// ticks without runs went.
func (t *txn) thinRow(ctx context.Context, row storedTicks, kept *hourOfTicks) (removed int64, err error) {
	before := sizeOf(row.ticks)
	ticks := kept.filter(row)
	if removed = before - sizeOf(ticks); removed == 0 {
		return 0, nil
	}
	if len(ticks) == 0 {
		_, err = t.ExecContext(ctx, `DELETE FROM tick WHERE id = ?`, row.id)
		return removed, err
	}
	args, err := engine.TickArgs(row.at, row.schedule, ticks, &t.memory.encoder)
	if err != nil {
		return 0, err
	}
	const update = `UPDATE tick SET tick = ?, schedule = ?, low = ?, high = ?, n = ?, checks = ?, body = ? WHERE id = ?`
	changed, err := affected(t.ExecContext(ctx, update, append(args, row.id)...))
	if err == nil && changed != 1 {
		err = fmt.Errorf("the row %d of the table tick is gone", row.id)
	}
	return removed, err
}

// sizeOf counts runs, and ticks without any.
func sizeOf(ticks []format.Tick) (n int64) {
	for _, t := range ticks {
		n += int64(max(1, len(t.Runs)))
	}
	return n
}

// hourOfTicks knows what stays of an hour. It is given the rows of the hour, the newest first.
// For each schedule there stay: the last tick of a dataset that was run, the last one that
// was skipped, and the last run of a check with each status.
type hourOfTicks struct {
	hour  int64
	ticks map[tickOf]bool
	runs  map[runOf]bool
}

type tickOf struct {
	schedule, dataset int64
	skipped           bool
}

type runOf struct {
	schedule, check int64
	status          int
}

// filter returns the ticks of a row that stay, with the runs that stay.
func (h *hourOfTicks) filter(row storedTicks) (stay []format.Tick) {
	if at := row.at / hour; h.ticks == nil || at != h.hour {
		*h = hourOfTicks{hour: at, ticks: map[tickOf]bool{}, runs: map[runOf]bool{}}
	}
	for _, t := range row.ticks {
		var runs []format.Run
		for _, r := range t.Runs {
			key := runOf{row.schedule, r.Check, r.Status}
			if !h.runs[key] {
				h.runs[key] = true
				runs = append(runs, r)
			}
		}
		t.Runs = runs
		key := tickOf{row.schedule, t.Dataset, t.Skipped != ""}
		if !h.ticks[key] || len(runs) > 0 {
			h.ticks[key] = true
			stay = append(stay, t)
		}
	}
	return stay
}
