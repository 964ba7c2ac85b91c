package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlpool"
)

// sessionConnector sets a new session up.
type sessionConnector struct{ sessions *sessions }

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
	id  string
	dsn string // it was opened by
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

// open opens the connection of a session and sets it up.
func (c *sessionConnector) open(ctx context.Context, l *login, into *identified) error {
	setUp, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	opened, err := l.Connect(setUp)
	if err != nil {
		return unlessOver(ctx, err)
	}
	into.driverConn = opened.(driverConn)
	if into.id, err = c.sessions.settings.apply(setUp, into.driverConn); err != nil {
		return errors.Join(err, setUp.Err(), into.Close())
	}
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
	db       *sql.DB
	max      int
	limit    time.Duration // of one statement, should the server not end it
	login    *warehouse.Login[*login]
	observer warehouse.Observer
	settings settings
	now      func() time.Time
	timings  *warehouse.Timings
	slots    chan struct{} // holds one for each statement that runs
	idle     chan *session
}

// batch is one call of Run.
type batch struct {
	*sessions
	down atomic.Pointer[error] // why the server cannot be reached; the statements that wait fail with it
}

// Run implements warehouse.Sessions.
func (s *sessions) Run(ctx context.Context, statements []warehouse.Statement, done func(int, warehouse.Rows, error)) {
	b := &batch{sessions: s}
	query := func(st warehouse.Statement, sent func()) (warehouse.Rows, error) {
		select {
		case b.slots <- struct{}{}:
			defer func() { <-b.slots }()
		case <-ctx.Done():
			return nil, connectError(ctx, ctx.Err())
		}
		sent()
		if down := b.down.Load(); down != nil {
			return nil, *down
		}
		rows, err := b.run(ctx, st)
		if warehouse.KindOf(err) == warehouse.Unreachable {
			b.down.Store(&err)
		}
		return rows, err
	}
	sqlpool.Each(warehouse.NewQueue(s.timings, statements, s.max), statements, query, done)
}

// run runs one statement. It tries again when a reused connection is broken. A
// connection that a user's own statement has used is closed: it may have set variables.
func (b *batch) run(ctx context.Context, st warehouse.Statement) (warehouse.Rows, error) {
	for {
		c, kept, err := b.acquire(ctx)
		if err != nil {
			return nil, connectError(ctx, err)
		}
		a, err := b.cancellable(ctx, c, st)
		silent := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		broken := silent || warehouse.KindOf(classify(err)) == warehouse.Unreachable
		killed := errors.Is(a.Refused, warehouse.ErrEnough)
		b.release(c, broken || st.Custom || killed) // a late KILL QUERY would hit the next statement
		switch {
		case err == nil:
			return a.Rows, a.Refused
		case silent && b.alive(ctx):
			return nil, warehouse.Overdue(b.limit)
		case silent && ctx.Err() == nil:
			return nil, warehouse.NoAnswer(b.limit)
		case broken && kept && ctx.Err() == nil:
			continue // the server was restarted since the connection was last used
		}
		return nil, classify(b.login.Scrub(errors.Join(err, ctx.Err())))
	}
}

// alive reports whether the server still answers on a new connection.
func (s *sessions) alive(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, warehouse.Probe)
	defer cancel()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return warehouse.KindOf(connectError(ctx, err)) != warehouse.Unreachable && ctx.Err() == nil
	}
	err = conn.PingContext(ctx)
	_ = conn.Close() // it goes back to the pool
	return err == nil
}

// cancellable runs the statement without ctx and kills it on the server when
// ctx ends, so that the connection stays usable. A server that does not answer
// even then is not waited for.
func (s *sessions) cancellable(ctx context.Context, c *session, st warehouse.Statement) (sqlpool.Answer, error) {
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limit)
	defer cancel()
	answered := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		select {
		case <-answered:
			return
		case <-ctx.Done():
		}
		s.kill(c.id)
		select {
		case <-answered:
		case <-time.After(time.Second):
			cancel()
		}
	})
	a, err := s.on(run, c, st)
	close(answered)
	killer.Wait()
	return a, err
}

// session is a kept connection with the id that KILL QUERY needs.
type session struct {
	conn *sql.Conn
	id   string
	dsn  string // it was opened by
	born time.Time
}

// acquire takes an idle session or opens one, for a statement that has a slot.
func (s *sessions) acquire(ctx context.Context) (c *session, kept bool, err error) {
	select {
	case c := <-s.idle:
		if s.now().Sub(c.born) < warehouse.ConnectionLifetime && c.dsn == s.login.DSN() {
			return c, true, nil
		}
		s.release(c, true)
	default:
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, false, err
	}
	c = &session{conn: conn, born: s.now()}
	err = conn.Raw(func(raw any) error {
		is := raw.(*identified)
		c.id, c.dsn = is.id, is.dsn
		return nil
	})
	if err != nil {
		return nil, false, errors.Join(err, conn.Close())
	}
	return c, false, nil
}

func (s *sessions) release(c *session, drop bool) {
	if !drop {
		select {
		case s.idle <- c:
			return
		default:
		}
	}
	// Raw with ErrBadConn makes database/sql close the connection for good.
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.conn.Close()
}

// Close implements warehouse.Sessions.
func (s *sessions) Close() error {
	for {
		select {
		case c := <-s.idle:
			s.release(c, true)
		default:
			return s.db.Close()
		}
	}
}

func (s *sessions) on(ctx context.Context, c *session, st warehouse.Statement) (sqlpool.Answer, error) {
	rows, err := c.conn.QueryContext(ctx, st.SQL, bind(st.Args)...)
	if err != nil {
		return sqlpool.Answer{}, err
	}
	defer rows.Close()
	a, err := sqlpool.Scan(rows, st)
	if a.More || errors.Is(a.Refused, warehouse.ErrEnough) {
		s.kill(c.id) // else Close reads all the rest
		return a, nil
	}
	return a, errors.Join(err, rows.Err())
}

func (s *sessions) kill(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), warehouse.Probe)
	defer cancel()
	// When this fails the server's own limit ends the statement a little later.
	_, _ = s.db.ExecContext(ctx, "KILL QUERY "+id)
}
