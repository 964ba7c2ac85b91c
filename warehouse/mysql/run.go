package mysql

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/sqlpool"
)

const (
	// separator divides statements that are sent together. A comment at the end of one ends
	// with its line.
	separator = "\n;\n"
	// mostText bounds the bytes that are sent together. Servers take a megabyte at least.
	mostText = 256 << 10
)

// errSilent is the error of a connection whose server did not answer in time.
var errSilent = errors.New("the server did not answer in time")

// batch is one call of Run.
type batch struct {
	*sessions
	*warehouse.Workers
	statements []warehouse.Statement
	done       func(int, warehouse.Rows, error)
	queue      *warehouse.Queue
}

// Run implements warehouse.Sessions. Each connection sends what the queue gives it in one
// round trip, where the server takes several statements at once. The server stops at one
// that fails; those behind it are sent again.
func (s *sessions) Run(ctx context.Context, statements []warehouse.Statement, done func(int, warehouse.Rows, error)) {
	if len(statements) == 0 {
		return
	}
	b := &batch{sessions: s, statements: statements, done: done, queue: warehouse.NewQueue(s.timings, statements, s.max)}
	b.Workers = warehouse.NewWorkers(b.queue)
	b.Workers.Run(func() {
		var lane *warehouse.Lane
		for more := true; more; {
			lane, more = b.turn(ctx, lane)
		}
	})
}

// turn takes statements from the queue and runs them. more is false when none waits, or when
// the worker leaves those that wait to others. A nil lane is made when there is a connection.
func (b *batch) turn(ctx context.Context, lane *warehouse.Lane) (_ *warehouse.Lane, more bool) {
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	case <-ctx.Done():
	}
	c, kept, err := b.connection(ctx)
	if err != nil && b.Leave() {
		return lane, false
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
		return lane, false
	case len(part) == 0:
		b.release(c)
		return lane, false
	}
	r := &runner{batch: b, lane: lane, session: c, kept: kept}
	r.run(ctx, part)
	switch {
	case r.session == nil:
	case r.session.joins || b.single.Load():
		b.release(r.session)
	default:
		b.drop(r.session) // the pool is of sessions that take several statements
	}
	return lane, true
}

// connection returns a session, unless the server was found to be down or ctx is over.
func (b *batch) connection(ctx context.Context) (c *session, kept bool, err error) {
	if err = b.usable(ctx); err != nil {
		return nil, false, err
	}
	c, kept, err = b.acquire(ctx)
	return c, kept, b.opened(ctx, err)
}

// usable returns why no session is to be had.
func (b *batch) usable(ctx context.Context) error {
	if ctx.Err() != nil {
		return connectError(ctx, ctx.Err())
	}
	return b.Down()
}

// opened classes the error of a session that did not open.
func (b *batch) opened(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	err = connectError(ctx, err)
	if warehouse.KindOf(err) == warehouse.Unreachable {
		b.GiveUp(err)
	}
	return err
}

func (b *batch) fail(part []int, err error) {
	for _, i := range part {
		b.done(i, nil, err)
	}
}

// runner runs the statements that one connection is given at once.
type runner struct {
	*batch
	lane    *warehouse.Lane
	session *session // nil: a new one is needed
	kept    bool     // the session was opened earlier, and may be broken
}

// run runs statements, some together. One that fails, or in which the connection breaks, is
// answered with its error, and the rest go on.
func (r *runner) run(ctx context.Context, part []int) {
	for len(part) > 0 {
		if err := r.fit(ctx, r.statements[part[0]]); err != nil {
			r.fail(part, err)
			return
		}
		answered, err := r.send(ctx, part[:r.together(part)])
		part = part[answered:]
		if err != nil && len(part) > 0 {
			part = r.failed(ctx, part, err, answered > 0)
		}
	}
}

// goesAlone reports whether a statement goes on a connection that takes one at a time: it is a
// user's own, or a semicolon is in it.
func goesAlone(st warehouse.Statement) bool { return st.Custom || strings.Contains(st.SQL, ";") }

// fit makes the session one for the statement.
func (r *runner) fit(ctx context.Context, st warehouse.Statement) (err error) {
	if err = r.usable(ctx); err != nil {
		return err
	}
	separate := goesAlone(st) && !r.single.Load()
	if r.session != nil && (!separate || !r.session.joins) {
		return nil
	}
	if r.session != nil {
		r.drop(r.session)
		r.session = nil
	}
	if !separate {
		r.session, r.kept, err = r.connection(ctx)
		return err
	}
	r.kept = false
	r.session, err = r.open(ctx, r.batch.alone)
	return r.opened(ctx, err)
}

// together returns how many of the statements are sent in the next round trip.
func (r *runner) together(part []int) int {
	size := 0
	for n, i := range part {
		st := r.statements[i]
		size += len(st.SQL)
		for _, arg := range st.Args {
			text, _ := arg.(string)
			size += len(text)
		}
		single := goesAlone(st) || st.Each != nil || !r.session.joins // an Each may take its time
		if n > 0 && (single || size > mostText) {
			return n
		}
		if single {
			return 1
		}
	}
	return len(part)
}

// failed answers the first statement of a part with its error, and returns those that are
// still to be sent. If a kept connection was broken from the start, that is all of them.
func (r *runner) failed(ctx context.Context, part []int, err error, began bool) []int {
	silent := errors.Is(err, errSilent)
	broken := silent || warehouse.KindOf(classify(err)) == warehouse.Unreachable
	if (broken || errors.As(err, new(*panics.Error))) && r.session != nil {
		r.drop(r.session)
		r.session = nil
	}
	switch {
	case silent && r.alive(ctx):
		err = warehouse.Overdue(r.limit)
	case silent:
		err = warehouse.NoAnswer(r.limit)
		r.GiveUp(err)
	case broken && r.kept && !began && ctx.Err() == nil:
		return part // the server was restarted since the connection was last used
	default:
		err = classify(r.login.Scrub(errors.Join(err, ctx.Err())))
	}
	r.lane.Answered(part[0], err)
	r.done(part[0], nil, err)
	return part[1:]
}

// send sends statements in one round trip. It returns how many were answered, and the error
// of the next one. The server can stop without one, after the first. ctx does not reach the
// driver: when it ends, the statement is killed on the server, so that the connection stays
// usable. A server that does not answer even then is not waited for.
func (r *runner) send(ctx context.Context, part []int) (answered int, err error) {
	run, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	limit := time.AfterFunc(r.limit, func() { cancel(errSilent) })
	defer limit.Stop()
	ended := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		r.kill(r.session.id)
		select {
		case <-ended:
		case <-time.After(time.Second):
			cancel(ctx.Err())
		}
	})
	r.lane.SentFar(r.session.trip)
	stop := false
	err = panics.Catch(func() error {
		return r.read(run, part, func(i int, a sqlpool.Answer) {
			answered++
			limit.Reset(r.limit)
			r.lane.Answered(i, a.Refused)
			r.done(i, a.Rows, a.Refused)
			stop = a.More || errors.Is(a.Refused, warehouse.ErrEnough)
		})
	})
	close(ended)
	killer.Wait()
	if errors.Is(context.Cause(run), errSilent) && err != nil && ctx.Err() == nil {
		err = errSilent
	}
	if stop || r.statements[part[0]].Custom && r.session != nil {
		// A late KILL QUERY would hit the next statement, and a user's own may have set variables.
		r.drop(r.session)
		r.session = nil
	}
	return answered, err
}

// read sends statements and reads their answers in order. The error is that of the first
// one that has no answer.
func (r *runner) read(ctx context.Context, part []int, answer func(i int, a sqlpool.Answer)) error {
	texts := make([]string, len(part))
	var args []any
	for k, i := range part {
		texts[k] = r.statements[i].SQL
		args = append(args, bind(r.statements[i].Args)...)
	}
	rows, err := r.session.conn.QueryContext(ctx, strings.Join(texts, separator), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for k, i := range part {
		if k > 0 && !rows.NextResultSet() {
			return rows.Err()
		}
		a, err := sqlpool.Scan(rows, r.statements[i])
		stop := a.More || errors.Is(a.Refused, warehouse.ErrEnough)
		if stop {
			r.kill(r.session.id) // else Close reads all the rest
		} else if err = errors.Join(err, rows.Err()); err != nil {
			return err
		}
		answer(i, a)
		if stop {
			return nil
		}
	}
	return nil
}
