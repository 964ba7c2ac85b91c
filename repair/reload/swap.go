package reload

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// leaf is the partition that is swapped for the staged table as a whole.
type leaf struct {
	Name  string
	Bound string // as PostgreSQL prints it: "FOR VALUES FROM ('2026-03-11') TO ('2026-03-12')"
}

// leafOf finds the partition whose range is the window and nothing else: a swap
// takes all rows of a partition.
func leafOf(here *warehouse.Table, dialect warehouse.Dialect, w reload) (*leaf, error) {
	_, swaps := dialect.(warehouse.PartitionSwapper)
	switch {
	case !swaps || here.Kind != warehouse.PartitionedTable && len(here.Partitions) == 0:
		return nil, &repair.RefusedError{Why: "method swap: the table is not partitioned"}
	case len(here.PartitionKey) != 1 || here.PartitionKey[0] != w.Column:
		return nil, repair.Refuse("method swap: the table is partitioned by %s, and the window is one of %s",
			strings.Join(here.PartitionKey, ", "), w.Column)
	}
	for _, c := range here.Columns {
		if strings.HasPrefix(c.Generated, "identity") {
			return nil, &repair.RefusedError{Why: "method swap: " + c.Name +
				" numbers itself, and a partition of its own would begin anew"}
		}
	}
	var ranges []string
	for _, p := range here.Partitions {
		if p.IsRange && sameInstant(p.From, w.From) && sameInstant(p.To, w.To) {
			return &leaf{p.Name, p.Bound}, nil
		}
		if p.IsRange && len(ranges) < 3 {
			ranges = append(ranges, p.Name+" from "+p.From+" to "+p.To)
		}
	}
	return nil, &repair.RefusedError{Why: "method swap: no partition holds just the window; there are " +
		strings.Join(ranges, ", ")}
}

// sameInstant compares a bound as the engine prints it with one of the window.
func sameInstant(bound string, at time.Time) bool {
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02 15:04:05.999999",
		"2006-01-02 15:04:05-07", "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05-07:00"} {
		if t, err := time.Parse(layout, bound); err == nil {
			return t.Equal(at)
		}
	}
	return false
}

// swapped is one swap: its names and marks, and the dialect that carries it out.
type swapped struct {
	reloadRun
	name    string // of the partition, unquoted
	parts   warehouse.Swap
	dialect warehouse.PartitionSwapper
}

// swap names what takes part in it.
func (x reloadRun) swap() (s swapped, err error) {
	dialect, ok := x.writer.Dialect.(warehouse.PartitionSwapper)
	if !ok {
		return s, &repair.RefusedError{Why: "method swap: the engine has no partitions"}
	}
	schema, err1 := x.writer.Dialect.Quote(x.run.Repair.Table.Schema)
	leafName, err2 := x.writer.Dialect.Quote(x.plan.Leaf.Name)
	column, err3 := x.writer.Dialect.Quote(x.plan.Column)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, &repair.RefusedError{Why: err.Error()}
	}
	const layout = "2006-01-02 15:04:05.999999-07"
	s = swapped{reloadRun: x, name: x.plan.Leaf.Name, dialect: dialect}
	s.parts = warehouse.Swap{
		Schema:     schema,
		Name:       x.run.Repair.Table.Schema,
		Table:      x.table,
		Leaf:       leafName,
		Bound:      x.plan.Leaf.Bound,
		Staged:     x.from,
		StagedName: x.writer.Staging(x.run.Repair, "new").Name,
		KeptName:   x.writer.Staging(x.run.Repair, "old").Name,
		Inside: fmt.Sprintf("%s IS NOT NULL AND %s >= '%s' AND %s < '%s'",
			column, column, x.plan.From.Format(layout), column, x.plan.To.Format(layout)),
	}
	return s, nil
}

// makeStaged makes an empty table that fits in the place of the partition. It
// refuses a partition with rules of its own, which the table would not have.
func (s swapped) makeStaged(ctx context.Context) error {
	w := s.writer
	if check := s.dialect.CheckLeaf(s.parts); check.SQL != "" {
		var own string
		if err := w.DB.QueryRowContext(ctx, check.SQL, check.Args...).Scan(&own); err != nil {
			return w.Classed("looking at the partition", err)
		}
		if own != "" {
			return &repair.RefusedError{Why: "method swap: the partition " + s.name + " has " + own +
				" of its own, which the new one would not have"}
		}
	}
	if has := s.dialect.HasStaged(s.parts); has.SQL != "" {
		var there int
		if err := w.DB.QueryRowContext(ctx, has.SQL, has.Args...).Scan(&there); err != nil {
			return w.Classed("looking for the staged partition", err)
		}
		if there > 0 {
			return nil
		}
	}
	for _, st := range s.dialect.MakeStaged(s.parts) {
		if _, err := w.DB.ExecContext(ctx, st); err != nil {
			return w.Classed("making a partition", err)
		}
	}
	return nil
}

// swapInOneTransaction puts the staged partition in the place of the one that is there, which is
// kept whole for the way back: DETACH and ATTACH in one transaction, with fence
// and ledger. Readers see one or the other.
func (s swapped) swapInOneTransaction(ctx context.Context, r *repair.Run, step string) error {
	w := s.writer
	if err := same(ctx, r, step); err != nil {
		return err
	}
	before, err := repair.TableDigest(ctx, w, w.DB, r.Repair.Table)
	if err != nil {
		return w.Classed("reading the catalog", err)
	}
	_, err = w.Commit(ctx, r, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if locker, ok := w.Dialect.(warehouse.TableLocker); ok {
			if err := s.run(ctx, tx, locker.LockTable(s.table, "")...); err != nil {
				return 0, err
			}
		}
		now, err := repair.TableDigest(ctx, w, tx, r.Repair.Table)
		if err == nil && now != before {
			err = &repair.ChangedError{What: "it was altered a moment ago"}
		}
		if err != nil {
			return 0, err
		}
		move := s.putNew
		if step == "rollback" {
			move = s.putOld
		}
		return move(ctx, tx)
	})
	return err
}

func (s swapped) putNew(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	held := func(mark, from, condition, what string, args ...any) error {
		then, err := s.marks.get(ctx, tx, mark)
		if err != nil {
			return err
		}
		now, err := s.checksum(ctx, tx, from, condition, args...)
		if err == nil && string(now) != then {
			err = &repair.ChangedError{What: fmt.Sprintf("%s (%s; then %s)", what, now, cmp.Or(then, "nothing"))}
		}
		return err
	}
	if err := held(windowMark, s.table, " WHERE "+s.where, "rows of the window were written since the source "+
		"was read", s.args...); err != nil {
		return 0, err
	}
	if err := held(stagedMark, s.from, "", "the staged rows are not those that were verified"); err != nil {
		return 0, err
	}
	err = s.run(ctx, tx, s.dialect.SwapIn(s.parts)...)
	if err != nil {
		return 0, err
	}
	now, err := s.window(ctx, tx)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(string(now), "%d rows", &rows); err != nil {
		return 0, err
	}
	return rows, s.marks.set(ctx, tx, appliedMark, string(now))
}

func (s swapped) putOld(ctx context.Context, tx *sql.Tx) (rows int64, err error) {
	if _, err := s.untouched(ctx, tx); err != nil {
		return 0, err
	}
	err = s.run(ctx, tx, s.dialect.SwapOut(s.parts)...)
	if err != nil {
		return 0, err
	}
	now, err := s.window(ctx, tx)
	if err == nil {
		_, err = fmt.Sscanf(string(now), "%d rows", &rows)
	}
	return rows, err
}

func (s swapped) run(ctx context.Context, tx *sql.Tx, statements ...string) error {
	for _, st := range statements {
		if _, err := tx.ExecContext(ctx, st); err != nil {
			return err
		}
	}
	return nil
}
