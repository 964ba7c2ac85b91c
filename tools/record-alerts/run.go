package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

// start is the clock's time at the beginning of each situation: a Monday morning.
var start = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// boot is how long an agent has to start before the beginning, on the machine's clock.
const boot = time.Second

// situation is what happens beside one or several agents.
type situation struct {
	name, about string
	rate        float64       // of the clock
	every       time.Duration // between two scrapes
	length      time.Duration
	agents      int    // 0: one
	config      string // after listen and state; SHOP, HOOK, DIR and STANDBY are replaced
	rows        []string
	prepare     func(r *run) error // before the configuration is written; nil: nothing
	files       map[string]string  // in the folder of the situation, by name; DIR in config is the folder
	steps       []step
	load        func(r *run, at time.Duration) error // at each scrape; nil: nothing
	late        time.Duration                        // how far the agent's clock is behind
}

// step is something that happens at a time after the start.
type step struct {
	at time.Duration
	do func(ctx context.Context, r *run) error
}

// run is a situation that runs.
type run struct {
	situation
	dir     string
	clock   sentinel.ScaledClock
	state   string
	shop    *sql.DB
	hook    *httptest.Server
	refuses atomic.Bool
	members []*scaled.Agent // nil: it does not run
	listen  []string
	servers []*scratch.Server // of the situation alone
	standby string            // address of a standby
}

// record runs a situation and writes its recording.
func record(ctx context.Context, s situation, used map[string]bool, out string) (err error) {
	r := &run{situation: s}
	if r.dir, err = os.MkdirTemp("", "sentinel-alerts-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close(err)) }()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	rec, err := r.play(ctx, used)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("# %s: %s\n# Made by `make record-alerts`. Times are seconds after %s.\nevery %s\nlength %s\n%s",
		s.name, s.about, start.Format(time.RFC3339), promDuration(s.every), promDuration(s.length), rec.text())
	return os.WriteFile(filepath.Join(out, s.name+".series"), []byte(text), 0o644)
}

// promDuration writes a duration as Prometheus reads it.
func promDuration(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

// prepare makes the warehouse, the receiver of notices and the configuration.
func (r *run) prepare(ctx context.Context) (err error) {
	r.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if r.refuses.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	path := filepath.Join(r.dir, "shop.db")
	r.shop, err = sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	if err := r.exec(ctx, r.rows...); err != nil {
		return err
	}
	if r.situation.prepare != nil {
		if err := r.situation.prepare(r); err != nil {
			return err
		}
	}
	for name, text := range r.files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	r.state = "sqlite:" + filepath.Join(r.dir, "state.db")
	if r.situation.agents > 1 {
		if r.state, err = sharedState(ctx, r.name); err != nil {
			return err
		}
	}
	for n := range max(1, r.situation.agents) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		r.listen = append(r.listen, l.Addr().String())
		r.members = append(r.members, nil)
		if err := errors.Join(l.Close(), r.write(n, r.config)); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) file(n int) string { return filepath.Join(r.dir, fmt.Sprintf("sentinel%d.yaml", n)) }

// write writes the configuration of an agent.
func (r *run) write(n int, config string) error {
	text := fmt.Sprintf("listen: %s\nstate: %q\ntoken: a-token-of-the-recorder\n", r.listen[n], r.state) +
		strings.NewReplacer("SHOP", filepath.Join(r.dir, "shop.db"), "HOOK", r.hook.URL, "DIR", r.dir, "STANDBY", r.standby).
			Replace(config)
	return os.WriteFile(r.file(n), []byte(text), 0o600)
}

func (r *run) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := r.shop.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// start starts an agent. It does not wait until that is ready.
func (r *run) start(n int) (err error) {
	clock := r.clock
	clock.Start = clock.Start.Add(-r.late)
	r.members[n], err = scaled.Start(r.file(n), r.listen[n], filepath.Join(r.dir, fmt.Sprintf("sentinel%d.log", n)), clock)
	return err
}

func (r *run) stop(n int) error {
	a := r.members[n]
	r.members[n] = nil
	return a.Stop()
}

func (r *run) kill(n int) error {
	a := r.members[n]
	r.members[n] = nil
	return a.Kill()
}

// play runs the situation and scrapes.
func (r *run) play(ctx context.Context, used map[string]bool) (*recording, error) {
	r.clock = scaled.NewClock(start, r.rate)
	r.clock.Origin = r.clock.Origin.Add(boot)
	for n := range r.members {
		if err := r.start(n); err != nil {
			return nil, err
		}
	}
	rec := &recording{steps: int(r.length/r.every) + 1, series: map[string][]string{}}
	todo := r.steps
	timer := time.NewTimer(0)
	defer timer.Stop()
	for k := range rec.steps {
		at := time.Duration(k) * r.every
		timer.Reset(max(0, r.clock.Wall(start.Add(at).Sub(r.clock.Now()))))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
		}
		for ; len(todo) > 0 && todo[0].at <= at; todo = todo[1:] {
			if err := todo[0].do(ctx, r); err != nil {
				return nil, fmt.Errorf("after %s: %w", at, err)
			}
		}
		if r.load != nil {
			if err := r.load(r, at); err != nil {
				return nil, fmt.Errorf("loading after %s: %w", at, err)
			}
		}
		for n, a := range r.members {
			r.scrape(ctx, rec, used, scrape{clock: r.clock, begin: start, step: k, every: r.every}, n, a)
		}
	}
	return rec, nil
}

// scrape scrapes an agent, as Prometheus does: one that does not answer is down.
func (r *run) scrape(ctx context.Context, rec *recording, used map[string]bool, s scrape, n int, a *scaled.Agent) {
	instance := string(rune('a' + n))
	up := fmt.Sprintf("up{job=%q,instance=%q}", "sentinel", instance)
	if a == nil {
		rec.add(up, s.step, 0)
		return
	}
	s.from = r.clock.Now()
	m, err := a.Scrape(ctx)
	s.to = r.clock.Now()
	if err != nil {
		rec.add(up, s.step, 0)
		return
	}
	rec.add(up, s.step, 1)
	rec.scraped(m, used, instance, s)
}

// post sends a request to the first agent that takes it.
func (r *run) post(ctx context.Context, path, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.listen[0]+path, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer a-token-of-the-recorder")
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s: %s: %s", path, answer.Status, said)
	}
	return nil
}

// close ends everything. It keeps the folder of a situation that failed.
func (r *run) close(failed error) (err error) {
	for n, a := range r.members {
		if a != nil {
			err = errors.Join(err, r.stop(n))
		}
	}
	for _, s := range r.servers {
		s.Stop()
	}
	if r.hook != nil {
		r.hook.Close()
	}
	if r.situation.agents > 1 {
		err = errors.Join(err, dropState(r.name))
	}
	if r.shop != nil {
		err = errors.Join(err, r.shop.Close())
	}
	if failed != nil {
		return errors.Join(err, fmt.Errorf("its folder is %s", r.dir))
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}
