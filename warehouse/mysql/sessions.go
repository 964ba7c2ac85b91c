package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// sessionConnector sets a new session up.
type sessionConnector struct {
	sessions *sessions
	joins    bool // the sessions take several statements at once, where the server does
}

// driverConn is all that database/sql uses of the driver's connection.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

// identified is a connection with its id, for KILL QUERY.
type identified struct {
	driverConn
	id    string
	dsn   string // it was opened by
	joins bool   // it takes several statements at once
	trip  time.Duration
}

// Connect implements driver.Connector.
func (c *sessionConnector) Connect(ctx context.Context) (driver.Conn, error) {
	opened := &identified{}
	var err error
	opened.dsn, err = c.sessions.login.Connect(ctx, func(l *login) error { return c.open(ctx, l, opened) })
	if err != nil {
		return nil, err
	}
	c.sessions.observer.Connected()
	return opened, nil
}

// errOneAtATime says that a server answers, but not to several statements at once.
var errOneAtATime = errors.New("the server takes one statement at a time")

// open opens the connection of a session. Where the server, or a proxy before it, does not
// take several statements at once, it is not asked to again.
func (c *sessionConnector) open(ctx context.Context, l *login, into *identified) error {
	into.joins = c.joins && !c.sessions.single.Load()
	err := c.setUp(ctx, l, into)
	if !errors.Is(err, errOneAtATime) {
		return err
	}
	into.joins = false
	if err = c.setUp(ctx, l, into); err == nil {
		c.sessions.single.Store(true)
	}
	return err
}

// setUp opens a connection and makes the settings of the session.
func (c *sessionConnector) setUp(ctx context.Context, l *login, into *identified) error {
	setUp, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	connector := l.alone
	if into.joins {
		connector = l.joined
	}
	opened, err := connector.Connect(setUp)
	if err != nil {
		return unlessOver(ctx, err)
	}
	into.driverConn = opened.(driverConn)
	start := c.sessions.now()
	if into.id, err = c.sessions.settings.apply(setUp, into.driverConn, into.joins); err != nil {
		if into.joins && into.IsValid() && setUp.Err() == nil {
			err = errors.Join(errOneAtATime, err)
		}
		return errors.Join(err, setUp.Err(), into.Close())
	}
	into.trip = c.sessions.now().Sub(start)
	return nil
}

// Driver implements driver.Connector.
func (c *sessionConnector) Driver() driver.Driver { return &mysql.MySQLDriver{} }

// unlessOver classes the error of a login that the server refused. Other errors stay as
// they are: what they mean depends on who waits.
func unlessOver(ctx context.Context, err error) error {
	if refused := classify(err); ctx.Err() == nil && warehouse.KindOf(refused) == warehouse.Unauthorized {
		return refused
	}
	return err
}

// sessions adds the cancelling of a running statement on the server: the
// driver itself only drops the connection, and the statement would go on.
type sessions struct {
	joined   *sql.DB     // connections that take several statements at once, unless single is set
	alone    *sql.DB     // connections that take one statement at a time, and are not kept
	single   atomic.Bool // the server takes one statement at a time
	max      int
	limit    time.Duration // of one statement, should the server not end it
	login    *warehouse.Login[*login]
	observer warehouse.Observer
	settings settings
	now      func() time.Time
	timings  *warehouse.Timings
	slots    chan struct{} // holds one for each worker that has, or gets, a session
	idle     chan *session // of joined
}

// alive reports whether the server still answers on a new connection.
func (s *sessions) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, warehouse.Probe)
	defer cancel()
	conn, err := s.alone.Conn(ctx)
	if err != nil {
		return warehouse.KindOf(connectError(ctx, err)) != warehouse.Unreachable && ctx.Err() == nil
	}
	err = conn.PingContext(ctx)
	_ = conn.Close() // it has answered
	return err == nil
}

// session is a connection with the id that KILL QUERY needs.
type session struct {
	conn  *sql.Conn
	id    string
	dsn   string // it was opened by
	joins bool   // it takes several statements at once
	trip  time.Duration
	born  time.Time
}

// acquire takes an idle session or opens one, for a worker that has a slot.
func (s *sessions) acquire(ctx context.Context) (c *session, kept bool, err error) {
	for {
		select {
		case c := <-s.idle:
			if s.now().Sub(c.born) < warehouse.ConnectionLifetime && c.dsn == s.login.DSN() {
				return c, true, nil
			}
			s.drop(c)
			continue
		default:
		}
		c, err = s.open(ctx, s.joined)
		return c, false, err
	}
}

// open opens a session.
func (s *sessions) open(ctx context.Context, pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &session{conn: conn, born: s.now()}
	err = conn.Raw(func(raw any) error {
		is := raw.(*identified)
		c.id, c.dsn, c.joins, c.trip = is.id, is.dsn, is.joins, is.trip
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// release keeps a session of the pool joined for later.
func (s *sessions) release(c *session) {
	select {
	case s.idle <- c:
	default:
		s.drop(c)
	}
}

// drop closes a session.
func (s *sessions) drop(c *session) {
	// Raw with ErrBadConn makes database/sql close the connection for good.
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.conn.Close()
}

// Close implements warehouse.Sessions.
func (s *sessions) Close() error {
	for {
		select {
		case c := <-s.idle:
			s.drop(c)
		default:
			return errors.Join(s.joined.Close(), s.alone.Close())
		}
	}
}

func (s *sessions) kill(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), warehouse.Probe)
	defer cancel()
	// When this fails the server's own limit ends the statement a little later.
	_, _ = s.alone.ExecContext(ctx, "KILL QUERY "+id)
}
