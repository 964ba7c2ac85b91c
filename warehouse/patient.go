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

// patiently makes connections of cfg patient, and returns where the last one is.
func patiently(cfg *pgconn.Config) (*pgconn.Config, func() *patient) {
	cfg = cfg.Copy()
	dial := cfg.DialFunc
	var last *patient
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		last = &patient{Conn: conn}
		return last, nil
	}
	return cfg, func() *patient { return last }
}
