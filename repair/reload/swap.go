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
func leafOf(here *warehouse.Table, engine string, w reload) (*leaf, error) {
	switch {
	case engine == "sqlite" || here.Kind != warehouse.PartitionedTable && len(here.Partitions) == 0:
		return nil, &repair.RefusedError{Why: "method swap: the table is not partitioned"}
	case len(here.PartitionKey) != 1 || here.PartitionKey[0] != w.Column:
		return nil, &repair.RefusedError{Why: fmt.Sprintf("method swap: the table is partitioned by %s, and the window is one of %s", strings.Join(here.PartitionKey, ", "), w.Column)}
	}
	for _, c := range here.Columns {
		if strings.HasPrefix(c.Generated, "identity") {
			return nil, &repair.RefusedError{Why: "method swap: " + c.Name + " numbers itself, and a partition of its own would begin anew"}
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
	return nil, &repair.RefusedError{Why: "method swap: no partition holds just the window; there are " + strings.Join(ranges, ", ")}
}

// sameInstant compares a bound as the engine prints it with one of the window.
func sameInstant(bound string, at time.Time) bool {
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02 15:04:05.999999", "2006-01-02 15:04:05-07", "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05-07:00"} {
		if t, err := time.Parse(layout, bound); err == nil {
			return t.Equal(at)
		}
	}
	return false
}

// ownWays refuses a leaf with rules of its own, which the staged table would not
// have: PostgreSQL keeps them with the partition, not with its parent.
const ownWays = `SELECT coalesce(string_agg(what, ', '), '') FROM (
SELECT 'privileges' AS what FROM pg_catalog.pg_class WHERE oid = $1::regclass AND relacl IS NOT NULL
UNION ALL SELECT 'the trigger ' || tgname FROM pg_catalog.pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgparentid = 0
UNION ALL SELECT 'the policy ' || polname FROM pg_catalog.pg_policy WHERE polrelid = $1::regclass
UNION ALL SELECT 'partitions' FROM pg_catalog.pg_class WHERE oid = $1::regclass AND relkind <> 'r'
UNION ALL SELECT 'another owner' FROM pg_catalog.pg_class c, pg_catalog.pg_class p WHERE c.oid = $1::regclass AND p.oid = $2::regclass AND c.relowner <> p.relowner) own`

// swapped are the quoted names of a swap in PostgreSQL.
type swapped struct {
	exchanged
	*leaf
	schema, leafName, part, staged, kept string // part: schema.leaf
	database, boundCheck                 string
}

func (a *Partition) swapNames(x exchanged, r *repair.Run, l *leaf, w reload) (s swapped, err error) {
	s.exchanged, s.leaf = x, l
	var errs [3]error
	s.schema, errs[0] = x.writer.Dialect.Quote(r.Repair.Table.Schema)
	s.leafName, errs[1] = x.writer.Dialect.Quote(l.Name)
	column, err := x.writer.Dialect.Quote(w.Column)
	errs[2] = err
	if err := errors.Join(errs[:]...); err != nil {
		return s, &repair.RefusedError{Why: err.Error()}
	}
	s.database = r.Repair.Table.Schema
	s.part = s.schema + "." + s.leafName
	s.staged, s.kept = x.writer.Staging(r.Repair, "new").Name, x.writer.Staging(r.Repair, "old").Name
	layout := "2006-01-02 15:04:05.999999-07"
	s.boundCheck = fmt.Sprintf("%s IS NOT NULL AND %s >= '%s' AND %s < '%s'", column, column, w.From.Format(layout), column, w.To.Format(layout))
	return s, nil
}

// makeLeaf makes an empty table like a partition, with its keys, indexes and
// constraints, and one that says that all of it is inside the window: with it
// ATTACH need not look at the rows.
func (s swapped) makeLeaf(ctx context.Context) error {
	w := s.writer
	var own string
	if err := w.DB.QueryRowContext(ctx, ownWays, s.part, s.table).Scan(&own); err != nil {
		return w.Classed("looking at the partition", err)
	}
	if own != "" {
		return &repair.RefusedError{Why: "method swap: the partition " + s.Name + " has " + own + " of its own, which the new one would not have"}
	}
	for _, st := range []string{
		"CREATE TABLE IF NOT EXISTS " + s.from + " (LIKE " + s.part + " INCLUDING ALL)",
		"ALTER TABLE " + s.from + " DROP CONSTRAINT IF EXISTS sentinel_window",
		"ALTER TABLE " + s.from + " ADD CONSTRAINT sentinel_window CHECK (" + s.boundCheck + ")",
	} {
		if _, err := w.DB.ExecContext(ctx, st); err != nil {
			return w.Classed("making a partition", err)
		}
	}
	return nil
}

// swap puts the staged partition in the place of the one that is there, which is
// kept whole for the way back: DETACH and ATTACH in one transaction, with fence
// and ledger. Readers see one or the other.
func (s swapped) swap(ctx context.Context, r *repair.Run, step string) error {
	w := s.writer
	if err := same(ctx, r, step); err != nil {
		return err
	}
	before, err := repair.TableDigest(ctx, w, w.DB, r.Repair.Table)
	if err != nil {
		return w.Classed("reading the catalog", err)
	}
	_, err = w.Commit(ctx, r, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if _, err := tx.ExecContext(ctx, "LOCK TABLE "+s.table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return 0, err
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
		now, err := checksumOf(ctx, s.writer, tx, from, s.names, condition, args...)
		if err == nil && string(now) != then {
			err = &repair.ChangedError{What: fmt.Sprintf("%s (%s; then %s)", what, now, cmp.Or(then, "nothing"))}
		}
		return err
	}
	if err := held(windowMark, s.table, " WHERE "+s.where, "rows of the window were written since the source was read", s.args...); err != nil {
		return 0, err
	}
	if err := held(stagedMark, s.from, "", "the staged rows are not those that were verified"); err != nil {
		return 0, err
	}
	err = s.run(ctx, tx,
		"ALTER TABLE "+s.table+" DETACH PARTITION "+s.part,
		"ALTER TABLE "+s.part+" RENAME TO "+s.kept, "ALTER TABLE "+s.schema+"."+s.kept+" SET SCHEMA sentinel",
		"ALTER TABLE sentinel."+s.staged+" SET SCHEMA "+s.schema, "ALTER TABLE "+s.schema+"."+s.staged+" RENAME TO "+s.leafName,
		"ALTER TABLE "+s.table+" ATTACH PARTITION "+s.part+" "+s.Bound,
		"ALTER TABLE "+s.part+" DROP CONSTRAINT sentinel_window")
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
	err = s.run(ctx, tx,
		"ALTER TABLE "+s.table+" DETACH PARTITION "+s.part,
		"ALTER TABLE "+s.part+" RENAME TO "+s.staged, "ALTER TABLE "+s.schema+"."+s.staged+" SET SCHEMA sentinel",
		"ALTER TABLE sentinel."+s.kept+" SET SCHEMA "+s.schema, "ALTER TABLE "+s.schema+"."+s.kept+" RENAME TO "+s.leafName,
		"ALTER TABLE "+s.table+" ATTACH PARTITION "+s.part+" "+s.Bound)
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
