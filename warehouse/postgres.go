package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

func init() { Register("postgres", Postgres{}) }

// Postgres is PostgreSQL 12 and later.
type Postgres struct{}

// Quote implements Dialect. PostgreSQL cuts names at 63 bytes without a word,
// so longer ones are refused here.
func (Postgres) Quote(ident string) (string, error) { return quoteDouble(ident, 63) }

// Param implements Dialect.
func (Postgres) Param(n int) string { return "$" + strconv.Itoa(n) }

// Epoch implements Dialect.
func (Postgres) Epoch(expr string) string {
	if expr == "" {
		return "extract(epoch FROM clock_timestamp())"
	}
	return "extract(epoch FROM " + expr + ")"
}

// Open implements Dialect. All session settings travel with the connection's
// start-up message: no statement is spent on them.
func (Postgres) Open(cfg Config) (Sessions, error) {
	cc, err := pgconn.ParseConfig(cfg.DSN.Reveal())
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", scrub(err, passwordOf(cfg.DSN.Reveal())))
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
	cc.AfterNetConnect = patiently
	cc.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 3 * time.Second}
	}
	return &pgSessions{meter: cfg.Meter, config: cc, now: cfg.Now, slots: make(chan *pgSession, cfg.MaxConnections), max: cfg.MaxConnections}, nil
}

func passwordOf(dsn string) string {
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		p, _ := u.User.Password()
		return p
	}
	for _, field := range strings.Fields(dsn) {
		if p, ok := strings.CutPrefix(field, "password="); ok {
			return strings.Trim(p, "'")
		}
	}
	return ""
}

// pgSessions keeps up to max connections, opened when they are needed.
type pgSessions struct {
	config *pgconn.Config
	meter  *Meter
	now    func() time.Time
	slots  chan *pgSession // idle connections

	mu     sync.Mutex
	opened int
	max    int
	closed bool
}

type pgSession struct {
	conn  *pgconn.PgConn
	wire  *patient
	born  time.Time
	fresh bool // connected for this chunk: if it breaks, a new one would too
}

// A connection takes statements in chunks: the first small, since nobody knows
// yet how long they take, and the next as many as take chunkTime, up to a number
// that makes round trips vanish.
const (
	firstChunk    = 16
	pipelineChunk = 32
	chunkTime     = 500 * time.Millisecond
)

// Run implements Sessions: connections take chunks of statements and send each
// chunk as one pipeline with a Sync after every statement. Quick statements need
// few connections; while others wait for longer than chunkTime, more join in.
func (s *pgSessions) Run(ctx context.Context, statements []Statement, done func(int, Rows, error)) {
	if len(statements) == 0 {
		return
	}
	var next int
	var mu sync.Mutex
	taken := make(chan struct{}) // closed once nothing waits any more
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
		each := time.Duration(1) // that a statement takes
		for size := firstChunk; ; {
			from, to := take(size)
			if from == to {
				return
			}
			begin := s.now()
			s.chunk(ctx, statements, from, to, each, done)
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

// chunk runs statements [from, to). A connection that breaks answers the
// statement under way and the rest of the chunk goes to a new one, so that a
// restarted server costs one statement and not the tick.
func (s *pgSessions) chunk(ctx context.Context, statements []Statement, from, to int, each time.Duration, done func(int, Rows, error)) {
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
		n, broken := c.pipeline(ctx, statements[from:to], each, func(i int, rows Rows, err error) { done(from+i, rows, err) })
		s.release(c)
		if broken != nil && (fresh || n > 0 || ctx.Err() != nil) {
			done(from+n, nil, pgError(broken))
			n++
		}
		from += n
	}
}

func (s *pgSessions) acquire(ctx context.Context) (*pgSession, error) {
	for {
		select {
		case c := <-s.slots:
			if !c.conn.IsClosed() && s.now().Sub(c.born) < connectionLifetime {
				return c, nil
			}
			s.discard(c)
			continue
		default:
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
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
		case <-ctx.Done():
			return nil, pgError(ctx.Err())
		}
	}
}

func (s *pgSessions) connect(ctx context.Context) (*pgSession, error) {
	conn, err := pgconn.ConnectConfig(ctx, s.config)
	if err != nil {
		s.mu.Lock()
		s.opened--
		s.mu.Unlock()
		return nil, pgError(scrub(err, s.config.Password))
	}
	s.meter.connected()
	return &pgSession{conn: conn, wire: conn.Conn().(*patient), born: s.now(), fresh: true}, nil
}

func (s *pgSessions) release(c *pgSession) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed || c.conn.IsClosed() {
		s.discard(c)
		return
	}
	s.slots <- c
}

func (s *pgSessions) discard(c *pgSession) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	// The connection is given up whatever its farewell answers.
	_ = c.conn.Close(ctx)
	s.mu.Lock()
	s.opened--
	s.mu.Unlock()
}

// Close implements Sessions. Connections in use are closed when they come back.
func (s *pgSessions) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for {
		select {
		case c := <-s.slots:
			s.discard(c)
		default:
			return nil
		}
	}
}

// pgError classes an error by its SQLSTATE.
func pgError(err error) error {
	if err == nil || KindOf(err) != "" && errors.As(err, new(*Error)) {
		return err
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return &Error{Kind: TimedOut, Err: err}
		}
		return &Error{Kind: Unreachable, Err: err}
	}
	kind := BadStatement
	switch code := server.Code; {
	case code == "42P01", code == "3F000", code == "3D000":
		kind = MissingTable
	case code == "42703":
		kind = MissingColumn
	case code == "42501":
		kind = Forbidden
	case strings.HasPrefix(code, "28"):
		kind = Unauthorized
	case code == "57014":
		kind = TimedOut
	case code == "55P03":
		kind = Locked
	case code == "40001", code == "40P01", code == "53300", code == "57P01", code == "57P02", code == "57P03":
		kind = Transient
	case strings.HasPrefix(code, "08"):
		kind = Unreachable
	}
	return &Error{Kind: kind, Code: server.Code, Err: err}
}
