package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// usedTable is a table of history.
type usedTable struct {
	name, body  string
	row         int64  // bytes of a row without its body, on the larger engine
	first, last string // its instants; "": it is of the last day
	key         string // cuts the table in parts
	part        int64  // how many keys one statement covers, so that each is quick
}

var usedTables = []usedTable{
	{name: "tick", body: "body", row: 160, first: "tick", last: "tick", key: "id", part: 5000},
	{name: "block", body: "points", row: 100, first: "first", last: "last", key: "series", part: 200},
	{name: "recent", body: "points", row: 100, key: "id", part: 5000},
}

// usage is the bytes of history.
type usage struct {
	total int64
	days  map[int64]int64 // by days since 1970, of what has a time
}

// Used estimates the bytes of history: ticks with their runs, and observations. The sizes of
// files and tables do not tell, because removed rows leave space in them. So rows are added up: the
// bytes of their values, those that an engine adds to a row and to its entries in indexes, and a
// tenth of it all for pages that are not full. Both engines have the same figures.
func (s *Store) Used(ctx context.Context) (int64, error) {
	u, err := s.usage(ctx)
	return u.total, err
}

func (s *Store) usage(ctx context.Context) (usage, error) {
	u := usage{days: map[int64]int64{}}
	for _, t := range usedTables {
		if err := s.addUsage(ctx, t, &u); err != nil {
			return u, err
		}
	}
	return u, nil
}

// addUsage adds up the rows of one table.
func (s *Store) addUsage(ctx context.Context, t usedTable, u *usage) error {
	var next, end int64
	ends := fmt.Sprintf(`SELECT coalesce(min(%[1]s), 0), coalesce(max(%[1]s), -1) FROM %[2]s`, t.key, t.name)
	err := s.each(ctx, ends, nil, func(scan func(...any) error) error { return scan(&next, &end) })
	if err != nil {
		return err
	}
	from, to := "0", "-1"
	if t.first != "" {
		from, to = fmt.Sprintf("%s / %d", t.first, dayMicros), fmt.Sprintf("%s / %d", t.last, dayMicros)
	}
	query := fmt.Sprintf(`
SELECT day, last_day, CAST(sum(bytes) AS BIGINT) FROM
(SELECT %s AS day, %s AS last_day, length(%s) + %d AS bytes FROM %s WHERE %[6]s >= ? AND %[6]s < ?) rows_of
GROUP BY day, last_day`, from, to, t.body, t.row, t.name, t.key)
	for ; next <= end; next += t.part {
		err := s.each(ctx, query, []any{next, next + t.part}, func(scan func(...any) error) error {
			var first, last, bytes int64
			err := scan(&first, &last, &bytes)
			u.add(first, last, bytes+bytes/10)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds bytes that are spread over some days; over none, where the last is before the first.
func (u *usage) add(first, last, bytes int64) {
	u.total += bytes
	for days := last - first + 1; first <= last; first++ {
		u.days[first] += bytes / days
	}
}

// cut returns before which instant history must go to lose some bytes: the end of a day, or
// the latest that is allowed. It is [beginning] where nothing is older than that.
func (u *usage) cut(excess, latest int64) int64 {
	before := beginning
	for _, day := range slices.Sorted(maps.Keys(u.days)) {
		if day*dayMicros >= latest {
			break
		}
		before = min((day+1)*dayMicros, latest)
		if excess -= u.days[day]; excess <= 0 {
			break
		}
	}
	return before
}
