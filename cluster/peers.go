package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// checkPeers counts the live agents of the group, and answers for those that are
// gone. A queue that cannot be reached has no agents.
func (m *Member) checkPeers(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	live, err := s.livePeers(ctx)
	if err != nil {
		live = nil
	}
	delete(live, m.ID)
	m.setPeers(len(live))
	old := m.pendingSince(m.Clock.Now().Add(-heartbeatEvery / 2))
	if len(old) == 0 {
		return
	}
	slices.Sort(old)
	states := map[int64]taskState{}
	if err == nil {
		states, err = s.taskStates(ctx, old)
	}
	for _, id := range old {
		m.supervise(ctx, s, id, taskView{states[id], live, err})
	}
}

// pendingSince are the ids of pending tasks submitted before a time.
func (m *Member) pendingSince(before time.Time) (ids []int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, p := range m.pending {
		if p.since.Before(before) {
			ids = append(ids, id)
		}
	}
	return ids
}

// livePeers are the agents of the group that have a session at the server, this
// one among them.
func (s *session) livePeers(ctx context.Context) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT DISTINCT application_name
		FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE $1`,
		sessionPrefix+"% "+s.group)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	live := map[string]bool{}
	for _, n := range names {
		id, _, _ := strings.Cut(strings.TrimPrefix(n, sessionPrefix), " ")
		live[id] = true
	}
	return live, err
}

// taskState is where a task stands in the queue.
type taskState struct {
	state  string // as River names it; empty: the task is not in the queue
	worker string // the agent that took it; empty: none
}

func (s *session) taskStates(ctx context.Context, ids []int64) (map[int64]taskState, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT id, state::text, coalesce(attempted_by[cardinality(attempted_by)], '')
		FROM river_job
		WHERE id = ANY($1)`, ids)
	if err != nil {
		return nil, err
	}
	states := map[int64]taskState{}
	var id int64
	var t taskState
	_, err = pgx.ForEachRow(rows, []any{&id, &t.state, &t.worker}, func() error {
		states[id] = t
		return nil
	})
	return states, err
}

// taskView is what the leader knows of a task it waits for.
type taskView struct {
	taskState
	live map[string]bool // the live peers
	err  error           // the queue could not be asked
}

// supervise answers in place of a worker that is gone, is out of time, or that the
// queue cannot be asked about. A task that no worker takes is withdrawn.
func (m *Member) supervise(ctx context.Context, s *session, id int64, t taskView) {
	m.mu.Lock()
	p := m.pending[id]
	m.mu.Unlock()
	if p == nil {
		return
	}
	late := m.Clock.Now().Sub(p.since) > p.limit
	switch {
	case t.err != nil:
		// It is not known whether a worker has begun. It gets its full time, and the
		// answer waits for the queue to return.
		if late {
			p.resolve(answer{err: ErrGone})
		}
	case t.state == "available" && late:
		m.cancel(ctx, s, id)
		p.resolve(answer{err: errors.New("no worker took the task")})
	case t.state == "available":
	case t.state == "completed" && !late: // the answer is on its way
	case t.state == "running" && (t.live[t.worker] || t.worker == m.ID) && !late:
	default:
		if t.state == "running" {
			m.cancel(ctx, s, id)
		}
		p.resolve(answer{worker: t.worker, err: ErrGone})
	}
}
