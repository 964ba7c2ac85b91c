// Package postgres is the dialect of PostgreSQL 12 and later. postgres.go has the sessions,
// pipeline.go sends statements, catalog.go and reading.go read the catalog, and
// writing.go is for repairs. Begin with [Dialect].
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { warehouse.Register(Dialect{}) }

// Dialect implements [warehouse.Dialect] and [warehouse.WriteDialect].
type Dialect struct{}

// Name implements warehouse.Dialect.
func (Dialect) Name() string { return "postgres" }

// SystemName implements warehouse.SystemNamer.
func (Dialect) SystemName() string { return "postgresql" }

// Matches implements warehouse.Dialect.
func (Dialect) Matches(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, ":")
	return scheme == "postgres" || scheme == "postgresql"
}

// Quote implements warehouse.Dialect. PostgreSQL cuts names at 63 bytes without a word,
// so longer ones are refused here.
func (Dialect) Quote(ident string) (string, error) { return warehouse.QuoteDouble(ident, 63) }

// Param implements warehouse.Dialect.
func (Dialect) Param(n int) string { return "$" + strconv.Itoa(n) }

// Epoch implements warehouse.Dialect.
func (Dialect) Epoch(expr string) string {
	if expr == "" {
		return "extract(epoch FROM clock_timestamp())"
	}
	return "extract(epoch FROM " + expr + ")"
}

// Open implements warehouse.Dialect. The session's settings are in the start-up message
// and cost no statement.
func (Dialect) Open(cfg warehouse.Config) (warehouse.Sessions, error) {
	cc, err := pgconn.ParseConfig(cfg.DSN.Reveal())
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", warehouse.Scrub(err, warehouse.PasswordOf(cfg.DSN.Reveal())))
	}
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	for k, v := range map[string]string{
		"default_transaction_read_only":       "on",
		"statement_timeout":                   ms(cfg.StatementTimeout),
		"lock_timeout":                        ms(cfg.LockTimeout),
		"idle_in_transaction_session_timeout": ms(cfg.StatementTimeout),
		"TimeZone":                            "UTC",
		"DateStyle":                           "ISO",
		"application_name":                    "sentinel",
		"jit":                                 "off", // compiling costs more than the catalog's statement itself
	} {
		cc.RuntimeParams[k] = v
	}
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = 10 * time.Second
	}
	cc.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 3 * time.Second}
	}
	return &sessions{
		observer: cfg.Observer,
		config:   cc,
		now:      cfg.Now,
		slots:    make(chan *session, cfg.MaxConnections),
		freed:    make(chan struct{}, cfg.MaxConnections),
		max:      cfg.MaxConnections,
	}, nil
}

// answers takes the answer to statement i.
type answers func(i int, rows warehouse.Rows, err error)

// sessions keeps up to max connections, opened when they are needed.
type sessions struct {
	config   *pgconn.Config
	observer warehouse.Observer
	now      sentinel.Clock
	slots    chan *session // idle connections
	freed    chan struct{} // wakes a goroutine that waits: another connection may be opened

	mu     sync.Mutex
	opened int
	max    int
	closed bool
}

type session struct {
	conn  *pgconn.PgConn
	born  time.Time
	fresh bool // connected for this chunk; if it breaks, a new connection would too
}

// A connection takes statements in chunks. The first chunk is small, because it is
// unknown how long statements take. The next have as many as take chunkTime, at most
// pipelineChunk.
const (
	firstChunk    = 16
	pipelineChunk = 32
	chunkTime     = 500 * time.Millisecond
)

// Run implements warehouse.Sessions. Each connection sends a chunk of statements as one
// pipeline, with a Sync after every statement. One connection begins; another joins
// after every chunkTime while statements wait.
func (s *sessions) Run(ctx context.Context, statements []warehouse.Statement, done func(int, warehouse.Rows, error)) {
	if len(statements) == 0 {
		return
	}
	var next int
	var mu sync.Mutex
	taken := make(chan struct{}) // closed when no statement waits any more
	take := func(size int) (from, to int) {
		mu.Lock()
		defer mu.Unlock()
		from = next
		next = min(next+size, len(statements))
		if from < next && next == len(statements) {
			close(taken)
		}
		return from, next
	}
	var wg sync.WaitGroup
	worker := func() {
		each := time.Duration(1) // the time that a statement takes
		for size := firstChunk; ; {
			from, to := take(size)
			if from == to {
				return
			}
			begin := s.now()
			s.chunk(ctx, statements[:to], from, done)
			each = max(s.now().Sub(begin)/time.Duration(to-from), 1)
			size = int(min(max(chunkTime/each, 1), pipelineChunk))
		}
	}
	workers := min(s.max, (len(statements)+4*pipelineChunk-1)/(4*pipelineChunk))
	for range workers - 1 {
		wg.Go(worker)
	}
	if len(statements) > firstChunk {
		wg.Go(func() {
			join := time.NewTicker(chunkTime)
			defer join.Stop()
			for ; workers < s.max; workers++ {
				select {
				case <-taken:
					return
				case <-join.C:
					wg.Go(worker)
				}
			}
		})
	}
	worker()
	wg.Wait()
}

// chunk runs the statements from the given index on. When a connection breaks, the
// statement under way fails and the rest go to a new connection: a restarted server
// costs one statement.
func (s *sessions) chunk(ctx context.Context, statements []warehouse.Statement, from int, done answers) {
	to := len(statements)
	for from < to {
		c, err := s.acquire(ctx)
		if err != nil {
			for i := from; i < to; i++ {
				done(i, nil, err)
			}
			return
		}
		fresh := c.fresh
		c.fresh = false
		n, broken := s.send(ctx, c, statements[from:], func(i int, rows warehouse.Rows, err error) {
			done(from+i, rows, err)
		})
		bug := errors.As(broken, new(*panics.Error))
		if from+n < to && broken != nil && (fresh || n > 0 || ctx.Err() != nil || bug) {
			done(from+n, nil, classify(broken))
			n++
		}
		from += n
	}
}

// send sends statements on a connection, and gives it back. It returns how many were
// answered, and the error of a connection that broke. A panic is such an error.
func (s *sessions) send(
	ctx context.Context, c *session, statements []warehouse.Statement, done answers,
) (answered int, broken error) {
	broken = panics.Catch(func() error {
		_, err := c.pipeline(ctx, statements, func(i int, rows warehouse.Rows, err error) {
			answered = i + 1
			done(i, rows, err)
		})
		return err
	})
	if errors.As(broken, new(*panics.Error)) {
		s.discard(c) // it is not known what the server sends next
	} else {
		s.release(c)
	}
	return answered, broken
}

func (s *sessions) acquire(ctx context.Context) (*session, error) {
	for {
		select {
		case c := <-s.slots:
			if !c.conn.IsClosed() && s.now().Sub(c.born) < warehouse.ConnectionLifetime {
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
			if !c.conn.IsClosed() {
				return c, nil
			}
			s.discard(c)
		case <-s.freed:
		case <-ctx.Done():
			return nil, classify(ctx.Err())
		}
	}
}

// connect opens a connection that is counted as opened already.
func (s *sessions) connect(ctx context.Context) (*session, error) {
	var conn *pgconn.PgConn
	err := panics.Catch(func() (err error) {
		conn, err = pgconn.ConnectConfig(ctx, s.config)
		return err
	})
	if err != nil {
		s.forget()
		return nil, classify(warehouse.Scrub(err, s.config.Password))
	}
	s.observer.Connected()
	return &session{conn: conn, born: s.now(), fresh: true}, nil
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
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// The connection is given up also when closing it fails.
	_ = c.conn.Close(ctx)
	s.forget()
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

// classify classes an error by its SQLSTATE.
func classify(err error) error {
	if err == nil || warehouse.KindOf(err) != "" && errors.As(err, new(*warehouse.Error)) {
		return err
	}
	if errors.As(err, new(*panics.Error)) {
		return err // the server is not to blame
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return &warehouse.Error{Kind: warehouse.TimedOut, Err: err}
		}
		return &warehouse.Error{Kind: warehouse.Unreachable, Err: err}
	}
	kind := warehouse.BadStatement
	switch code := server.Code; {
	case code == "42P01", code == "3F000", code == "3D000":
		kind = warehouse.MissingTable
	case code == "42703":
		kind = warehouse.MissingColumn
	case code == "42501":
		kind = warehouse.Forbidden
	case strings.HasPrefix(code, "28"):
		kind = warehouse.Unauthorized
	case code == "57014":
		kind = warehouse.TimedOut
	case code == "55P03":
		kind = warehouse.Locked
	case code == "40001", code == "40P01", code == "53300", code == "57P01", code == "57P02", code == "57P03":
		kind = warehouse.Transient
	case strings.HasPrefix(code, "08"):
		kind = warehouse.Unreachable
	}
	return &warehouse.Error{Kind: kind, Code: server.Code, Err: err}
}
