package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
)

// leaderLock is the advisory lock that the leader holds, on a session of its own.
const leaderLock = 0x53656e74

// frozenAfter is how long a leader may be silent before another may take over.
const frozenAfter = 10 * time.Second

// leadership makes this process the only writer of a state, and proves it: the epoch in
// the table leader grows with every agent that begins to lead.
type leadership struct {
	login login
	epoch atomic.Int64

	// session holds the connection with the advisory lock. It is nil while the
	// connection is lost. A goroutine that takes it out of the channel uses it alone,
	// and puts it back.
	session chan *pgx.Conn
}

func newLeadership(by login) *leadership {
	l := &leadership{login: by, session: make(chan *pgx.Conn, 1)}
	l.session <- nil
	return l
}

// take makes this process the leader, or returns ErrLocked. prepare runs with
// the lock held. It may take long, and the session is silent meanwhile.
func (l *leadership) take(ctx context.Context, prepare func(context.Context) error) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	holder := fmt.Sprintf("process %d", os.Getpid())
	if host, err := os.Hostname(); err == nil {
		holder += " on " + host
	}
	var epoch int64
	if err = prepare(ctx); err == nil {
		err = endWhenSilent(ctx, conn)
	}
	if err == nil {
		const begin = "UPDATE leader SET epoch = epoch + 1, holder = $1, since = now() RETURNING epoch"
		err = conn.QueryRow(ctx, begin, holder).Scan(&epoch)
	}
	if err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	l.epoch.Store(epoch)
	<-l.session
	l.session <- conn
	return nil
}

// connect opens the session that holds the lock.
func (l *leadership) connect(ctx context.Context) (*pgx.Conn, error) {
	var conn *pgx.Conn
	err := l.login.connect(ctx, func(cfg *pgx.ConnConfig) (err error) {
		// A machine that vanishes from the network says nothing: the server asks.
		cfg.RuntimeParams["application_name"] = "sentinel leader"
		cfg.RuntimeParams["tcp_keepalives_idle"] = "4"
		cfg.RuntimeParams["tcp_keepalives_interval"] = "2"
		cfg.RuntimeParams["tcp_keepalives_count"] = "2"
		conn, err = pgx.ConnectConfig(ctx, cfg)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := lock(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// endWhenSilent lets the server end the session, and drop its lock, when the session has been
// silent: a process that is frozen keeps its connections. Before PostgreSQL 14 the server
// cannot.
func endWhenSilent(ctx context.Context, conn *pgx.Conn) error {
	const timeout = "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'idle_session_timeout'"
	_, err := conn.Exec(ctx, timeout, fmt.Sprint(frozenAfter.Milliseconds()))
	return err
}

// lock takes the advisory lock. The error is ErrLocked while another agent has it.
func lock(ctx context.Context, conn *pgx.Conn) error {
	var got bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", leaderLock).Scan(&got); err != nil {
		return err
	}
	if got {
		return nil
	}
	holder := ""
	if err := conn.QueryRow(ctx, "SELECT holder FROM leader").Scan(&holder); err != nil {
		return engine.ErrLocked // the other is only just making the tables
	}
	if holder == "" {
		return engine.ErrLocked
	}
	return fmt.Errorf("%w (%s)", engine.ErrLocked, holder)
}

// check returns nil while this process leads. If the session was lost and nobody else
// has led since, it takes the lock again.
func (l *leadership) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var conn *pgx.Conn
	select {
	case conn = <-l.session:
	case <-ctx.Done():
		return ctx.Err()
	}
	conn, err := l.renew(ctx, conn)
	l.session <- conn
	return err
}

// renew returns the session that holds the lock, or nil and why there is none.
func (l *leadership) renew(ctx context.Context, conn *pgx.Conn) (*pgx.Conn, error) {
	if conn != nil {
		if err := conn.Ping(ctx); err == nil {
			return conn, nil
		}
		_ = conn.Close(ctx) // it is gone already, with the lock
	}
	conn, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := endWhenSilent(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	var epoch int64
	if err := conn.QueryRow(ctx, "SELECT epoch FROM leader").Scan(&epoch); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	if epoch != l.epoch.Load() {
		return nil, errors.Join(engine.ErrOvertaken, conn.Close(ctx))
	}
	return conn, nil
}

// fence accepts a transaction of the leader and refuses others. The row stays locked
// until the transaction ends.
func (l *leadership) fence(ctx context.Context, tx *sql.Tx) error {
	var epoch int64
	if err := tx.QueryRowContext(ctx, "SELECT epoch FROM leader FOR SHARE").Scan(&epoch); err != nil {
		return err
	}
	if epoch != l.epoch.Load() {
		return engine.ErrOvertaken
	}
	return nil
}

// close ends the session, and with it the lock.
func (l *leadership) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	select {
	case conn := <-l.session:
		l.session <- nil
		if conn == nil {
			return nil
		}
		return conn.Close(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
