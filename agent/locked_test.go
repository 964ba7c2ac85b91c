package agent

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestALockedStateDoesNotBlockTheAgent: somebody keeps the tables of a state in PostgreSQL
// locked. Readiness is answered at once, decisions as soon as their caller gives
// up, checks go on, and every tick is accounted for afterwards.
func TestALockedStateDoesNotBlockTheAgent(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), testenv.Postgres(t)
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "PRAGMA journal_mode=WAL", "CREATE TABLE t (id integer)")
	l := &live{t: t, file: filepath.Join(dir, "w.db"), done: make(chan error, 1)}
	var err error
	if l.memory, err = store.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l.agent = New(Config{
		Store: l.memory, Metrics: exporters.NewPrometheus("test"), Clock: sentinel.ClockFunc(time.Now),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	l.ctx, l.stop = context.WithCancel(t.Context())
	list := []Check{everySecond(t, "rows", atLeastOne(t))}
	go func() { l.done <- l.agent.Run(l.ctx, l.plan(list)) }()
	l.poll("an incident opens", func() bool { return len(l.open()) == 1 })
	id := l.open()[0].ID

	unlock := lockState(t, url)
	before := l.metric("sentinel_check_last_run_timestamp_seconds")
	began := time.Now()
	l.poll("checks go on", func() bool {
		asked := time.Now()
		if !l.agent.Ready() {
			t.Error("not ready")
		}
		if took := time.Since(asked); took > 50*time.Millisecond {
			t.Errorf("readiness took %s", took)
		}
		return l.metric("sentinel_check_last_run_timestamp_seconds") > before+2
	})
	t.Logf("two ticks went on after %s in a locked state", time.Since(began))
	answered := func(what string, do func(context.Context) error) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		asked := time.Now()
		if err := do(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s in a locked state: %v", what, err)
		}
		if took := time.Since(asked); took > time.Second {
			t.Errorf("%s took %s although its caller gave up after 100 ms", what, took)
		}
	}
	answered("a decision", func(ctx context.Context) error {
		_, err := l.agent.Decide(ctx, "ack", id, "ann", "on it")
		return err
	})
	now := time.Now()
	silence := notify.Silence{ID: "s1", Dataset: "w.main.*", From: now, Until: now.Add(time.Hour), Who: "ann",
		Why: "migration"}
	answered("a silence", func(ctx context.Context) error { return l.agent.Silence(ctx, silence) })
	unlock()

	l.poll("the decision is written", func() bool {
		open := l.open()
		return len(open) == 1 && open[0].Standing() == sentinel.Acknowledged
	})
	l.poll("the silence is written", func() bool {
		states, err := l.memory.States(t.Context(), silenceState)
		return err == nil && len(states) == 1
	})
	recovered := time.Now().Unix()
	l.poll("ticks are written again", func() bool { return l.ticks()[0].Tick.Unix() > recovered })
	all := l.ticks()
	if span := int(all[0].Tick.Sub(all[len(all)-1].Tick)/time.Second) + 1; len(all) != span {
		t.Errorf("%d of %d seconds are accounted for", len(all), span)
	}
	l.end()
}

// lockState locks all tables of a state in PostgreSQL that a tick writes.
func lockState(t *testing.T, url string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE tick, incident IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}
