package warehouse

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A patient connection lets answers come together for three quarters of the time
// that those still awaited are thought to take, within these bounds.
const shortPause, longPause = 3 * time.Millisecond, 50 * time.Millisecond

// patient is a connection on which the answers of a pipeline are read some at a
// time: a server sends each by itself, and to wake up for every one of them
// costs an agent more than all else that it does.
type patient struct {
	net.Conn
	awaited atomic.Int64 // how long the answers of a pipeline may still take; 0: there is none
}

// Read implements net.Conn.
func (p *patient) Read(b []byte) (int, error) {
	if awaited := time.Duration(p.awaited.Load()); awaited > 0 {
		time.Sleep(min(max(awaited*3/4, shortPause), longPause))
	}
	return p.Conn.Read(b)
}

// patiently is what pgconn makes of a connection that is patient. Requests to
// cancel a statement go over connections of their own, which are not.
func patiently(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	return &patient{Conn: conn}, nil
}
