package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// LastTicks returns the newest recorded tick of every schedule and dataset,
// run or skipped.
func (s *Store) LastTicks(ctx context.Context) (map[TickKey]time.Time, error) {
	last := map[TickKey]time.Time{}
	err := s.each(ctx, `SELECT schedule, dataset, tick FROM last_tick WHERE schedule NOT LIKE 'once:%'`, nil, func(scan func(...any) error) error {
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

// Ticks returns the newest limit ticks of a dataset, of all its schedules,
// newest first, those that were skipped with the reason. It walks back over the
// ticks of all datasets.
func (s *Store) Ticks(ctx context.Context, table sentinel.Table, limit int) ([]TickRecord, error) {
	var out []TickRecord
	err := s.each(ctx, `SELECT schedule, tick, skipped FROM tick WHERE dataset = ? AND schedule NOT LIKE 'once:%' ORDER BY tick DESC, schedule LIMIT ?`, []any{table.String(), limit}, func(scan func(...any) error) error {
		t := TickRecord{Table: table}
		var tick int64
		if err := scan(&t.Schedule, &tick, &t.Skipped); err != nil {
			return err
		}
		t.Tick = fromMicros(tick)
		out = append(out, t)
		return nil
	})
	return out, err
}

// Series is one remembered series of a check.
type Series struct{ Check, Metric, Segment string }

// SeriesOf returns the series of a check, or of all checks when check is "".
func (s *Store) SeriesOf(ctx context.Context, check string) ([]Series, error) {
	var out []Series
	err := s.each(ctx, `SELECT check_id, metric, segment FROM series WHERE ?1 = '' OR check_id = ?1 ORDER BY 1, 2, 3`, []any{check}, func(scan func(...any) error) error {
		var v Series
		err := scan(&v.Check, &v.Metric, &v.Segment)
		out = append(out, v)
		return err
	})
	return out, err
}

// Filter narrows results; a zero field does not.
type Filter struct {
	Table sentinel.Table
	Check string
}

// LastResults returns the last result of every check in the filter, whole, by
// dataset and check. It outlives the retention, and the check's removal from the
// configuration until its dataset is looked at again.
func (s *Store) LastResults(ctx context.Context, f Filter) ([]sentinel.Result, error) {
	dataset := ""
	if f.Table != (sentinel.Table{}) {
		dataset = f.Table.String()
	}
	last := map[string]sentinel.Result{}
	err := s.each(ctx, `SELECT dataset, ran, results FROM last_tick WHERE ran <> 0 AND (?1 = '' OR dataset = ?1)`, []any{dataset}, func(scan func(...any) error) error {
		var name string
		var ran int64
		var body []byte
		if err := scan(&name, &ran, &body); err != nil {
			return err
		}
		if f.Check != "" && !mayName(body, f.Check) {
			return nil
		}
		var results []sentinel.Result
		if err := json.Unmarshal(body, &results); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		table, err := sentinel.ParseTable(name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		for _, r := range results {
			r.Table, r.Tick = table, fromMicros(ran)
			if before, known := last[r.Check]; (f.Check == "" || r.Check == f.Check) && (!known || r.Tick.After(before.Tick)) {
				last[r.Check] = r
			}
		}
		return nil
	})
	return slices.SortedFunc(maps.Values(last), func(a, b sentinel.Result) int {
		return cmp.Or(a.Table.Compare(b.Table), strings.Compare(a.Check, b.Check))
	}), err
}

// Run is one past run of a check.
type Run struct {
	Check    string
	Tick     time.Time
	Status   sentinel.Status
	Duration time.Duration
	Message  string
}

// UnmarshalJSON reads a run as [group.appendRuns] writes it.
func (r *Run) UnmarshalJSON(b []byte) error {
	var status, micros int64
	fields := []any{&r.Check, &status, &micros, &r.Message}
	if err := json.Unmarshal(b, &fields); err != nil {
		return err
	}
	r.Status, r.Duration = sentinel.Status(status), time.Duration(micros)*time.Microsecond
	return nil
}

// Runs returns the newest limit runs of a check since a tick, newest first. It
// walks back over the ticks of all datasets.
func (s *Store) Runs(ctx context.Context, check string, since time.Time, limit int) (out []Run, err error) {
	last, err := s.LastResults(ctx, Filter{Check: check})
	if err != nil {
		return nil, err
	}
	dataset, until := "", int64(math.MaxInt64) // of a check that is gone neither is known
	if len(last) == 1 {
		dataset, until = last[0].Table.String(), micros(last[0].Tick)
	}
	enough := errors.New("enough")
	err = s.each(ctx, `SELECT tick, runs FROM tick WHERE tick BETWEEN ?1 AND ?2 AND (?3 = '' OR dataset = ?3) ORDER BY tick DESC`, []any{micros(since), until, dataset}, func(scan func(...any) error) error {
		var tick int64
		var body []byte
		if err := scan(&tick, &body); err != nil {
			return err
		}
		if !mayName(body, check) || len(out) > 0 && out[len(out)-1].Tick.Equal(fromMicros(tick)) {
			return nil
		}
		var runs []Run
		if err := json.Unmarshal(body, &runs); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		for _, r := range runs {
			if r.Check == check {
				r.Tick = fromMicros(tick)
				out = append(out, r)
			}
		}
		if len(out) >= limit {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return out, err
}

// State returns one state; ok is false when there is none.
func (s *Store) State(ctx context.Context, kind, key string) (data []byte, ok bool, err error) {
	err = s.each(ctx, `SELECT data FROM state WHERE kind = ? AND key = ?`, []any{kind, key}, func(scan func(...any) error) error {
		ok = true
		return scan(&data)
	})
	return data, ok, err
}

// States returns all states of a kind, by key.
func (s *Store) States(ctx context.Context, kind string) ([]State, error) {
	var out []State
	err := s.each(ctx, `SELECT key, data FROM state WHERE kind = ? ORDER BY key`, []any{kind}, func(scan func(...any) error) error {
		st := State{Kind: kind}
		err := scan(&st.Key, &st.Data)
		out = append(out, st)
		return err
	})
	return out, err
}
