package cluster_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// onePeer is a cluster of one other agent, which does everything; what goes there
// and back are the bytes that a queue would carry.
type onePeer struct {
	worker *cluster.Worker
	err    error
	did    atomic.Int64
}

func (p *onePeer) Peers() int { return 1 }

func (p *onePeer) Do(ctx context.Context, kind string, work json.RawMessage, _ bool) (json.RawMessage, error) {
	p.did.Add(1)
	if p.err != nil {
		return nil, p.err
	}
	return p.worker.Handlers()[kind].Handle(ctx, work)
}

// manyTables is a SQLite warehouse whose tables differ in what checks find.
func manyTables(t *testing.T) (db *warehouse.DB, datasets []cluster.Dataset) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "w.db")
	raw, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for i := range 25 {
		name := fmt.Sprintf("t%d", i)
		if i != 7 { // is missing
			rows := fmt.Sprintf("CREATE TABLE %s (id bigint, kind text, at timestamp); INSERT INTO %s WITH "+
				"RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d) SELECT i, 'k'||(i %% 3), "+
				"'2026-03-0'||(1 + i %% 5)||' 10:00:00' FROM n", name, name, 5*i+1)
			if _, err := raw.Exec(rows); err != nil {
				t.Fatal(err)
			}
		}
		list := []checks.Check{
			&checks.RowCount{Options: checks.Options{ID: name + "/rows"}, Fail: bound(t, "< 20")},
			&checks.RowCount{Options: checks.Options{ID: name + "/kinds"}, By: []string{"kind"}, Fail: bound(t,
				"< 10")},
			&checks.Freshness{Options: checks.Options{ID: name + "/fresh"}, Column: "at",
				Fail: checks.Duration(48 * time.Hour)},
			&checks.Schema{Options: checks.Options{ID: name + "/schema"}},
			&checks.SQL{Options: checks.Options{ID: name + "/sql"}, Query: "SELECT count(*) FROM " + name +
				" WHERE no_such_column", Fail: bound(t, "> 0")},
		}
		var d cluster.Dataset
		d.Job = checks.Job{Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: name}, Location: time.UTC,
			Checks: list}
		for _, c := range list {
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		datasets = append(datasets, d)
	}
	db, err = warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.NewSecret("sqlite:" + file), Clock: sentinel.ClockFunc(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, datasets
}

func bound(t *testing.T, text string) checks.Bound {
	t.Helper()
	b, err := checks.ParseBound(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestARemoteRunEqualsALocalRun: results, findings, first baselines.
func TestARemoteRunEqualsALocalRun(t *testing.T) {
	t.Parallel()
	db, datasets := manyTables(t)
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	at := time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	history := agent.NewHistory(memory)
	worker := &cluster.Worker{Store: memory, History: history, Clock: sentinel.ClockFunc(now), Log: log}
	warehouses := map[string]*warehouse.DB{"w": db}
	worker.Update(cluster.Resources{Warehouses: warehouses, Datasets: datasets})
	var jobs []checks.Job
	for _, d := range datasets {
		j := d.Job
		j.Tick = at
		jobs = append(jobs, j)
	}
	env := checks.Env{
		Warehouse: func(name string) (*warehouse.DB, error) { return warehouses[name], nil },
		History:   history, Clock: sentinel.ClockFunc(now), Cache: &checks.Cache{},
	}
	run := func(r checks.Runner) string {
		var all []checks.Outcome
		for _, part := range r.Run(t.Context(), env, "w", jobs) {
			all = append(all, part...)
		}
		return shown(t, all)
	}
	want := run(checks.Local{})
	peer := &onePeer{worker: worker}
	if got := run(&cluster.Runner{Member: peer, Log: log}); want != got {
		t.Errorf("here:\n%s\nelsewhere:\n%s", want, got)
	}
	if n := peer.did.Load(); n != 3 {
		t.Errorf("25 datasets went out in %d parts, want 3 of ten at most", n)
	}
	// What no peer can do runs here.
	for _, peer := range []*onePeer{{worker: &cluster.Worker{Store: memory, Clock: sentinel.ClockFunc(now), Log: log}},
		{err: errors.New("the queue is away")}} {
		if got := run(&cluster.Runner{Member: peer, Log: log}); want != got {
			t.Errorf("not run here:\n%s", got)
		}
	}
}

// shown is outcomes as text, without what takes time.
func shown(t *testing.T, outcomes []checks.Outcome) string {
	t.Helper()
	text := ""
	for _, o := range outcomes {
		for _, r := range o.Results {
			r.Duration, r.Evidence.AsOf = 0, time.Time{}
			if r.Kind == "freshness" { // by the clock of the database
				r.Observations, r.Findings, r.Message = nil, nil, fmt.Sprint(len(r.Findings))
			}
			body, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			text += string(body) + "\n"
		}
		for id, b := range o.Baselines {
			text += fmt.Sprintf("%s %x\n", id, checks.EncodeSnapshot(b))
		}
	}
	return text
}

// recordingNotifier keeps what it is sent, and answers with an error of the test's.
type recordingNotifier struct {
	got []notify.Notice
	err error
}

func (m *recordingNotifier) Validate() error { return nil }

func (m *recordingNotifier) Notify(_ context.Context, n notify.Notice) (string, error) {
	m.got = append(m.got, n)
	return "thread-1", m.err
}

// TestAPeerDelivers: the channel gets the same notice, and its answer comes back.
func TestAPeerDelivers(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC)
	said := notify.Notice{
		Kind: notify.Opened, Key: "i1/opened", Tier: "critical", At: at, URL: "https://dq.example",
		Entries: []notify.Entry{{Kind: notify.Opened, Thread: "i1", Others: 2, Incident: sentinel.Incident{
			ID: "i1", Check: "orders/rows", Table: sentinel.Table{Warehouse: "w", Name: "orders"},
			State: sentinel.Open, Severity: sentinel.Fail,
			Opened: at, Updated: at, Message: "0 rows", Observed: sentinel.Int(0), Expected: "> 0",
		}}},
	}
	for _, answer := range []error{nil, errors.New("500"), &notify.PermanentError{Err: errors.New("400")},
		&notify.RetryAfterError{After: time.Minute, Err: errors.New("429")}} {
		there, here := &recordingNotifier{err: answer}, &recordingNotifier{err: answer}
		channel := notify.Channel{Name: "pager", Notifier: there}
		worker := &cluster.Worker{Clock: sentinel.ClockFunc(time.Now)}
		worker.Update(cluster.Resources{Channels: []notify.Channel{channel}})
		d := &cluster.Deliverer{Member: &onePeer{worker: worker}}
		ref, err := d.Deliver(t.Context(), channel, said)
		wantRef, wantErr := here.Notify(t.Context(), said)
		if ref != wantRef || fmt.Sprintf("%T %v", err, err) != fmt.Sprintf("%T %v", wantErr, wantErr) {
			t.Errorf("%v: %q, %T %v", answer, ref, err, err)
		}
		if len(there.got) != 1 || fmt.Sprintf("%+v", there.got[0]) != fmt.Sprintf("%+v", said) {
			t.Errorf("got\n%+v\nwant\n%+v", there.got, said)
		}
	}
}
