package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// task is one task in the queue of its kind and group.
type task struct {
	Work    string          `json:"work"`   // the kind of task
	Leader  string          `json:"leader"` // the agent whose queue the answer goes to
	Payload json.RawMessage `json:"payload"`
}

// Kind implements river.JobArgs.
func (task) Kind() string { return "sentinel_task" }

// reply is the answer to a task, in the queue of its leader.
type reply struct {
	Task   int64           `json:"task"`
	By     string          `json:"by"` // the agent that answers
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  string          `json:"error,omitempty"` // why that agent cannot do the task
}

// Kind implements river.JobArgs.
func (reply) Kind() string { return "sentinel_reply" }

// answer is what came back for a task, or why nothing will.
type answer struct {
	body   json.RawMessage
	worker string
	err    error
}

// resolve sets the answer. Only the first one counts.
func (p *pendingTask) resolve(a answer) {
	select {
	case p.answered <- a:
	default:
	}
}

func taskQueue(kind, group string) string { return kind + "_" + group }

func answerQueue(leader string) string { return "answers_" + leader }

func once(queue string) *river.InsertOpts { return &river.InsertOpts{Queue: queue, MaxAttempts: 1} }

// newClient makes the client of the queue. A task is tried once. The leader supervises
// it, because the queue detects a dead worker by age alone.
func (m *Member) newClient(s *session) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &queueWorker{member: m, session: s})
	river.AddWorker(workers, river.WorkFunc(m.receive))
	longest := time.Minute
	queues := map[string]river.QueueConfig{}
	for name, k := range m.Kinds {
		longest = max(longest, k.Limit)
		queues[taskQueue(name, s.group)] = river.QueueConfig{MaxWorkers: k.Workers}
	}
	if m.Leads {
		queues[answerQueue(m.ID)] = river.QueueConfig{MaxWorkers: 4}
	}
	return river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		ID:                          m.ID,
		Queues:                      queues,
		Workers:                     workers,
		FetchCooldown:               10 * time.Millisecond,
		FetchPollInterval:           time.Second,
		RescueStuckJobsAfter:        2 * longest,
		MaxAttempts:                 1,
		CompletedJobRetentionPeriod: time.Minute,
		CancelledJobRetentionPeriod: time.Minute,
		DiscardedJobRetentionPeriod: time.Hour,
		Logger:                      slog.New(debugHandler{m.Log.Handler()}),
	})
}

// queueWorker takes tasks from the queue.
type queueWorker struct {
	river.WorkerDefaults[task]
	member  *Member
	session *session
}

// Timeout implements river.Worker.
func (w *queueWorker) Timeout(job *river.Job[task]) time.Duration {
	return w.member.Kinds[job.Args.Work].Limit
}

// Work implements river.Worker.
func (w *queueWorker) Work(ctx context.Context, job *river.Job[task]) error {
	return w.member.work(ctx, w.session, job)
}

// work does a task and sends the answer to its leader.
func (m *Member) work(ctx context.Context, s *session, job *river.Job[task]) error {
	r := reply{Task: job.ID, By: m.ID}
	k, known := m.Kinds[job.Args.Work]
	if !known {
		r.Error = fmt.Sprintf("this agent does not support tasks of kind %q", job.Args.Work)
	} else if body, err := k.Handler.Handle(ctx, job.Args.Payload); err != nil {
		r.Error = err.Error()
	} else {
		r.Answer = body
	}
	if err := ctx.Err(); err != nil {
		return err // cancelled: the leader sees that this worker is gone
	}
	_, err := s.client.Insert(ctx, r, once(answerQueue(job.Args.Leader)))
	return err
}

// receive gives an answer to the task that waits for it.
func (m *Member) receive(_ context.Context, job *river.Job[reply]) error {
	a := answer{body: job.Args.Answer, worker: job.Args.By}
	if job.Args.Error != "" {
		a.err = errors.New(job.Args.Error)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.pending[job.Args.Task]; p != nil {
		p.resolve(a)
		return nil
	}
	if len(m.early) > 1000 {
		clear(m.early) // answers that nobody waits for any more
	}
	m.early[job.Args.Task] = a
	return nil
}

// submit puts a task into the queue and waits for the answer.
func (m *Member) submit(ctx context.Context, s *session, kind string, payload json.RawMessage) answer {
	since := m.Clock.Now()
	t := task{Work: kind, Leader: m.ID, Payload: payload}
	inserted, err := s.client.Insert(ctx, t, once(taskQueue(kind, s.group)))
	if err != nil {
		return answer{err: err}
	}
	id := inserted.Job.ID
	p := &pendingTask{since: since, limit: m.Kinds[kind].Limit, answered: make(chan answer, 1)}
	m.mu.Lock()
	if m.session != s {
		m.mu.Unlock()
		return answer{err: ErrGone} // this agent has left the cluster meanwhile
	}
	if a, came := m.early[id]; came {
		delete(m.early, id)
		p.resolve(a)
	}
	m.pending[id] = p
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.pending, id)
	}()
	select {
	case a := <-p.answered:
		return a
	case <-ctx.Done():
		m.cancel(context.WithoutCancel(ctx), s, id)
		return answer{err: ctx.Err()}
	}
}

// cancel withdraws a task. A worker that has taken it gets the cancellation.
func (m *Member) cancel(ctx context.Context, s *session, id int64) {
	ctx, stop := context.WithTimeout(ctx, 2*time.Second)
	defer stop()
	if _, err := s.client.JobCancel(ctx, id); err != nil {
		m.Log.Debug("cancelling a task", "task", id, "error", err)
	}
}

// sweep removes tasks of earlier leaders, and answers to them, which nobody waits for.
func (m *Member) sweep(ctx context.Context, s *session) {
	_, err := s.pool.Exec(ctx, `
		DELETE FROM river_job
		WHERE state = 'available'
		  AND (kind = $1 AND queue <> $2 OR kind = $3 AND args->>'leader' <> $4)`,
		reply{}.Kind(), answerQueue(m.ID), task{}.Kind(), m.ID)
	if err != nil && ctx.Err() == nil {
		m.Log.Debug("sweeping the queue", "error", err)
	}
}

// debugHandler logs the queue's messages at level debug. The code that waits for a task
// logs what matters.
type debugHandler struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h debugHandler) Enabled(ctx context.Context, _ slog.Level) bool {
	return h.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (h debugHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h debugHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return debugHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h debugHandler) WithGroup(name string) slog.Handler {
	return debugHandler{h.Handler.WithGroup(name)}
}
