package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A connection takes statements in chunks. The first chunk is small, because it is
// unknown how long statements take. The next have as many as take chunkTime, at most
// pipelineChunk.
const (
	firstChunk    = 16
	pipelineChunk = 32
	chunkTime     = 500 * time.Millisecond
)

// answers takes the answer to statement i.
type answers func(i int, rows warehouse.Rows, err error)

// batch is one call of Run.
type batch struct {
	*sessions
	statements []warehouse.Statement
	done       answers

	mu    sync.Mutex
	next  int
	taken chan struct{} // closed when no statement waits any more
	down  error         // why the server cannot be reached; the statements that wait fail with it
}

// Run implements warehouse.Sessions. Each connection sends a chunk of statements as one
// pipeline, with a Sync after every statement. One connection begins; another joins
// after every chunkTime while statements wait.
func (s *sessions) Run(ctx context.Context, statements []warehouse.Statement, done func(int, warehouse.Rows, error)) {
	if len(statements) == 0 {
		return
	}
	b := &batch{sessions: s, statements: statements, done: done, taken: make(chan struct{})}
	var wg sync.WaitGroup
	workers := min(s.max, (len(statements)+4*pipelineChunk-1)/(4*pipelineChunk))
	for range workers - 1 {
		wg.Go(func() { b.work(ctx) })
	}
	if len(statements) > firstChunk {
		wg.Go(func() {
			join := time.NewTicker(chunkTime)
			defer join.Stop()
			for ; workers < s.max; workers++ {
				select {
				case <-b.taken:
					return
				case <-join.C:
					wg.Go(func() { b.work(ctx) })
				}
			}
		})
	}
	b.work(ctx)
	wg.Wait()
}

// work sends chunks until no statement waits.
func (b *batch) work(ctx context.Context) {
	each := time.Duration(1) // the time that a statement takes
	for size := firstChunk; ; {
		from, to := b.take(size)
		if from == to {
			return
		}
		begin := b.now()
		b.chunk(ctx, from, to)
		each = max(b.now().Sub(begin)/time.Duration(to-from), 1)
		size = int(min(max(chunkTime/each, 1), pipelineChunk))
	}
}

// take returns the next statements.
func (b *batch) take(size int) (from, to int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from = b.next
	b.next = min(b.next+size, len(b.statements))
	if from < b.next && b.next == len(b.statements) {
		close(b.taken)
	}
	return from, b.next
}

// chunk runs the statements from one index to another. When a connection breaks, the
// statement under way fails and the rest go to a new connection: a restarted server
// costs one statement.
func (b *batch) chunk(ctx context.Context, from, to int) {
	for from < to {
		c, err := b.connection(ctx)
		if err != nil {
			b.fail(from, to, err)
			return
		}
		fresh := c.fresh
		c.fresh = false
		n, broken := b.send(ctx, c, from, to)
		from += n
		if from == to || broken == nil || errors.Is(broken, errRestNotRead) {
			continue
		}
		bug := errors.As(broken, new(*panics.Error))
		switch {
		case errors.Is(broken, errSilent) && b.alive(ctx):
			b.done(from, nil, warehouse.Overdue(b.limit))
			from++
		case errors.Is(broken, errSilent) && ctx.Err() == nil:
			err := warehouse.NoAnswer(b.limit)
			b.giveUp(err)
			b.fail(from, to, err)
			return
		case fresh || n > 0 || ctx.Err() != nil || bug:
			b.done(from, nil, classify(broken))
			from++
		}
	}
}

// connection returns a connection, unless the server was found to be down.
func (b *batch) connection(ctx context.Context) (*session, error) {
	b.mu.Lock()
	down := b.down
	b.mu.Unlock()
	if down != nil {
		return nil, down
	}
	c, err := b.acquire(ctx)
	if warehouse.KindOf(err) == warehouse.Unreachable {
		b.giveUp(err)
	}
	return c, err
}

// giveUp makes the statements that still wait fail.
func (b *batch) giveUp(err error) {
	b.mu.Lock()
	b.down = err
	b.mu.Unlock()
}

func (b *batch) fail(from, to int, err error) {
	for i := from; i < to; i++ {
		b.done(i, nil, err)
	}
}

// send sends statements on a connection, and gives it back. It returns how many were
// answered, and the error of a connection that broke. A panic is such an error.
func (b *batch) send(ctx context.Context, c *session, from, to int) (answered int, broken error) {
	broken = panics.Catch(func() error {
		p := pipeline{
			session: c, guard: b.guard, visible: b.visible, limit: b.limit, statements: b.statements[from:to],
			done: func(i int, rows warehouse.Rows, err error) {
				answered = i + 1
				b.done(from+i, rows, err)
			},
		}
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
