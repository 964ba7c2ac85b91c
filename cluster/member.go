package cluster

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

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/store"
)

// ErrGone means that the worker of a task ended before it answered, or did not
// answer in time. The task may have been done, in part or as a whole.
var ErrGone = errors.New("the worker did not answer")

// Handler does tasks of one kind. Handle returns an error only where this agent
// cannot do the task and has not begun it; what became of a task is part of the
// answer. Handle may be called concurrently.
type Handler interface {
	Handle(ctx context.Context, task json.RawMessage) (answer json.RawMessage, err error)
}

// Kind is one kind of task. Each kind has a queue of its own.
type Kind struct {
	Handler Handler
	// Limit is how long one task may take. After it the worker counts as dead. The
	// default is one minute.
	Limit time.Duration
	// Workers is how many tasks an agent takes at a time. The default is 4.
	Workers int
}

// Config says how an agent takes part in the cluster.
type Config struct {
	// DSN is the address of the state in PostgreSQL.
	DSN sentinel.Secret
	// ID names this agent: up to 32 letters and digits. Two agents never share one.
	ID string
	// Group is up to 24 letters and digits. Agents of one group do each other's tasks.
	Group string
	// Leads is set for the leader, which submits tasks and receives the answers.
	Leads bool
	// Kinds are the kinds of task by name, the same for all agents of a group.
	Kinds map[string]Kind
	// Observer hears what became of every task. Nil: nobody.
	Observer Observer
	// Now is the clock.
	Clock sentinel.Clock
	// Log takes what an operator has to know.
	Log *slog.Logger
}

// Observer hears what became of tasks. It may be called concurrently.
type Observer interface {
	// TaskDone names the agent that did a task of a kind, or says with an error that
	// the worker did not answer.
	TaskDone(kind, worker string, err error)
	// Peers says how many other agents do tasks for this one.
	Peers(n int)
}

// Member is an agent as a part of the cluster. Do and Peers may be called before
// and after Run: this agent is alone then.
type Member struct {
	Config

	peers   atomic.Int64 // live agents of the group besides this one
	regroup chan string

	mu      sync.Mutex
	session *session // nil while this agent is alone
	pending map[int64]*pendingTask
	early   map[int64]answer // answers that came before the insert had returned
}

// New makes a member of the cluster.
func New(cfg Config) *Member {
	kinds := map[string]Kind{}
	for name, k := range cfg.Kinds {
		k.Limit = cmp.Or(k.Limit, time.Minute)
		k.Workers = cmp.Or(k.Workers, 4)
		kinds[name] = k
	}
	cfg.Kinds = kinds
	return &Member{
		Config:  cfg,
		regroup: make(chan string, 1),
		pending: map[int64]*pendingTask{},
		early:   map[int64]answer{},
	}
}

// session is one connection to the queue.
type session struct {
	group  string
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
}

// pendingTask is a task that waits for its answer.
type pendingTask struct {
	since    time.Time
	limit    time.Duration
	answered chan answer // buffers one answer
}

// heartbeatEvery is how often the leader counts the live peers and supervises
// the tasks they have taken.
const heartbeatEvery = time.Second

// rejoinEvery is how often a member tries a queue that it cannot reach.
const rejoinEvery = 2 * time.Second

// sessionPrefix begins the application name of an agent's sessions. The server
// knows from it which agents are alive.
const sessionPrefix = "sentinel agent "

// Run does tasks, and submits those of a leader, until ctx ends. While the queue cannot
// be reached, Run tries again, and this agent works alone.
func (m *Member) Run(ctx context.Context) {
	for down := false; ctx.Err() == nil; {
		s, err := m.join(ctx)
		if err != nil {
			if !down && ctx.Err() == nil {
				m.Log.Warn("tasks are not distributed for now", "error", err)
			}
			down = true
			wait.For(ctx, rejoinEvery)
			continue
		}
		down = false
		m.serve(ctx, s)
	}
}

// Regroup moves this agent to another group, because its configuration has changed.
func (m *Member) Regroup(group string) {
	select {
	case <-m.regroup: // an older one that Run has not followed yet
	default:
	}
	m.regroup <- group
}

// serve keeps a session until ctx ends or the group changes.
func (m *Member) serve(ctx context.Context, s *session) {
	defer m.leave(ctx, s)
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		if m.Leads {
			m.checkPeers(ctx, s)
		}
		if m.Leads && n%60 == 0 {
			m.sweep(ctx, s)
		}
		select {
		case <-ctx.Done():
			return
		case group := <-m.regroup:
			m.Group = group
			return
		case <-tick.C:
		}
	}
}

// join connects and begins to take tasks.
func (m *Member) join(ctx context.Context) (*session, error) {
	select {
	case m.Group = <-m.regroup:
	default:
	}
	s := &session{group: m.Group}
	var err error
	if s.pool, err = connect(ctx, m.DSN, sessionPrefix+m.ID+" "+m.Group); err != nil {
		return nil, err
	}
	if m.Leads {
		err = migrate(ctx, s.pool)
	}
	if err == nil {
		s.client, err = m.newClient(s)
	}
	if err == nil {
		err = s.client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("joining the cluster: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session = s
	return s, nil
}

// leave stops taking tasks. Tasks under way here are cancelled; pending ones are
// answered with [ErrGone].
func (m *Member) leave(ctx context.Context, s *session) {
	m.setPeers(0)
	m.mu.Lock()
	m.session = nil
	for id, p := range m.pending {
		p.resolve(answer{err: ErrGone})
		delete(m.pending, id)
	}
	clear(m.early)
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.client.StopAndCancel(ctx); err != nil {
		m.Log.Warn("leaving the cluster", "error", err)
	}
	s.pool.Close()
}

// migrate creates and updates the tables of the queue.
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

// connect opens a pool. Each connection is made by the DSN as it is then.
func connect(ctx context.Context, dsn sentinel.Secret, name string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn.Reveal())
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
	sources := secrets.Of(dsn)
	cfg.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error { return renew(ctx, sources, dsn, c) }
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := sources.Try(ctx, store.Refused, func() error { return pool.Ping(ctx) }); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// renew sets the server and the login of a connection to those that the DSN has now. One that
// cannot be read keeps its text: the server says whether it is still right.
func renew(ctx context.Context, sources secrets.Set, dsn sentinel.Secret, c *pgx.ConnConfig) error {
	if len(sources) == 0 {
		return nil
	}
	_ = sources.Refresh(ctx) // the agent tells of files that cannot be read
	now, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		return errors.New("the state's dsn is not an address of PostgreSQL any more")
	}
	c.Host, c.Port, c.Database, c.User, c.Password = now.Host, now.Port, now.Database, now.User, now.Password
	c.TLSConfig, c.Fallbacks = now.TLSConfig, now.Fallbacks
	return nil
}

// Peers returns how many other live agents the group has, as the leader counted them
// last.
func (m *Member) Peers() int { return int(m.peers.Load()) }

// Do has any agent of the group do a task, and returns the answer. The task is done on
// this agent if it is alone, if the queue cannot be reached, or if the worker that took
// the task cannot do it. [ErrGone] means that a worker began it and did not answer.
// With retry the task is then done on this agent.
func (m *Member) Do(ctx context.Context, kind string, task json.RawMessage, retry bool) (json.RawMessage, error) {
	m.mu.Lock()
	s := m.session
	m.mu.Unlock()
	if s == nil || m.Peers() == 0 {
		return m.doLocally(ctx, kind, task)
	}
	a := m.submit(ctx, s, kind, task)
	switch {
	case a.err == nil:
		m.observe(kind, a.worker, nil)
		return a.body, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(a.err, ErrGone):
		m.observe(kind, a.worker, a.err)
		if !retry {
			return nil, a.err
		}
	default:
		m.Log.Warn("running locally: dispatch failed", "work", kind, "agent", a.worker, "error", a.err)
	}
	return m.doLocally(ctx, kind, task)
}

func (m *Member) doLocally(ctx context.Context, kind string, task json.RawMessage) (json.RawMessage, error) {
	k, known := m.Kinds[kind]
	if !known {
		return nil, fmt.Errorf("this agent does not support tasks of kind %q", kind)
	}
	body, err := k.Handler.Handle(ctx, task)
	if err == nil {
		m.observe(kind, m.ID, nil)
	}
	return body, err
}

// setPeers notes how many other agents of the group live.
func (m *Member) setPeers(n int) {
	m.peers.Store(int64(n))
	if m.Observer != nil {
		m.Observer.Peers(n)
	}
}

func (m *Member) observe(kind, worker string, err error) {
	if m.Observer != nil {
		m.Observer.TaskDone(kind, worker, err)
	}
}
