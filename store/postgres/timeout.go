package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// commitTime limits a transaction, and so the wait for a commit whose answer does not
// come.
const commitTime = time.Minute

// rowTime limits the wait for the next row of a query. It is longer than the server's
// own limit of a statement.
const rowTime = 65 * time.Second

// Watch returns a context that ends if progress is not called for rowTime: the network
// may be silent without an error. stop must be called.
func (d *DB) Watch(ctx context.Context) (_ context.Context, progress, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(rowTime, func() { cancel(errors.New("the state is silent")) })
	progress = func() { timer.Reset(rowTime) }
	stop = func() {
		timer.Stop()
		cancel(nil)
	}
	return ctx, progress, stop
}

// Write runs do in one transaction of the leader. If do fails, nothing of it stays. All
// commits wait for the disk. A network may be silent without an error: when ctx ends,
// the connection is closed, which wakes the goroutine that waits for an answer. A
// commit that is cut off may have happened or not, so the end of ctx cuts off
// everything but the commit.
func (d *DB) Write(ctx context.Context, _ bool, do func(context.Context, *sql.Tx) error) (err error) {
	if d.writes == nil {
		return engine.ErrReadOnly
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	t, err := d.begin(ctx, whole)
	if err != nil {
		return err
	}
	defer t.conn.Close()
	late := context.AfterFunc(whole, t.hangUp)
	defer late()
	inTime := context.AfterFunc(ctx, t.hangUp)
	committed := false
	defer func() {
		if !committed {
			inTime()
			err = errors.Join(err, rollback(t.tx))
		}
	}()
	if err = d.lead.fence(ctx, t.tx); err == nil {
		err = do(ctx, t.tx)
	}
	if !inTime() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	committed = true
	return t.tx.Commit()
}

func rollback(tx *sql.Tx) error {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// transaction is one under way, with its connection.
type transaction struct {
	conn   *sql.Conn
	tx     *sql.Tx
	hangUp func() // closes the network connection: what waits for it fails
}

// begin opens a transaction with ctx that outlives ctx. A connection that the server
// has closed since its last use is replaced once.
func (d *DB) begin(ctx, whole context.Context) (t transaction, err error) {
	for range 2 {
		if t.conn, err = d.writes.Conn(ctx); err != nil {
			return transaction{}, err
		}
		err = t.conn.Raw(func(c any) error {
			session := c.(rewritten).Conn
			if session != d.session {
				d.session = session
				d.sessions++
			}
			network := session.Conn().PgConn().Conn()
			t.hangUp = func() { _ = network.Close() }
			return nil
		})
		if err == nil {
			waiting := context.AfterFunc(ctx, t.hangUp)
			t.tx, err = t.conn.BeginTx(whole, nil)
			waiting()
		}
		if err == nil {
			return t, nil
		}
		err = errors.Join(err, ctx.Err(), t.conn.Close())
		if !errors.Is(err, driver.ErrBadConn) || ctx.Err() != nil {
			break
		}
	}
	return transaction{}, err
}
