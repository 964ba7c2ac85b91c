package reload

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// sharesServer reports whether a source is in the warehouse of the table.
func (l loader) sharesServer(source sourceRef) bool {
	return source.path == "" && source.table.Warehouse == l.run.Repair.Table.Warehouse
}

// checkSource reads the source of the staged rows again, right before the exchange. Rows
// that it no longer has as they are staged are not put in place: they are staged again.
// Two readings that agree also say that the source held all of these rows at one moment,
// the one between them, although each reading takes several statements.
func (l loader) checkSource(ctx context.Context, step string) error {
	if step != "apply" {
		return nil
	}
	if l.target == nil {
		var err error
		if l.target, err = repair.ReadTable(ctx, l.run.Target.Read, l.run.Repair.Table); err != nil {
			return err
		}
	}
	name, err1 := l.checkpoints.get(ctx, l.writer.DB, sourceCheckpoint)
	values, err2 := l.checkpoints.get(ctx, l.writer.DB, valuesCheckpoint)
	if err := errors.Join(err1, err2); err != nil {
		return l.writer.WrapError("reading what was staged", err)
	}
	sources := l.details.sources()
	at := slices.IndexFunc(sources, func(s sourceRef) bool { return s.String() == name })
	var staged rowvalues.Digest
	if at < 0 || json.Unmarshal([]byte(values), &staged) != nil {
		return l.restage(ctx, "it is not known what was staged")
	}
	err := l.compareSource(ctx, sources[at], staged)
	if moved := (*repair.TransientError)(nil); errors.As(err, &moved) {
		moved.Err = fmt.Errorf("%s: %w", name, moved.Err)
	}
	return err
}

// compareSource compares a source as it is now with what was staged of it.
func (l loader) compareSource(ctx context.Context, source sourceRef, staged rowvalues.Digest) error {
	now, err := l.readAgain(ctx, source)
	var refused *repair.RefusedError
	switch {
	case errors.As(err, &refused):
		return l.restage(ctx, refused.Why)
	case err != nil || now.Equal(staged):
		return err
	case now.Rows != staged.Rows:
		return l.restage(ctx, fmt.Sprintf("%d rows were read, and it has %d by now", staged.Rows, now.Rows))
	}
	return l.restage(ctx, "its rows are "+now.Differing(staged, l.details.Columns)+" by now")
}

// restage discards what was staged, and returns the error that has it staged again. The
// engine bounds how often.
func (l loader) restage(ctx context.Context, why string) error {
	err := l.writer.RunFenced(ctx, l.run, "discarding what was staged",
		func(tx *sql.Tx) error { return l.discardStaged(ctx, tx) })
	if err != nil {
		return err
	}
	return &repair.TransientError{Restage: true, Err: fmt.Errorf("it does not hold still: %s. Its rows are put in place "+
		"only if they stay the same until then: wait for what writes to it, or load from a copy", why)}
}

// ignoreApplied returns nil for a repair that an earlier agent has applied.
func ignoreApplied(err error) error {
	if errors.Is(err, errApplied) {
		return nil
	}
	return err
}

// readAgain returns the digest of a source's window as it is now, in the form that the
// table would hold.
func (l loader) readAgain(ctx context.Context, source sourceRef) (rowvalues.Digest, error) {
	if source.path != "" {
		return l.readFileAgain(ctx, source.path)
	}
	_, _, pairs, err := openTable(ctx, l.run.Target, source.table, l.details)
	if err != nil {
		return rowvalues.Digest{}, err
	}
	if l.sharesServer(source) && rowvalues.CarriedInServer(pairs) {
		var carrier *carrier
		err := l.writer.RunFenced(ctx, l.run, "reading "+source.String()+" again", func(tx *sql.Tx) (err error) {
			carrier, err = l.readWithinServer(ctx, tx, source.table, pairs)
			return err
		})
		if err != nil {
			return rowvalues.Digest{}, err
		}
		return carrier.sum, nil
	}
	from, err := l.openBatches(ctx, source.table, pairs)
	if err != nil {
		return rowvalues.Digest{}, err
	}
	var after []keyPart
	return l.digestBatches(pairs, func(c *carrier) (rows [][]warehouse.Value, last bool, err error) {
		rows, last, err = from.next(ctx, after)
		if err == nil && len(rows) > 0 {
			after = c.keyParts(rows[len(rows)-1])
		}
		return rows, last, err
	})
}

func (l loader) readFileAgain(ctx context.Context, path string) (sum rowvalues.Digest, err error) {
	f, err := openFile(ctx, path)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.f.Close()) }()
	pairs, err := f.pairs(l.details)
	if err != nil {
		return sum, err
	}
	return l.digestBatches(pairs, func(*carrier) (rows [][]warehouse.Value, last bool, err error) {
		rows, last, err = f.read(l.details.Columns, l.action.BatchRows)
		l.keepEmptyTexts(f, rows)
		return rows, last, err
	})
}

// digestBatches returns the digest of the rows that next returns, up to the last.
func (l loader) digestBatches(
	pairs []rowvalues.Pair, next func(*carrier) (rows [][]warehouse.Value, last bool, err error),
) (rowvalues.Digest, error) {
	carrier, err := l.newCarrier(pairs, rowvalues.Digest{})
	if err != nil {
		return rowvalues.Digest{}, err
	}
	for last := false; !last; {
		var rows [][]warehouse.Value
		if err := l.run.Alive(); err != nil {
			return rowvalues.Digest{}, err
		}
		if rows, last, err = next(carrier); err != nil {
			return rowvalues.Digest{}, err
		}
		for _, row := range rows {
			if _, err := carrier.carry(row); err != nil {
				return rowvalues.Digest{}, err
			}
		}
		if carrier.sum.Rows > l.action.MaxRows {
			return rowvalues.Digest{}, repair.Refuse("more than max_rows %d", l.action.MaxRows)
		}
	}
	return carrier.sum, nil
}
