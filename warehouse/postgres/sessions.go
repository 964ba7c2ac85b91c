package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// sessions keeps up to max connections, opened when they are needed.
type sessions struct {
	login    *warehouse.Login[*pgconn.Config]
	observer warehouse.Observer
	now      func() time.Time
	timings  *warehouse.Timings
	guard    guard         // of statements that must see all rows
	visible  guard         // of statements that read what row security leaves
	limit    time.Duration // of the answer to one statement, should the server not end it
	slots    chan *session // idle connections
	freed    chan struct{} // wakes a goroutine that waits: another connection may be opened

	mu     sync.Mutex
	opened int
	max    int
	closed bool
}

type session struct {
	conn   *pgconn.PgConn
	dsn    string // it was opened by
	born   time.Time
	fresh  bool // connected for this chunk; if it breaks, a new connection would too
	direct bool // leads to a server itself, whose session is set up; else every statement brings its guard
}

// usable reports whether an idle connection is open, still set up, and of the DSN as it
// is now.
func (s *sessions) usable(c *session) bool {
	return !c.conn.IsClosed() && c.dsn == s.login.DSN() && (!c.direct || s.guard.holds(c.conn))
}

func (s *sessions) acquire(ctx context.Context) (*session, error) {
	for {
		select {
		case c := <-s.slots:
			if s.usable(c) && s.now().Sub(c.born) < warehouse.ConnectionLifetime {
				return c, nil
			}
			s.discard(c)
			continue
		default:
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			s.wake() // the others that wait have to give up too
			return nil, errors.New("the warehouse is closed")
		}
		if s.opened < s.max {
			s.opened++
			s.mu.Unlock()
			return s.connect(ctx)
		}
		s.mu.Unlock()
		select {
		case c := <-s.slots:
			if s.usable(c) {
				return c, nil
			}
			s.discard(c)
		case <-s.freed:
		case <-ctx.Done():
			return nil, classify(ctx.Err())
		}
	}
}

// connect opens a connection that is counted as opened already, and sets it up.
func (s *sessions) connect(ctx context.Context) (*session, error) {
	c := &session{born: s.now(), fresh: true}
	err := panics.Catch(func() (err error) {
		c.dsn, err = s.login.Connect(ctx, func(config *pgconn.Config) error { return s.open(ctx, c, config) })
		return err
	})
	if err != nil {
		if c.conn != nil {
			s.discard(c)
		} else {
			s.forget()
		}
		return nil, err
	}
	s.observer.Connected()
	return c, nil
}

// open opens the connection of a session and sets it up.
func (s *sessions) open(ctx context.Context, c *session, config *pgconn.Config) (err error) {
	setUp, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	if c.conn, err = pgconn.ConnectConfig(setUp, config); err != nil {
		return connectError(ctx, err)
	}
	if c.direct, err = s.guard.connect(setUp, c.conn); err != nil && setUp.Err() != nil && ctx.Err() == nil {
		err = connectError(ctx, err)
	}
	return err
}

func (s *sessions) release(c *session) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed || c.conn.IsClosed() {
		s.discard(c)
		return
	}
	s.slots <- c
}

func (s *sessions) discard(c *session) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// The connection is given up also when closing it fails.
	_ = c.conn.Close(ctx)
	s.forget()
}

// awaitCancel waits until the connection, which is closing, has cancelled its statement.
func (c *session) awaitCancel(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, warehouse.Probe)
	defer cancel()
	select {
	case <-c.conn.CleanupDone():
	case <-ctx.Done():
	}
}

// forget counts a connection as no longer opened. A goroutine that waits for one may
// then open another.
func (s *sessions) forget() {
	s.mu.Lock()
	s.opened--
	s.mu.Unlock()
	s.wake()
}

// wake wakes one goroutine that waits for a connection. Where the channel is full,
// nobody waits.
func (s *sessions) wake() {
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// Close implements warehouse.Sessions. Connections in use are closed when they come back.
func (s *sessions) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wake()
	for {
		select {
		case c := <-s.slots:
			s.discard(c)
		default:
			return nil
		}
	}
}

// alive reports whether the server still answers, to a statement on a new connection.
func (s *sessions) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, warehouse.Probe)
	defer cancel()
	var conn *pgconn.PgConn
	_, err := s.login.Connect(ctx, func(config *pgconn.Config) (err error) {
		if conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
			return connectError(ctx, err)
		}
		return nil
	})
	if err != nil {
		return warehouse.KindOf(err) != warehouse.Unreachable && ctx.Err() == nil
	}
	_, err = conn.ExecParams(ctx, "SELECT 1", nil, nil, nil, nil).Close()
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	_ = conn.Close(closing) // it was opened for this question
	return err == nil
}
