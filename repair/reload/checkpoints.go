package reload

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// checkpoints are what a repair has to remember beside its staged rows: in the same
// database, so that a mark and what it is about commit together.
type checkpoints struct {
	writer *repair.Writer
	table  string
}

// The marks of a reload.
const (
	windowCheckpoint  = "window"  // checksum of the window's rows before the source was read
	stagedCheckpoint  = "staged"  // checksum of the staged rows, once verified
	appliedCheckpoint = "applied" // checksum of the window after the exchange
	batchCheckpoint   = "batch"   // how far staging in batches has come
)

// openCheckpoints makes the table of a repair's marks where it is missing.
func openCheckpoints(ctx context.Context, writer *repair.Writer, r sentinel.Repair) (checkpoints, error) {
	name, err := writer.Name(writer.Staging(r, "marks"))
	if err != nil {
		return checkpoints{}, &repair.RefusedError{Why: err.Error()}
	}
	_, err = writer.DB.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+name+" (name varchar(20) NOT NULL PRIMARY KEY, "+
		"value "+writer.Dialect.LongTextType()+" NOT NULL)")
	return checkpoints{writer, name}, writer.WrapError("making a table of checkpoints", err)
}

// get is "" when there is no such mark.
func (m checkpoints) get(ctx context.Context, q repair.Querier, name string) (value string, err error) {
	err = q.QueryRowContext(ctx, "SELECT value FROM "+m.table+" WHERE name = "+m.writer.Param(1), name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func (m checkpoints) set(ctx context.Context, tx *sql.Tx, name, value string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+m.table+" WHERE name = "+m.writer.Param(1), name); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx,
		"INSERT INTO "+m.table+" (name, value) VALUES ("+m.writer.Param(1)+", "+m.writer.Param(2)+")", name, value)
	return err
}
