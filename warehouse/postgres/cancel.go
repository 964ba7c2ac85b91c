package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// canceller sends a cancel request when a context ends, and waits for it: the connection
// is used again only when no cancel request is under way. It always lets the request
// end, because PgBouncer 1.18 dies of one whose sender leaves early.
type canceller struct {
	conn *pgconn.PgConn
	sent chan struct{} // closed when the request has ended
}

// HandleCancel implements ctxwatch.Handler. A server that answers nothing is given up.
func (c *canceller) HandleCancel(context.Context) {
	ctx, cancel := context.WithTimeout(context.Background(), warehouse.Probe)
	deadline, _ := ctx.Deadline()
	_ = c.conn.Conn().SetDeadline(deadline) // a closed connection needs none
	c.sent = make(chan struct{})
	go func() {
		defer close(c.sent)
		defer cancel()
		if c.conn.CancelRequest(ctx) == nil {
			<-time.After(100 * time.Millisecond) // the server has the request, and may not have delivered it
		}
	}()
}

// HandleUnwatchAfterCancel implements ctxwatch.Handler.
func (c *canceller) HandleUnwatchAfterCancel() {
	<-c.sent
	_ = c.conn.Conn().SetDeadline(time.Time{}) // an error says that it is closed
}
