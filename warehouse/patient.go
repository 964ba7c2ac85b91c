package warehouse

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pause is how long a patient connection lets answers come together.
const pause = 3 * time.Millisecond

// patient is a connection on which the answers of a pipeline are read some at a
// time: a server sends each by itself, and to wake up for every one of them
// costs an agent more than all else that it does.
type patient struct {
	net.Conn
	piped atomic.Bool // a pipeline's answers are awaited
}

// Read implements net.Conn.
func (p *patient) Read(b []byte) (int, error) {
	if p.piped.Load() {
		time.Sleep(pause)
	}
	return p.Conn.Read(b)
}

// patiently is what pgconn makes of a connection that is patient. Requests to
// cancel a statement go over connections of their own, which are not.
func patiently(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	return &patient{Conn: conn}, nil
}
