// Package mysql is the dialect of MySQL 8 and of MariaDB 10.6 and later. mysql.go has the
// sessions, catalog.go reads the catalog, types.go the types, and writing.go is for
// repairs. Begin with [Dialect].
package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlpool"
)

func init() { warehouse.Register(Dialect{}) }

// Dialect implements [warehouse.Dialect] and [warehouse.WriteDialect].
type Dialect struct{}

// Name implements warehouse.Dialect.
func (Dialect) Name() string { return "mysql" }

// Matches implements warehouse.Dialect.
func (Dialect) Matches(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, ":")
	return scheme == "mysql" || scheme == "mariadb" || strings.Contains(dsn, "@tcp(") || strings.Contains(dsn, "@unix(")
}

// Quote implements warehouse.Dialect.
func (Dialect) Quote(ident string) (string, error) {
	if err := warehouse.CheckIdentifier(ident); err != nil {
		return "", err
	}
	if n := utf8.RuneCountInString(ident); n > 64 {
		return "", fmt.Errorf("identifier %q has %d characters; the engine keeps 64", ident, n)
	}
	return "`" + strings.ReplaceAll(ident, "`", "``") + "`", nil
}

// Param implements warehouse.Dialect.
func (Dialect) Param(int) string { return "?" }

// Epoch implements warehouse.Dialect. UNIX_TIMESTAMP ends in 2038; this does not. Zero
// dates come out as NULL (MariaDB: as the year 0). A division would keep four digits only.
func (Dialect) Epoch(expr string) string {
	if expr == "" {
		expr = "utc_timestamp(6)"
	}
	return "timestampdiff(MICROSECOND, '1970-01-01', " + expr + ") * 0.000001"
}

// Open implements warehouse.Dialect.
func (Dialect) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	dsn, err := parseDSN(cfg.DSN.Reveal())
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", warehouse.Scrub(err, warehouse.PasswordOf(cfg.DSN.Reveal())))
	}
	seconds := strconv.FormatFloat(max(1, cfg.LockTimeout.Seconds()), 'f', 0, 64)
	if dsn.Params == nil {
		dsn.Params = map[string]string{}
	}
	dsn.Params["time_zone"] = "'+00:00'"
	dsn.Params["lock_wait_timeout"] = seconds
	dsn.Params["innodb_lock_wait_timeout"] = seconds
	dsn.MultiStatements, dsn.InterpolateParams, dsn.ParseTime, dsn.Loc = false, false, false, time.UTC
	if dsn.Timeout == 0 {
		dsn.Timeout = 10 * time.Second
	}
	connector, err := mysql.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", warehouse.Scrub(err, dsn.Passwd))
	}
	s := &sessions{
		max:      cfg.MaxConnections,
		timeout:  cfg.StatementTimeout + 2*time.Second,
		password: dsn.Passwd,
		observer: cfg.Observer,
		setup:    setupStatements(cfg),
		now:      cfg.Now,
		idle:     make(chan *session, cfg.MaxConnections),
	}
	s.db = sql.OpenDB(&sessionConnector{Connector: connector, sessions: s})
	s.db.SetMaxOpenConns(cfg.MaxConnections + 1) // one more, for KILL QUERY
	s.db.SetMaxIdleConns(cfg.MaxConnections)
	s.db.SetConnMaxLifetime(warehouse.ConnectionLifetime)
	return s, nil
}

// parseDSN accepts mysql://user:pw@host:port/db?... and the driver's own form.
func parseDSN(dsn string) (*mysql.Config, error) {
	cfg, err := parseForm(dsn)
	if err == nil {
		cfg.Logger = &mysql.NopLogger{} // the driver returns the same as an error
	}
	return cfg, err
}

func parseForm(dsn string) (*mysql.Config, error) {
	if !strings.HasPrefix(dsn, "mysql://") && !strings.HasPrefix(dsn, "mariadb://") {
		return mysql.ParseDSN(dsn)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("not a URL; want mysql://user:password@host:3306/database")
	}
	query := u.Query()
	network, addr := "tcp", u.Host
	if socket := query.Get("socket"); socket != "" {
		network, addr = "unix", socket
		query.Del("socket")
	} else if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), "3306")
	}
	form := mysql.NewConfig().FormatDSN() // "/" with the driver's defaults
	if q := query.Encode(); q != "" {
		form += "?" + q
	}
	cfg, err := mysql.ParseDSN(form)
	if err != nil {
		return nil, err
	}
	cfg.Net, cfg.Addr, cfg.DBName, cfg.User = network, addr, strings.TrimPrefix(u.Path, "/"), u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	return cfg, nil
}

// setupStatements are the statements that set a new session up. MariaDB limits every statement
// by max_statement_time, MySQL only SELECTs by max_execution_time: each knows
// its own, and the other's is an error that says which server this is.
func setupStatements(cfg warehouse.Config) []string {
	return []string{
		"SET SESSION TRANSACTION READ ONLY",
		fmt.Sprintf("SET SESSION max_statement_time=%g", cfg.StatementTimeout.Seconds()),
		fmt.Sprintf("SET SESSION max_execution_time=%d, information_schema_stats_expiry=0",
			cfg.StatementTimeout.Milliseconds()),
	}
}

const unknownVariable = 1193

// sessionConnector sets a new session up and remembers its id for KILL QUERY.
type sessionConnector struct {
	driver.Connector
	sessions *sessions
}

// Connect implements driver.Connector.
func (c *sessionConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range c.sessions.setup {
		_, err := conn.(driver.ExecerContext).ExecContext(ctx, statement, nil)
		var e *mysql.MySQLError
		if errors.As(err, &e) && e.Number == unknownVariable {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("setting up the session: %w", err), conn.Close())
		}
	}
	c.sessions.observer.Connected()
	return conn, nil
}

// sessions adds the cancelling of a running statement on the server: the
// driver itself only drops the connection, and the statement would go on.
type sessions struct {
	db       *sql.DB
	max      int
	timeout  time.Duration // of one statement, should the server not end it
	password string        // kept out of errors
	observer warehouse.Observer
	setup    []string
	now      sentinel.Clock
	idle     chan *session
}

// Run implements warehouse.Sessions.
func (s *sessions) Run(ctx context.Context, statements []warehouse.Statement, done func(int, warehouse.Rows, error)) {
	query := func(st warehouse.Statement) (warehouse.Rows, error) { return s.run(ctx, st) }
	sqlpool.Each(s.max, statements, query, done)
}

// run runs one statement. It tries again when a reused connection is broken.
func (s *sessions) run(ctx context.Context, st warehouse.Statement) (warehouse.Rows, error) {
	for {
		c, kept, err := s.acquire(ctx)
		if err != nil {
			return nil, s.class(errors.Join(err, ctx.Err()))
		}
		a, err := s.cancellable(ctx, c, st)
		broken := err != nil && classify(err).(*warehouse.Error).Kind == warehouse.Unreachable
		s.release(c, broken)
		switch {
		case err == nil:
			return a.Rows, a.Refused
		case broken && kept && ctx.Err() == nil:
			continue // the server was restarted since the connection was last used
		}
		return nil, s.class(errors.Join(err, ctx.Err()))
	}
}

// cancellable runs the statement without ctx and kills it on the server when
// ctx ends, so that the connection stays usable.
func (s *sessions) cancellable(ctx context.Context, c *session, st warehouse.Statement) (sqlpool.Answer, error) {
	answered := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		select {
		case <-answered:
		case <-ctx.Done():
			s.kill(c.id)
		}
	})
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	a, err := s.on(run, c.conn, st)
	close(answered)
	killer.Wait()
	return a, err
}

// session is a kept connection with the id that KILL QUERY needs.
type session struct {
	conn *sql.Conn
	id   int64
	born time.Time
}

// acquire takes an idle session or opens one; Run has no more workers than
// there may be sessions, and DB.Run calls share them.
func (s *sessions) acquire(ctx context.Context) (c *session, kept bool, err error) {
	select {
	case c := <-s.idle:
		if s.now().Sub(c.born) < warehouse.ConnectionLifetime {
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
	if err := conn.QueryRowContext(ctx, "SELECT connection_id()").Scan(&c.id); err != nil {
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

// class classes an error of the driver, without the password.
func (s *sessions) class(err error) error { return classify(warehouse.Scrub(err, s.password)) }

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

func (s *sessions) on(ctx context.Context, conn *sql.Conn, st warehouse.Statement) (sqlpool.Answer, error) {
	rows, err := conn.QueryContext(ctx, st.SQL, bind(st.Args)...)
	if err != nil {
		return sqlpool.Answer{}, err
	}
	defer rows.Close()
	a, err := sqlpool.Scan(rows, st)
	return a, errors.Join(err, rows.Err())
}

func (s *sessions) kill(id int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// When this fails the server's own limit ends the statement a little later.
	_, _ = s.db.ExecContext(ctx, "KILL QUERY "+strconv.FormatInt(id, 10))
}

func bind(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if t, ok := a.(time.Time); ok {
			out[i] = t.UTC().Format("2006-01-02 15:04:05.999999")
		} else {
			out[i] = a
		}
	}
	return out
}

// errorKinds are the kinds of the server's errors, by number.
var errorKinds = map[uint16]warehouse.ErrorKind{
	1044: warehouse.Forbidden, 1142: warehouse.Forbidden, 1143: warehouse.Forbidden,
	1227: warehouse.Forbidden, 1370: warehouse.Forbidden,
	1045: warehouse.Unauthorized,
	1049: warehouse.MissingTable, 1146: warehouse.MissingTable, 1109: warehouse.MissingTable,
	1054: warehouse.MissingColumn,
	1969: warehouse.TimedOut, 3024: warehouse.TimedOut, 1317: warehouse.TimedOut,
	1205: warehouse.Locked,
	1213: warehouse.Transient, 1040: warehouse.Transient, 1203: warehouse.Transient,
	1053: warehouse.Transient, 1927: warehouse.Transient,
}

func classify(err error) error {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		kind, ok := errorKinds[e.Number]
		if !ok {
			kind = warehouse.BadStatement
		}
		return &warehouse.Error{Kind: kind, Code: strconv.Itoa(int(e.Number)), Err: err}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &warehouse.Error{Kind: warehouse.TimedOut, Err: err}
	}
	return &warehouse.Error{Kind: warehouse.Unreachable, Err: err}
}
