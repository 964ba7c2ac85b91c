package postgres

import (
	"context"
	"errors"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// answers takes the answer to statement i.
type answers func(i int, rows warehouse.Rows, err error)

// batch is one call of Run.
type batch struct {
	*sessions
	*warehouse.Workers
	statements []warehouse.Statement
	done       answers
	queue      *warehouse.Queue
}

// Run implements warehouse.Sessions. Each connection sends what the queue gives it as one
// pipeline, with a Sync after every statement.
func (s *sessions) Run(ctx context.Context, statements []warehouse.Statement, done func(int, warehouse.Rows, error)) {
	if len(statements) == 0 {
		return
	}
	b := &batch{sessions: s, statements: statements, done: done, queue: warehouse.NewQueue(s.timings, statements, s.max)}
	b.Workers = warehouse.NewWorkers(b.queue)
	b.Workers.Run(func() { b.work(ctx) })
}

// work sends what the queue gives, on one connection after another, until no statement
// waits. A worker that gets no connection leaves the work to the others; the last one
// fails the statements that wait.
func (b *batch) work(ctx context.Context) {
	var lane *warehouse.Lane
	for {
		c, err := b.connection(ctx)
		if err != nil && b.Leave() {
			return
		}
		if lane == nil {
			lane = b.queue.Lane()
		}
		part := lane.Take()
		switch {
		case err != nil:
			for ; len(part) > 0; part = lane.Take() {
				b.fail(part, err)
			}
			return
		case len(part) == 0:
			b.release(c)
			return
		}
		b.part(ctx, lane, c, part)
	}
}

// part runs statements, the first of them on the connection c. When a connection breaks, the
// statement under way fails and the rest go to a new connection: a restarted server costs one
// statement.
func (b *batch) part(ctx context.Context, lane *warehouse.Lane, c *session, part []int) {
	for {
		fresh := c.fresh
		c.fresh = false
		n, broken := b.send(ctx, lane, c, part)
		part = part[n:]
		if len(part) > 0 && broken != nil && !errors.Is(broken, errRestNotRead) {
			bug := errors.As(broken, new(*panics.Error))
			switch {
			case errors.Is(broken, errSilent) && b.alive(ctx):
				part = b.failFirst(lane, part, warehouse.Overdue(b.limit))
			case errors.Is(broken, errSilent) && ctx.Err() == nil:
				err := warehouse.NoAnswer(b.limit)
				b.GiveUp(err)
				b.fail(part, err)
				return
			case fresh || n > 0 || ctx.Err() != nil || bug:
				part = b.failFirst(lane, part, classify(broken))
			}
		}
		if len(part) == 0 {
			return
		}
		var err error
		if c, err = b.connection(ctx); err != nil {
			b.fail(part, err)
			return
		}
	}
}

// failFirst fails the first statement of a part, and returns the others.
func (b *batch) failFirst(lane *warehouse.Lane, part []int, err error) []int {
	lane.Answered(part[0], err)
	b.done(part[0], nil, err)
	return part[1:]
}

// connection returns a connection, unless the server was found to be down.
func (b *batch) connection(ctx context.Context) (*session, error) {
	if down := b.Down(); down != nil {
		return nil, down
	}
	c, err := b.acquire(ctx)
	if warehouse.KindOf(err) == warehouse.Unreachable {
		b.GiveUp(err)
	}
	return c, err
}

func (b *batch) fail(part []int, err error) {
	for _, i := range part {
		b.done(i, nil, err)
	}
}

// send sends statements on a connection, and gives it back. It returns how many were
// answered, and the error of a connection that broke. A panic is such an error.
func (b *batch) send(ctx context.Context, lane *warehouse.Lane, c *session, part []int) (answered int, broken error) {
	statements := make([]warehouse.Statement, len(part))
	for k, i := range part {
		statements[k] = b.statements[i]
	}
	broken = panics.Catch(func() error {
		p := pipeline{
			session: c, guard: b.guard, visible: b.visible, limit: b.limit, statements: statements, began: lane.Began,
			done: func(k int, rows warehouse.Rows, err error) {
				answered = k + 1
				lane.Answered(part[k], err)
				b.done(part[k], rows, err)
			},
		}
		lane.Sent()
		return p.run(ctx)
	})
	if errors.Is(broken, errRestNotRead) {
		c.awaitCancel(ctx)
	}
	if errors.As(broken, new(*panics.Error)) {
		b.discard(c) // it is not known what the server sends next
	} else {
		b.release(c)
	}
	return answered, broken
}
