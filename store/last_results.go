package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// Filter narrows results; a zero field does not.
type Filter struct {
	Table   sentinel.Table
	Dataset string // a name or a pattern, as in the configuration; "" for all
	Check   string
}

// LastResults returns the last whole result of every check in the filter, by dataset
// and check. A last result outlives the retention. After its check is removed from the
// configuration, it stays until its dataset is checked again.
func (s *Store) LastResults(ctx context.Context, f Filter) ([]sentinel.Result, error) {
	if f.Table != (sentinel.Table{}) {
		return s.lastResults(ctx, f, `dataset = ?`, f.Table.String())
	}
	return s.lastResults(ctx, f, `dataset <> ''`)
}

// datasetsAtOnce is how many datasets are read at once for a part of the last results.
const datasetsAtOnce = 250

// LastResultsAfter returns a part of the last results: those of the next datasets after one,
// whole datasets, until there are so many. The order of the datasets is the state's own.
// The zero table begins with the first; after the last dataset the answer is empty.
func (s *Store) LastResultsAfter(
	ctx context.Context, f Filter, after sentinel.Table, atLeast int,
) (part []sentinel.Result, err error) {
	last := ""
	if after != (sentinel.Table{}) {
		last = after.String()
	}
	for len(part) < atLeast {
		names, err := s.datasetsAfter(ctx, last)
		if err != nil || len(names) == 0 {
			return part, err
		}
		if !slices.ContainsFunc(names, f.mayBe) {
			last = names[len(names)-1]
			continue
		}
		first, end := last, names[len(names)-1]
		next, err := s.lastResults(ctx, f, `dataset > ? AND dataset <= ?`, first, end)
		if err != nil {
			return nil, err
		}
		of := map[string][]sentinel.Result{}
		for _, r := range next {
			of[r.Table.String()] = append(of[r.Table.String()], r)
		}
		for _, name := range names {
			if len(part) >= atLeast {
				break
			}
			part, last = append(part, of[name]...), name
		}
	}
	return part, nil
}

// datasetsAfter returns the next datasets with results, in the state's order.
func (s *Store) datasetsAfter(ctx context.Context, after string) (names []string, err error) {
	const query = `SELECT DISTINCT dataset FROM last_tick WHERE dataset > ? ORDER BY dataset LIMIT ?`
	err = s.each(ctx, query, []any{after, datasetsAtOnce}, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// mayBe reports whether a name of the state may be selected; one that is damaged may.
func (f Filter) mayBe(name string) bool {
	table, err := sentinel.ParseTable(name)
	return err != nil || f.Selects(table)
}

// Selects reports whether a table has the name of the filter.
func (f Filter) Selects(t sentinel.Table) bool {
	return f.Dataset == "" || sentinel.MatchTable(f.Dataset, t)
}

// lastResults reads the rows that a condition selects.
func (s *Store) lastResults(ctx context.Context, f Filter, where string, args ...any) ([]sentinel.Result, error) {
	last := map[string]sentinel.Result{}
	query := `SELECT dataset, ran, results FROM last_tick WHERE ran <> 0 AND ` + where
	err := s.each(ctx, query, args, func(scan func(...any) error) error {
		var name string
		var ran int64
		var body []byte
		if err := scan(&name, &ran, &body); err != nil {
			return err
		}
		table, err := sentinel.ParseTable(name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if !f.Selects(table) {
			return nil // it need not be decoded
		}
		results, err := format.DecodeResults(body)
		if err != nil {
			return err
		}
		for _, r := range results {
			if f.Check != "" && r.Check != f.Check {
				continue
			}
			r.Table = table
			r.Tick = fromMicros(ran)
			if before, known := last[r.Check]; !known || r.Tick.After(before.Tick) {
				last[r.Check] = r
			}
		}
		return nil
	})
	return slices.SortedFunc(maps.Values(last), func(a, b sentinel.Result) int {
		return cmp.Or(a.Table.Compare(b.Table), strings.Compare(a.Check, b.Check))
	}), err
}
