package differential_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// playScene draws a pair of tables and repairs it several times, with other damage and
// another method each time.
func playScene(t *testing.T, w *world, seed int, report *report) {
	s := newScene(w, seed)
	var last *attempt
	defer func() {
		if v := recover(); v != nil {
			t.Errorf("seed %d: %v\n%s\n%s", seed, v, s.shown(last), debug.Stack())
			report.broken.Add(1)
		}
	}()
	s.target.create(s.r, s.r.IntN(8))
	s.source.create(s.r, s.r.IntN(12))
	for n := range perScene {
		if n > 0 && chance(s.r, 3) {
			s.source.change(s.r)
		}
		if n > 0 {
			s.target.damage(s.r)
		}
		last = s.drawAttempt(n)
		if wrong := s.judge(t, last); wrong != "" {
			t.Errorf("seed %d, repair %d: %s\n%s", seed, n+1, wrong, s.shown(last))
			report.broken.Add(1)
			break
		}
		if report.add(s, last); last.err != nil && last.id != last.staged {
			break // its types are refused, whatever the rows are
		}
	}
	s.source.drop()
	s.target.drop()
	for _, p := range w.places {
		if _, err := p.Write.Sweep(context.Background(), p.Schema, func(string) bool { return false }); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// shown describes the scene and an attempt.
func (s *scene) shown(a *attempt) string {
	out := s.target.shown() + "\nfrom " + s.source.shown() + "\nzone " + s.target.zone.String()
	if a != nil {
		out += fmt.Sprintf("\n%+v", a.Partition)
		out += fmt.Sprintf("\nkill at %d, process %v, cancel %v, undo %v: %v", a.killAt, a.process, a.cancel, a.undo, a.err)
	}
	return out
}

// attempt is one repair of a scene.
type attempt struct {
	*reload.Partition
	id      string
	staged  string // the id, once the plan was made
	killAt  int    // number of the failpoint where the agent is killed; 0 for nowhere
	cancel  bool   // it stops there in place of being killed
	process bool   // it is a process of its own, ended by SIGKILL
	undo    bool   // the repair is taken back
	err     error
	killed  bool // it was
	delay   int  // microseconds between the failpoint and the SIGKILL
}

func (s *scene) drawAttempt(n int) *attempt {
	r := s.r
	a := &attempt{Partition: &reload.Partition{BatchRows: 1 + r.IntN(20), MinRatio: new(float64), AllowEmpty: true},
		id: fmt.Sprintf("r%dx%d", s.seed, n), undo: chance(r, 6)}
	a.Method = pick(r, []string{"delete_insert", "merge"})
	if s.target.partitioned && !chance(r, 3) && (!s.target.nested || chance(r, 6)) {
		a.Method = "swap"
	}
	if s.target.key == "" || s.target.key == "late" {
		if a.Method == "merge" && (s.target.key == "" || !chance(r, 8)) && !chance(r, 12) {
			a.Method = "delete_insert"
		}
		a.BatchRows = 50
	}
	if s.target.key == "late" {
		a.Key, a.BatchRows = []string{"id"}, 1+r.IntN(20)
		a.Method = pick(r, []string{"delete_insert", "merge"})
	}
	switch source := s.source.(type) {
	case *tableSource:
		a.From = []sentinel.Table{{Warehouse: "src", Schema: source.Schema, Name: source.name}}
		if source.place == s.target.place && chance(r, 2) {
			a.From[0].Warehouse = "w"
		}
	case *fileSource:
		a.File = []string{source.path}
	}
	if a.Method == "merge" && s.target.key == "id" && chance(r, 4) {
		a.Columns = s.someColumns()
	}
	if chance(r, 3) {
		a.killAt, a.cancel = 1+r.IntN(14), chance(r, 4)
	}
	a.process = s.target.zone == time.UTC && s.target.clock != epoch && chance(r, *kills)
	if a.process {
		a.killAt, a.cancel, a.delay = 1+r.IntN(30), false, r.IntN(3000)
	}
	return a
}

// someColumns returns the columns that cannot be left out, and some of the others.
func (s *scene) someColumns() []string {
	some := []string{"id", "at"}
	for _, c := range s.target.columns {
		if c.notNull && c.def == "" || chance(s.r, 2) {
			some = append(some, c.name)
		}
	}
	return some
}

// killedError is what an agent panics with where it is killed.
type killedError struct{}

// carryOut carries out an attempt, and checks the table wherever the agent was killed. undone
// says that the repair was taken back.
func (s *scene) carryOut(t *testing.T, a *attempt, check func() (bool, string)) (undone bool, wrong string) {
	if a.process {
		return s.inProcess(t, a, check)
	}
	at := &repair.Target{Read: s.target.Read, Write: s.target.Write, Clock: repairtest.Clock,
		Sources: repairtest.Sources{"w": s.target.Read}}
	if source, ok := s.source.(*tableSource); ok {
		at.Sources = repairtest.Sources{"w": s.target.Read, "src": source.Read}
	}
	var plan sentinel.Plan
	if a.err = a.Validate(); a.err == nil {
		plan, a.err = a.Plan(context.Background(), at, s.trigger())
	}
	if a.err != nil {
		return false, ""
	}
	a.staged = a.id
	run := &repair.Run{Target: at, MayLose: math.MaxInt64, Repair: sentinel.Repair{ID: a.id, Key: a.id,
		Table: s.target.Table(s.target.name), Plan: plan, Fence: 1, Attempts: 1}}
	if a.err = s.step(a, run, a.Stage, check); a.err == nil {
		a.err = s.step(a, run, a.Apply, check)
	}
	if wrong := (*wrongError)(nil); errors.As(a.err, &wrong) {
		return false, wrong.what
	}
	if a.err != nil || !a.undo {
		return false, ""
	}
	if _, wrong := check(); wrong != "" {
		return false, wrong
	}
	a.killAt += 3
	if err := s.step(a, run, a.Rollback, check); err != nil {
		return false, fmt.Sprintf("it was not taken back: %v", err)
	}
	return true, ""
}

// trigger is the finding that the window is bad.
func (s *scene) trigger() repair.Trigger {
	why := repair.Trigger{TimeColumn: "at", Location: s.target.zone, Incident: sentinel.Incident{
		ID: "i1", Check: "orders/check", Kind: "row_count", Key: repairtest.MissingDay, State: sentinel.Open,
		Table: s.target.Table(s.target.name)}}
	if s.target.clock == epoch {
		why.TimeUnit = "ms"
	}
	return why
}

// wrongError says how the law was broken on the way.
type wrongError struct{ what string }

func (e *wrongError) Error() string { return e.what }

// step carries out a step of a repair. An agent that is killed in it is followed by another
// one with a newer fence, and what may pass is tried again, as the engine of repairs does.
func (s *scene) step(
	a *attempt, run *repair.Run, do func(context.Context, *repair.Run) error, check func() (bool, string),
) (err error) {
	for tries := 0; tries < 4; tries++ {
		var killed bool
		if killed, err = s.runUntilKilled(a, run, do); killed {
			a.killed, a.killAt = true, 0
			if _, wrong := check(); wrong != "" {
				return &wrongError{"after the kill: " + wrong}
			}
			run.Repair.Fence++
			run.Repair.Attempts++
			run.Resumed = true
			tries--
			continue
		}
		if passes := (*repair.TransientError)(nil); !errors.As(err, &passes) {
			return err
		}
	}
	return err
}

// runUntilKilled runs a step up to the failpoint where the agent is killed.
func (s *scene) runUntilKilled(
	a *attempt, run *repair.Run, do func(context.Context, *repair.Run) error,
) (killed bool, err error) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	run.Control = repairtest.Control{OnFailpoint: func(string) {
		if a.killAt--; a.killAt != 0 {
			return
		}
		if stop(); !a.cancel {
			panic(killedError{})
		}
	}}
	defer func() {
		if v := recover(); v == (killedError{}) {
			killed = true
		} else if v != nil {
			panic(v)
		}
	}()
	err = do(ctx, run)
	return ctx.Err() != nil && err != nil, err
}
