package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// LastTicks returns the newest recorded tick of every schedule and dataset,
// run or skipped.
func (s *Store) LastTicks(ctx context.Context) (map[TickKey]time.Time, error) {
	last := map[TickKey]time.Time{}
	const query = `SELECT schedule, dataset, tick FROM last_tick WHERE schedule NOT LIKE 'once:%'`
	err := s.each(ctx, query, nil, func(scan func(...any) error) error {
		var key TickKey
		var dataset string
		var tick int64
		if err := scan(&key.Schedule, &dataset, &tick); err != nil {
			return err
		}
		var err error
		if key.Table, err = sentinel.ParseTable(dataset); err != nil {
			return err
		}
		last[key] = fromMicros(tick)
		return nil
	})
	return last, err
}

// tickPage is how many rows of the table tick are read at a time.
const tickPage = 100

// eachTick calls do for the ticks of a dataset, or of all when dataset is "", between
// two instants, newest first. It ends when do returns true.
func (s *Store) eachTick(
	ctx context.Context, dataset string, from, to int64, do func(at int64, schedule string, t format.Tick) (enough bool),
) error {
	of := int64(0)
	if dataset != "" {
		var err error
		if of, err = s.nameID(ctx, dataset); err != nil || of == 0 {
			return err
		}
	}
	const query = `
SELECT t.id, t.tick, n.name, t.body FROM tick t JOIN name n ON n.id = t.schedule
WHERE t.tick >= ?1 AND t.tick <= ?2 AND (t.tick < ?2 OR t.id < ?3) AND (?4 = 0 OR t.low <= ?4 AND t.high >= ?4)
ORDER BY t.tick DESC, t.id DESC LIMIT ?5`
	before := int64(math.MaxInt64) // of the ids at the instant to
	for enough := false; !enough; {
		n := 0
		err := s.each(ctx, query, []any{from, to, before, of, tickPage}, func(scan func(...any) error) error {
			var schedule string
			var body []byte
			if err := scan(&before, &to, &schedule, &body); err != nil || enough {
				return err
			}
			n++
			ticks, err := format.DecodeTicks(body)
			for _, t := range ticks {
				if !enough && (of == 0 || t.Dataset == of) {
					enough = do(to, schedule, t)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		enough = enough || n < tickPage
	}
	return nil
}

// Ticks returns the newest limit ticks of all schedules of a dataset, newest first.
// Skipped ticks have the reason. Ticks reads back over the ticks of all datasets.
func (s *Store) Ticks(ctx context.Context, table sentinel.Table, limit int) ([]TickRecord, error) {
	var out []TickRecord
	last := int64(math.MaxInt64)
	err := s.eachTick(ctx, table.String(), beginning, math.MaxInt64, func(at int64, schedule string, t format.Tick) bool {
		if len(out) >= limit && at != last { // all of one instant are sorted below
			return true
		}
		if !strings.HasPrefix(schedule, once) {
			out = append(out, TickRecord{Schedule: schedule, Table: table, Tick: fromMicros(at), Skipped: t.Skipped})
			last = at
		}
		return false
	})
	slices.SortStableFunc(out, func(a, b TickRecord) int {
		return cmp.Or(b.Tick.Compare(a.Tick), strings.Compare(a.Schedule, b.Schedule))
	})
	return out[:min(limit, len(out))], err
}

// Run is one past run of a check.
type Run struct {
	Check    string
	Tick     time.Time
	Status   sentinel.Status
	Duration time.Duration
	Message  string
}

// Runs returns the newest limit runs of a check since a tick, newest first, one for
// each instant. It reads back over the ticks of all datasets.
func (s *Store) Runs(ctx context.Context, check string, since time.Time, limit int) (out []Run, err error) {
	last, err := s.LastResults(ctx, Filter{Check: check})
	if err != nil {
		return nil, err
	}
	dataset, until := "", int64(math.MaxInt64) // of a check that is gone neither is known
	if len(last) == 1 {
		dataset = last[0].Table.String()
		until = micros(last[0].Tick)
	}
	id, err := s.nameID(ctx, check)
	if err != nil || id == 0 {
		return nil, err
	}
	err = s.eachTick(ctx, dataset, micros(since), until, func(at int64, _ string, t format.Tick) bool {
		tick := fromMicros(at)
		if len(out) > 0 && out[len(out)-1].Tick.Equal(tick) {
			return false
		}
		for _, r := range t.Runs {
			if r.Check == id {
				out = append(out, Run{
					Check: check, Tick: tick, Status: sentinel.Status(r.Status),
					Duration: time.Duration(r.Duration) * time.Microsecond, Message: r.Message,
				})
				break
			}
		}
		return len(out) >= limit
	})
	return out, err
}

// State returns one state; ok is false when there is none.
func (s *Store) State(ctx context.Context, kind, key string) (data []byte, ok bool, err error) {
	const query = `SELECT data FROM state WHERE kind = ? AND key = ?`
	err = s.each(ctx, query, []any{kind, key}, func(scan func(...any) error) error {
		ok = true
		return scan(&data)
	})
	return data, ok, err
}

// StatesOf returns the states of a kind by key, for those of the keys that have one.
func (s *Store) StatesOf(ctx context.Context, kind string, keys []string) (map[string][]byte, error) {
	out := make(map[string][]byte, len(keys))
	for part := range slices.Chunk(keys, 500) {
		args := []any{kind}
		for _, k := range part {
			args = append(args, k)
		}
		query := `SELECT key, data FROM state WHERE kind = ? AND key IN (` + placeholders(len(part)) + `)`
		err := s.each(ctx, query, args, func(scan func(...any) error) error {
			var key string
			var data []byte
			err := scan(&key, &data)
			out[key] = data
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// States returns all states of a kind, by key.
func (s *Store) States(ctx context.Context, kind string) ([]State, error) {
	var out []State
	const query = `SELECT key, data FROM state WHERE kind = ? ORDER BY key`
	err := s.each(ctx, query, []any{kind}, func(scan func(...any) error) error {
		st := State{Kind: kind}
		err := scan(&st.Key, &st.Data)
		out = append(out, st)
		return err
	})
	return out, err
}
