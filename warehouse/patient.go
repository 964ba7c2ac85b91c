package warehouse

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A patient connection lets answers come together for three quarters of the time
// that those still awaited are thought to take, within these bounds.
const shortPause, longPause = 3 * time.Millisecond, 50 * time.Millisecond

// patient is a connection on which answers are read some at a time: a server sends
// each by itself, and to wake up for every one of them costs an agent more than all
// else that it does.
type patient struct {
	net.Conn
	socket  syscall.RawConn // nil where the connection has none
	awaited atomic.Int64    // how long the answers of a pipeline may still take; 0: there is none
	full    bool            // the last read filled its buffer: there may be more
	more    atomic.Bool     // what is written now waits for more
	written []byte          // and waits here
}

// held is how much is written at once, at most.
const held = 16 << 10

// Write implements net.Conn.
func (p *patient) Write(b []byte) (n int, err error) {
	if p.more.Load() && len(p.written)+len(b) <= held {
		p.written = append(p.written, b...)
		return len(b), nil
	}
	if len(p.written) == 0 {
		return p.Conn.Write(b)
	}
	before := len(p.written)
	n, err = p.Conn.Write(append(p.written, b...))
	p.written = p.written[:0]
	return max(n-before, 0), err
}

// Read implements net.Conn.
func (p *patient) Read(b []byte) (n int, err error) {
	if awaited := time.Duration(p.awaited.Load()); awaited > 0 && !p.full {
		p.wakeAt(quietly)
		time.Sleep(min(max(awaited*3/4, shortPause), longPause))
		p.wakeAt(1)
	}
	n, err = p.Conn.Read(b)
	p.full = n == len(b)
	return n, err
}

// quietly is how many bytes may come without a word, well within what a socket
// holds.
const quietly = 64 << 10

// wakeAt asks the system to wake the process when so many bytes have come: the
// runtime hears of every packet otherwise, also while nobody reads. Where that
// cannot be asked for, more is heard and nothing lost.
func (p *patient) wakeAt(bytes int) {
	if p.socket != nil {
		_ = p.socket.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes) })
	}
}

// patiently is what pgconn makes of a connection that is patient. Requests to
// cancel a statement go over connections of their own, which are not.
func patiently(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
	p, under := &patient{Conn: conn}, conn
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok {
		under = secured.NetConn()
	}
	if c, ok := under.(syscall.Conn); ok {
		p.socket, _ = c.SyscallConn() // nil on an error
	}
	return p, nil
}
