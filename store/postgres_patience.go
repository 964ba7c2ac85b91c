package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// commitTime bounds a transaction, and with it the wait for a commit whose
// answer does not come.
const commitTime = time.Minute

// silence bounds the wait for the next row of a query: longer than the server's
// own limit of a statement.
const silence = 65 * time.Second

// impatient ends a context when nothing was heard for long.
func impatient(ctx context.Context) (_ context.Context, heard, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(silence, func() { cancel(errors.New("the state is silent")) })
	return ctx, func() { timer.Reset(silence) }, func() { timer.Stop(); cancel(nil) }
}

// writeShared is write over a network, which may be silent without an error: who
// waits for an answer when ctx ends is woken by the end of the connection. A
// commit that is cut short may have happened or not, so that ctx ends everything
// but the commit.
func (s *Store) writeShared(ctx context.Context, do func(*sql.Tx) error) error {
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	conn, tx, hangUp, err := s.begin(ctx, whole)
	if err != nil {
		return err
	}
	defer conn.Close()
	late := context.AfterFunc(whole, hangUp)
	defer late()
	inTime := context.AfterFunc(ctx, hangUp)
	if err = s.lead.fence(ctx, tx); err == nil {
		err = do(tx)
	}
	if !inTime() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return errors.Join(err, rollback(tx))
	}
	return tx.Commit()
}

// begin opens a transaction that outlives ctx, by ctx. A connection that the
// server has given up since it was last used is replaced once.
func (s *Store) begin(ctx, whole context.Context) (conn *sql.Conn, tx *sql.Tx, hangUp func(), err error) {
	for range 2 {
		if conn, err = s.writes.Conn(ctx); err != nil {
			return nil, nil, nil, err
		}
		err = conn.Raw(func(c any) error {
			network := c.(rewritten).Conn.Conn().PgConn().Conn()
			hangUp = func() { _ = network.Close() } // what it was waiting for fails, and says so
			return nil
		})
		if err == nil {
			waiting := context.AfterFunc(ctx, hangUp)
			tx, err = conn.BeginTx(whole, nil)
			waiting()
		}
		if err == nil {
			return conn, tx, hangUp, nil
		}
		err = errors.Join(err, ctx.Err(), conn.Close())
		if !errors.Is(err, driver.ErrBadConn) || ctx.Err() != nil {
			break
		}
	}
	return nil, nil, nil, err
}
