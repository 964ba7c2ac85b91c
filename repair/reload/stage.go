package reload

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/rowvalues"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Stage implements Action. It copies the window of the first usable source to a staging
// table, and verifies it there. It does not change the target.
func (a *Partition) Stage(ctx context.Context, run *repair.Run) error {
	details, err := a.decodeDetails(run)
	if err != nil {
		return err
	}
	writer := run.Target.Write
	if err := writer.Prepare(ctx, run.Repair.Table.Schema); err != nil {
		return err
	}
	if applied, err := writer.Done(ctx, run.Repair, "apply"); applied || err != nil {
		return err // an earlier agent applied the repair and crashed: nothing is staged again
	}
	if err := checkTransactional(ctx, writer, run.Repair.Table); err != nil {
		return err
	}
	if swapped, err := a.swappedBeforeCrash(ctx, run, details); swapped || err != nil {
		return err
	}
	run.Failpoint("before_stage")
	target, err := a.checkUnchanged(ctx, run, details, "apply")
	if err != nil {
		return err
	}
	var problems []error
	for i, source := range details.sources() {
		if why, ok := run.Unhelpful(source.String()); ok {
			problems = append(problems, &repair.UnhelpfulError{Why: source.String() + ": " + why})
			continue
		}
		err := a.stageFrom(ctx, run, details, source, target)
		if errors.Is(err, errApplied) {
			return nil
		}
		if err == nil {
			if run.Source = ""; i > 0 {
				run.Source = source.String()
			}
			run.Failpoint("staged")
			return nil
		}
		fenced, lost := errors.As(err, new(*repair.FencedError)), errors.As(err, new(*repair.LostError))
		if fenced || lost || run.Alive() != nil || ctx.Err() != nil {
			return err // another source would not help
		}
		if again := (*repair.TransientError)(nil); errors.As(err, &again) && again.Restage {
			return &repair.TransientError{Restage: true, After: again.After, Err: fmt.Errorf("%s: %w", source, again.Err)}
		}
		problems = append(problems, fmt.Errorf("%s: %w", source, err))
	}
	// An unavailable source may come back, so it is worth another try. Refusals are
	// final.
	all := errors.Join(problems...)
	if isTransient(all) {
		return &repair.TransientError{Err: all}
	}
	if unhelpful := (*repair.UnhelpfulError)(nil); errors.As(all, &unhelpful) {
		return &repair.UnhelpfulError{Why: strings.ReplaceAll(all.Error(), "\n", "; ")}
	}
	return &repair.RefusedError{Why: strings.ReplaceAll(all.Error(), "\n", "; ")}
}

func isTransient(err error) bool {
	var t *repair.TransientError
	return errors.As(err, &t)
}

// checkTransactional refuses tables whose engine cannot roll back.
func checkTransactional(ctx context.Context, writer *repair.Writer, t sentinel.Table) error {
	checker, ok := writer.Dialect.(warehouse.RollbackChecker)
	if !ok {
		return nil
	}
	var problem string
	if err := writer.DB.QueryRowContext(ctx, checker.WithoutRollback(), t.Schema, t.Name).Scan(&problem); err != nil {
		return writer.WrapError("reading the table's engine", err)
	}
	if problem != "" {
		return &repair.RefusedError{Why: problem}
	}
	return nil
}

// createLike creates an empty table with columns of the target, without its keys. Rows are
// found in it by the key of the repair.
func (l loader) createLike(ctx context.Context, name, columns string) error {
	index, err := l.indexKey()
	if err != nil {
		return err
	}
	st := "CREATE TABLE IF NOT EXISTS " + name + index + " AS SELECT " + columns + " FROM " + l.table + " WHERE 1 = 0"
	_, err = l.writer.DB.ExecContext(ctx, st)
	return l.writer.WrapError("making a staging table", err)
}

// indexKey returns the definition of an index on the key, for an engine that needs one.
func (l loader) indexKey() (string, error) {
	indexer, ok := l.writer.Dialect.(warehouse.KeyIndexer)
	if !ok || len(l.details.Key) == 0 {
		return "", nil
	}
	names, err := quoteAll(l.writer.Dialect, l.details.Key)
	if err != nil {
		return "", err
	}
	key := make([]warehouse.KeyColumn, len(names))
	for i, name := range names {
		at := slices.Index(l.details.Columns, l.details.Key[i])
		if at < 0 {
			return "", nil // it is not staged
		}
		key[i] = warehouse.KeyColumn{Name: name, Type: l.details.Types[at]}
	}
	return " " + indexer.IndexKey(key), nil
}

func (a *Partition) stageFrom(
	ctx context.Context, run *repair.Run, details planDetails, source sourceRef, target *warehouse.Table,
) error {
	expected, pairs, err := a.inspectSource(ctx, run.Target, source, details)
	if err != nil {
		return err
	}
	l, err := a.newLoader(run, details, "new", "")
	if err != nil {
		return err
	}
	l.target = target
	if l.table, err = l.writer.Name(target.TableName); err != nil {
		return &repair.RefusedError{Why: err.Error()}
	}
	var sameServer *warehouse.TableName
	if l.sharesServer(source) {
		sameServer = &warehouse.TableName{Schema: source.table.Schema, Name: source.table.Name}
	}
	if err := l.checkAccount(ctx, sameServer); err != nil {
		return err
	}
	if l.checkpoints, err = openCheckpoints(ctx, l.writer, run.Repair); err != nil {
		return err
	}
	if err := l.createStagingTable(ctx); err != nil {
		return err
	}
	var copied copiedRows
	switch {
	case source.path != "":
		copied, err = l.copyFile(ctx, source.path, pairs)
	case l.sharesServer(source) && rowvalues.CarriedInServer(pairs):
		copied, err = l.copyWithinServer(ctx, source.table, pairs)
	default:
		copied, err = l.copyFromWarehouse(ctx, source.table, expected, pairs)
	}
	if err != nil {
		return err
	}
	if copied.resumed { // the source may have changed since the agent before read it
		if err := l.compareSource(ctx, source, copied.sum); err != nil {
			return err
		}
	}
	if err := l.verifyStaged(ctx, expected); err != nil {
		return err
	}
	if err := l.checkLost(ctx); err != nil {
		return err
	}
	return l.readBack(ctx, source, copied)
}

// readBack compares the staged rows with those that left the source, and saves that they
// are the same.
func (l loader) readBack(ctx context.Context, source sourceRef, copied copiedRows) error {
	var differs string
	err := l.writer.RunFenced(ctx, l.run, "verifying what was staged", func(tx *sql.Tx) (err error) {
		differs, err = l.saveStaged(ctx, tx, source, copied)
		return err
	})
	if err != nil || differs == "" {
		return err
	}
	return l.explainDifference(ctx, source, copied, differs)
}

// copiedRows are the rows that were staged, as they left the source.
type copiedRows struct {
	sum     rowvalues.Digest
	index   *rowvalues.Index
	resumed bool // an agent before has read a part of them, or all
	twice   bool // the server read the source once more to copy it
}

// saveStaged reads the staged rows back. If they hold the values that left the source, it
// saves their digest and their checksum, which the exchange compares. Otherwise it returns
// what differs.
func (l loader) saveStaged(
	ctx context.Context, tx *sql.Tx, source sourceRef, copied copiedRows,
) (differs string, err error) {
	differs, err = l.sameValues(ctx, tx, l.from, nil, copied)
	if err != nil || differs != "" {
		return differs, err
	}
	staged, err := l.checksum(ctx, tx, l.from, "")
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(copied.sum)
	if err != nil {
		return "", err
	}
	return "", errors.Join(l.checkpoints.set(ctx, tx, valuesCheckpoint, string(text)),
		l.checkpoints.set(ctx, tx, stagedCheckpoint, string(staged)),
		l.checkpoints.set(ctx, tx, sourceCheckpoint, source.String()))
}

// explainDifference returns why the staged rows are not those that left the source: the
// source was written to, or a type stores a value as another.
func (l loader) explainDifference(
	ctx context.Context, source sourceRef, copied copiedRows, differs string,
) error {
	if copied.twice {
		if err := l.compareSource(ctx, source, copied.sum); err != nil {
			return err
		}
	}
	return repair.Refuse("what was staged is not what left the source: %s: the table's type stores these values as "+
		"others", differs)
}

// saveWindowChecksum saves the checksum of the window before the source is read. Rows
// that arrive after it are noticed, and not deleted.
func (l loader) saveWindowChecksum(ctx context.Context, tx *sql.Tx) error {
	now, err := l.windowChecksum(ctx, tx)
	if err != nil {
		return err
	}
	return l.checkpoints.set(ctx, tx, windowCheckpoint, string(now))
}

// errApplied says that an earlier agent has put the staged rows in place: they must not be
// staged again.
var errApplied = errors.New("an earlier agent has applied the repair")

// discardStaged empties the staging table and forgets what was staged, in one transaction.
// So rows of two sources, or of two states of one source, never stand there together.
func (l loader) discardStaged(ctx context.Context, tx *sql.Tx) error {
	if applied, err := l.writer.DoneIn(ctx, tx, l.run.Repair, "apply"); err != nil || applied {
		return cmp.Or(err, errApplied)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+l.from); err != nil {
		return err
	}
	return l.checkpoints.clear(ctx, tx)
}

// beginStaging discards what was staged, and saves what the window holds before the source
// is read.
func (l loader) beginStaging(ctx context.Context, tx *sql.Tx) error {
	if err := l.discardStaged(ctx, tx); err != nil {
		return err
	}
	return l.saveWindowChecksum(ctx, tx)
}

// copyWithinServer copies within one server, in one transaction. It reads the source
// first, so that a value that the table cannot hold is named and refused, and compares
// the copy with what it read.
func (l loader) copyWithinServer(
	ctx context.Context, source sentinel.Table, pairs []rowvalues.Pair,
) (copied copiedRows, err error) {
	from, err := l.writer.Name(warehouse.TableName{Schema: source.Schema, Name: source.Name})
	if err != nil {
		return copied, &repair.RefusedError{Why: err.Error()}
	}
	err = l.writer.RunFenced(ctx, l.run, "staging from "+source.String(), func(tx *sql.Tx) error {
		if err := l.beginStaging(ctx, tx); err != nil {
			return err
		}
		carrier, err := l.readWithinServer(ctx, tx, source, pairs)
		if err != nil {
			return err
		}
		copied = copiedRows{sum: carrier.sum, index: carrier.index, twice: true}
		l.run.Failpoint("before_copy")
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+l.from+" ("+l.columns+") SELECT "+l.columns+" FROM "+from+
			" WHERE "+l.where, l.args...); err != nil {
			return err
		}
		l.run.Failpoint("staging_batch")
		return nil
	})
	return copied, err
}

// readWithinServer reads the window of a table of the same server.
func (l loader) readWithinServer(
	ctx context.Context, tx *sql.Tx, source sentinel.Table, pairs []rowvalues.Pair,
) (*carrier, error) {
	from, err := l.writer.Name(warehouse.TableName{Schema: source.Schema, Name: source.Name})
	if err != nil {
		return nil, &repair.RefusedError{Why: err.Error()}
	}
	reader, err := readerOf(l.writer.Dialect, l.details.Columns, pairs)
	if err != nil {
		return nil, err
	}
	carrier, err := l.newCarrier(pairs, rowvalues.Digest{})
	if err != nil {
		return nil, err
	}
	return carrier, reader.each(ctx, tx, from+" WHERE "+l.where, l.args, func(row []warehouse.Value) error {
		if carrier.sum.Rows >= l.action.MaxRows {
			return repair.Refuse("more than max_rows %d", l.action.MaxRows)
		}
		_, err := carrier.carry(row)
		return err
	})
}
