// Package dispatch shares work out among the agents of one state in PostgreSQL,
// over River (https://riverqueue.com). One agent, the leader, hands out; all of
// them, the leader too, take. Nothing is ever decided or remembered here: what
// an agent that died did not answer is done again, and whoever needs it done
// once makes it so by a key of its own.
package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// ErrGone: the agent that had taken the work ended before it answered, or did
// not answer in time. The work may have been done, in part or as a whole.
var ErrGone = errors.New("the agent that had taken this did not answer")

// Handler does one kind of work. Its error means that this agent cannot do it
// and has not begun; what became of the work is part of the answer. It may be
// called concurrently.
type Handler = func(ctx context.Context, work json.RawMessage) (answer json.RawMessage, err error)

// Kind is one kind of work. Each has a queue of its own.
type Kind struct {
	Do      Handler
	Limit   time.Duration // of one piece, after which whoever has it is taken for dead; default 1m
	Workers int           // pieces that an agent takes at a time; default 4
}

// Config is an agent's part in sharing work.
type Config struct {
	URL   string // of the state
	ID    string // of this agent: up to 32 letters and digits; two agents never share one
	Group string // agents of one group, up to 24 letters and digits, do each other's work
	Leads bool   // hands out, and takes the answers
	// Kinds of work, by name. Those of all agents of a group are the same.
	Kinds map[string]Kind
	// Shared hears what became of a piece of work: who did it, or an error when the
	// one who had taken it did not answer. Nil: nobody.
	Shared func(kind, by string, err error)
	Now    func() time.Time
	Log    *slog.Logger
}

// Crew is an agent's part in sharing work. Do and Others may be called before
// and after Run: then this agent is alone.
type Crew struct {
	Config

	others  atomic.Int64 // agents of the group besides this one that are alive
	regroup chan string

	mu      sync.Mutex
	session *session // nil while this agent is alone
	waiting map[int64]*errand
	early   map[int64]answer // came before the insert had returned
}

// New makes an agent's part in sharing work.
func New(cfg Config) *Crew {
	kinds := map[string]Kind{}
	for name, k := range cfg.Kinds {
		k.Limit, k.Workers = cmp.Or(k.Limit, time.Minute), cmp.Or(k.Workers, 4)
		kinds[name] = k
	}
	cfg.Kinds = kinds
	return &Crew{Config: cfg, regroup: make(chan string, 1), waiting: map[int64]*errand{}, early: map[int64]answer{}}
}

// session is one time of being connected.
type session struct {
	group  string
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
}

// errand is a piece of work that was handed out.
type errand struct {
	since    time.Time
	limit    time.Duration
	answered chan answer // has room for one
}

// lookEvery is how often the leader looks who is there, and whether those who
// have taken work still are.
const lookEvery = time.Second

// rejoinEvery is how often a state that cannot be reached is tried.
const rejoinEvery = 2 * time.Second

// sessions of an agent carry its name, so that the server tells who is there.
const sessionPrefix = "sentinel agent "

// Run takes work, and for a leader hands it out, until ctx ends. While the state
// cannot be reached it tries again, and this agent is alone.
func (c *Crew) Run(ctx context.Context) {
	for down := false; ctx.Err() == nil; {
		s, err := c.join(ctx)
		if err != nil {
			if !down && ctx.Err() == nil {
				c.Log.Warn("work is not shared out for now", "error", err)
			}
			down = true
			wait(ctx, rejoinEvery)
			continue
		}
		down = false
		c.together(ctx, s)
	}
}

// Regroup makes this agent one of another group: its configuration has changed.
func (c *Crew) Regroup(group string) {
	select {
	case <-c.regroup: // an older one that was not followed yet
	default:
	}
	c.regroup <- group
}

// together is the time between joining and leaving.
func (c *Crew) together(ctx context.Context, s *session) {
	defer c.leave(ctx, s)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if c.Leads {
			c.look(ctx, s)
		}
		if c.Leads && n%60 == 0 {
			c.sweep(ctx, s)
		}
		select {
		case <-ctx.Done():
			return
		case group := <-c.regroup:
			c.Group = group
			return
		case <-tick.C:
		}
	}
}

// join connects, and begins to take work.
func (c *Crew) join(ctx context.Context) (*session, error) {
	select {
	case c.Group = <-c.regroup:
	default:
	}
	s := &session{group: c.Group}
	var err error
	if s.pool, err = connect(ctx, c.URL, sessionPrefix+c.ID+" "+c.Group); err != nil {
		return nil, err
	}
	if c.Leads {
		err = migrate(ctx, s.pool)
	}
	if err == nil {
		s.client, err = c.newClient(s)
	}
	if err == nil {
		err = s.client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("joining the other agents: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
	return s, nil
}

// leave stops taking work. What this agent has taken is cut off; what it has
// handed out is answered with [ErrGone].
func (c *Crew) leave(ctx context.Context, s *session) {
	c.others.Store(0)
	c.mu.Lock()
	c.session = nil
	for id, e := range c.waiting {
		e.tell(answer{err: ErrGone})
		delete(c.waiting, id)
	}
	clear(c.early)
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.client.StopAndCancel(ctx); err != nil {
		c.Log.Warn("leaving the other agents", "error", err)
	}
	s.pool.Close()
}

// migrate makes and updates the tables of the queue.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("the tables of the queue: %w", err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func connect(ctx context.Context, url, name string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("not an address of PostgreSQL such as postgres://sentinel@db/sentinel") // the error holds the password
	}
	for key, value := range map[string]string{
		"application_name": name, "timezone": "UTC", "lock_timeout": "10s", "statement_timeout": "60s",
		// A machine that vanishes from the network says nothing: the server asks.
		"tcp_keepalives_idle": "4", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "2",
	} {
		cfg.ConnConfig.RuntimeParams[key] = value
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// Others is how many agents of the group there are besides this one, as the
// leader saw them last.
func (c *Crew) Others() int { return int(c.others.Load()) }

// Do has a piece of work done by any agent of the group and returns the answer.
// Where nobody else is there, the queue cannot be reached, or whoever took the
// work cannot do it, it is done here. [ErrGone] tells that somebody began it
// and did not answer; with again, it is done here then.
func (c *Crew) Do(ctx context.Context, kind string, work json.RawMessage, again bool) (json.RawMessage, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil || c.Others() == 0 {
		return c.here(ctx, kind, work)
	}
	a := c.handOut(ctx, s, kind, work)
	switch {
	case a.err == nil:
		c.shared(kind, a.by, nil)
		return a.body, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(a.err, ErrGone):
		c.shared(kind, a.by, a.err)
		if !again {
			return nil, a.err
		}
	default:
		c.Log.Warn("work that could not be handed out is done here", "work", kind, "agent", a.by, "error", a.err)
	}
	return c.here(ctx, kind, work)
}

func (c *Crew) here(ctx context.Context, kind string, work json.RawMessage) (json.RawMessage, error) {
	k, known := c.Kinds[kind]
	if !known {
		return nil, fmt.Errorf("this agent knows no work %q", kind)
	}
	body, err := k.Do(ctx, work)
	if err == nil {
		c.shared(kind, c.ID, nil)
	}
	return body, err
}

func (c *Crew) shared(kind, by string, err error) {
	if c.Shared != nil {
		c.Shared(kind, by, err)
	}
}
