package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// task is a piece of work in the queue of its group.
type task struct {
	Work    string          `json:"work"`
	Leader  string          `json:"leader"` // whose queue the answer goes to
	Payload json.RawMessage `json:"payload"`
}

// Kind implements river.JobArgs.
func (task) Kind() string { return "sentinel_task" }

// reply is the answer to a task, in the queue of its leader.
type reply struct {
	Task   int64           `json:"task"`
	By     string          `json:"by"`
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"` // the agent cannot do this
}

// Kind implements river.JobArgs.
func (reply) Kind() string { return "sentinel_reply" }

// answer is what came back, or why nothing will.
type answer struct {
	body json.RawMessage
	by   string
	err  error
}

func (e *errand) tell(a answer) {
	select {
	case e.answered <- a:
	default: // the first answer counts
	}
}

func workQueue(kind, group string) string { return kind + "_" + group }

func answerQueue(leader string) string { return "answers_" + leader }

func once(queue string) *river.InsertOpts { return &river.InsertOpts{Queue: queue, MaxAttempts: 1} }

// newClient makes the client of the queue. A task is tried once: whoever handed
// it out looks after it, since the queue itself finds a dead worker by age alone.
func (c *Crew) newClient(s *session) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{crew: c, session: s})
	river.AddWorker(workers, river.WorkFunc(c.take))
	longest := time.Minute
	queues := map[string]river.QueueConfig{}
	for name, k := range c.Kinds {
		longest = max(longest, k.Limit)
		queues[workQueue(name, s.group)] = river.QueueConfig{MaxWorkers: k.Workers}
	}
	if c.Leads {
		queues[answerQueue(c.ID)] = river.QueueConfig{MaxWorkers: 4}
	}
	return river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		ID: c.ID, Queues: queues, Workers: workers,
		FetchCooldown: 10 * time.Millisecond, FetchPollInterval: time.Second,
		RescueStuckJobsAfter: 2 * longest, MaxAttempts: 1,
		CompletedJobRetentionPeriod: time.Minute, CancelledJobRetentionPeriod: time.Minute, DiscardedJobRetentionPeriod: time.Hour,
		Logger: slog.New(quiet{c.Log.Handler()}),
	})
}

// worker takes tasks.
type worker struct {
	river.WorkerDefaults[task]
	crew    *Crew
	session *session
}

// Timeout implements river.Worker.
func (w *worker) Timeout(job *river.Job[task]) time.Duration {
	return w.crew.Kinds[job.Args.Work].Limit
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[task]) error {
	return w.crew.work(ctx, w.session, job)
}

// work does a task and sends the answer to whoever handed it out.
func (c *Crew) work(ctx context.Context, s *session, job *river.Job[task]) error {
	r := reply{Task: job.ID, By: c.ID}
	k, known := c.Kinds[job.Args.Work]
	if !known {
		r.Error = fmt.Sprintf("this agent knows no work %q", job.Args.Work)
	} else if body, err := k.Do(ctx, job.Args.Payload); err != nil {
		r.Error = err.Error()
	} else {
		r.Answer = body
	}
	if err := ctx.Err(); err != nil {
		return err // told to stop: the leader sees that this agent is gone
	}
	_, err := s.client.Insert(ctx, r, once(answerQueue(job.Args.Leader)))
	return err
}

// take hands an answer to whoever waits for it.
func (c *Crew) take(_ context.Context, job *river.Job[reply]) error {
	a := answer{body: job.Args.Answer, by: job.Args.By}
	if job.Args.Error != "" {
		a.err = errors.New(job.Args.Error)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.waiting[job.Args.Task]; e != nil {
		e.tell(a)
		return nil
	}
	if len(c.early) > 1000 {
		clear(c.early) // answers that nobody waits for any more
	}
	c.early[job.Args.Task] = a
	return nil
}

// handOut puts work into the queue and waits for the answer.
func (c *Crew) handOut(ctx context.Context, s *session, kind string, work json.RawMessage) answer {
	since := c.Now()
	put, err := s.client.Insert(ctx, task{Work: kind, Leader: c.ID, Payload: work}, once(workQueue(kind, s.group)))
	if err != nil {
		return answer{err: err}
	}
	id := put.Job.ID
	e := &errand{since: since, limit: c.Kinds[kind].Limit, answered: make(chan answer, 1)}
	c.mu.Lock()
	if c.session != s {
		c.mu.Unlock()
		return answer{err: ErrGone} // left meanwhile
	}
	if a, came := c.early[id]; came {
		delete(c.early, id)
		e.tell(a)
	}
	c.waiting[id] = e
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting, id)
	}()
	select {
	case a := <-e.answered:
		return a
	case <-ctx.Done():
		c.callBack(context.WithoutCancel(ctx), s, id)
		return answer{err: ctx.Err()}
	}
}

// callBack takes a task back: whoever has it is told to stop.
func (c *Crew) callBack(ctx context.Context, s *session, id int64) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := s.client.JobCancel(ctx, id); err != nil {
		c.Log.Debug("calling work back", "task", id, "error", err)
	}
}

// sweep takes away what leaders before this one have handed out, and the answers
// to them: nobody waits for those.
func (c *Crew) sweep(ctx context.Context, s *session) {
	_, err := s.pool.Exec(ctx, `DELETE FROM river_job WHERE state = 'available' AND (kind = $1 AND queue <> $2 OR kind = $3 AND args->>'leader' <> $4)`,
		reply{}.Kind(), answerQueue(c.ID), task{}.Kind(), c.ID)
	if err != nil && ctx.Err() == nil {
		c.Log.Debug("sweeping the queue", "error", err)
	}
}

// look counts the agents that are there, and answers for those that are gone. A
// queue that cannot be reached is one without agents.
func (c *Crew) look(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	there, err := s.alive(ctx)
	if err != nil {
		there = nil
	}
	delete(there, c.ID)
	c.others.Store(int64(len(there)))
	now := c.Now()
	c.mu.Lock()
	var old []int64
	for id, e := range c.waiting {
		if now.Sub(e.since) > lookEvery/2 {
			old = append(old, id)
		}
	}
	c.mu.Unlock()
	if len(old) == 0 {
		return
	}
	slices.Sort(old)
	states := map[int64]taken{}
	if err == nil {
		states, err = s.taken(ctx, old)
	}
	for _, id := range old {
		c.lookAfter(ctx, s, id, states[id], there, err)
	}
}

// alive are the agents of the group that have a session at the server.
func (s *session) alive(ctx context.Context) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1", sessionPrefix+"% "+s.group)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	there := map[string]bool{}
	for _, n := range names {
		id, _, _ := strings.Cut(strings.TrimPrefix(n, sessionPrefix), " ")
		there[id] = true
	}
	return there, err
}

// taken is where a task stands: with whom, or with nobody.
type taken struct {
	state, by string
}

func (s *session) taken(ctx context.Context, ids []int64) (map[int64]taken, error) {
	rows, err := s.pool.Query(ctx, "SELECT id, state::text, coalesce(attempted_by[cardinality(attempted_by)], '') FROM river_job WHERE id = ANY($1)", ids)
	if err != nil {
		return nil, err
	}
	states := map[int64]taken{}
	var id int64
	var t taken
	_, err = pgx.ForEachRow(rows, []any{&id, &t.state, &t.by}, func() error { states[id] = t; return nil })
	return states, err
}

// lookAfter answers for whoever has taken a task and will not: it is gone, out
// of time, or cannot be asked about. A task that nobody has taken is called back.
func (c *Crew) lookAfter(ctx context.Context, s *session, id int64, t taken, there map[string]bool, trouble error) {
	c.mu.Lock()
	e := c.waiting[id]
	c.mu.Unlock()
	if e == nil {
		return
	}
	late := c.Now().Sub(e.since) > e.limit
	switch {
	case trouble != nil:
		// The queue is away. What nobody began is done here; nobody can tell, so
		// whoever has it gets the time it has, and the answer waits for its return.
		if late {
			e.tell(answer{err: ErrGone})
		}
	case t.state == "available" && late:
		c.callBack(ctx, s, id)
		e.tell(answer{err: errors.New("nobody has taken it")})
	case t.state == "available":
	case t.state == "completed" && !late: // its answer is on the way
	case t.state == "running" && (there[t.by] || t.by == c.ID) && !late:
	default:
		if t.state == "running" {
			c.callBack(ctx, s, id)
		}
		e.tell(answer{by: t.by, err: ErrGone})
	}
}

// quiet turns the queue's own log down: what matters is said by whoever waits.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return q.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
