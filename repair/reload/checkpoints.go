package reload

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// checkpoints are the values that a repair keeps beside its staged rows. They are in
// the same database, so that a checkpoint commits together with the rows it describes.
type checkpoints struct {
	writer *repair.Writer
	table  string
}

// The names of the checkpoints of a reload.
const (
	windowCheckpoint  = "window"  // checksum of the window's rows before the source was read
	stagedCheckpoint  = "staged"  // checksum of the staged rows, once verified
	valuesCheckpoint  = "values"  // digest of the values that left the source, as JSON
	appliedCheckpoint = "applied" // checksum of the window after the exchange
	batchCheckpoint   = "batch"   // progress of staging in batches
	sourceCheckpoint  = "source"  // name of the source of the staged rows, once verified
)

// openCheckpoints creates the table of checkpoints of a repair if it is missing.
func openCheckpoints(ctx context.Context, writer *repair.Writer, r sentinel.Repair) (checkpoints, error) {
	name, err := writer.Name(writer.Staging(r, "marks"))
	if err != nil {
		return checkpoints{}, &repair.RefusedError{Why: err.Error()}
	}
	_, err = writer.DB.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+name+" (name varchar(20) NOT NULL PRIMARY KEY, "+
		"value "+writer.Dialect.LongTextType()+" NOT NULL)")
	return checkpoints{writer, name}, writer.WrapError("making a table of checkpoints", err)
}

// get returns the value of a checkpoint; "" if there is none.
func (m checkpoints) get(ctx context.Context, q repair.Querier, name string) (value string, err error) {
	err = q.QueryRowContext(ctx, "SELECT value FROM "+m.table+" WHERE name = "+m.writer.Param(1), name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

// clear forgets all checkpoints.
func (m checkpoints) clear(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM "+m.table)
	return err
}

func (m checkpoints) set(ctx context.Context, tx *sql.Tx, name, value string) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+m.table+" WHERE name = "+m.writer.Param(1), name); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx,
		"INSERT INTO "+m.table+" (name, value) VALUES ("+m.writer.Param(1)+", "+m.writer.Param(2)+")", name, value)
	return err
}
