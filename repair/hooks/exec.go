package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { repair.Register("exec", func() repair.Action { return &Exec{} }) }

// Exec runs a program with an argument list, and never a shell. The program has a clean
// environment, and a process group of its own that is killed at the timeout.
type Exec struct {
	Command    []string                   `yaml:"command" required:"true" doc:"Program, as an absolute path, and its arguments."`
	Env        map[string]sentinel.Secret `yaml:"env" doc:"Variables of the program. It has no others."`
	Dir        string                     `yaml:"dir" doc:"Working directory."`
	Timeout    time.Duration              `yaml:"timeout" default:"10m" doc:"The program is killed after this."`
	Idempotent bool                       `yaml:"idempotent" doc:"It may run twice for one SENTINEL_REPAIR_ID."`
	Undo       []string                   `yaml:"undo" doc:"Program that undoes it, and its arguments."`
}

// outputLimit is how many bytes of a program's output are kept: the last ones.
const outputLimit = 64 << 10

// lineLimit is how many bytes of its last line are shown.
const lineLimit = sentinel.LongestText

// Validate implements Action.
func (e *Exec) Validate() error {
	if err := settings.Complete(e); err != nil {
		return err
	}
	const want = "want a list that begins with the absolute path of a program"
	if len(e.Command) == 0 || !filepath.IsAbs(e.Command[0]) {
		return settings.Wrong("command", want)
	}
	if len(e.Undo) > 0 && !filepath.IsAbs(e.Undo[0]) {
		return settings.Wrong("undo", want)
	}
	if e.Timeout < 0 {
		return settings.Wrong("timeout", "must be positive")
	}
	return nil
}

// Plan implements Action.
func (e *Exec) Plan(_ context.Context, _ *repair.Target, trigger repair.Trigger) (plan sentinel.Plan, err error) {
	i := trigger.Incident
	step := sentinel.Step{Name: "run", Do: []string{strings.Join(e.Command, " ")}, NoUndo: "no undo is configured"}
	if len(e.Undo) > 0 {
		step.Undo, step.NoUndo = []string{strings.Join(e.Undo, " ")}, ""
	}
	plan = sentinel.Plan{
		Action: "exec", Table: i.Table, Finding: i.Key, Scope: i.Key, Summary: "run " + step.Do[0],
		Steps: []sentinel.Step{step},
		Class: sentinel.ClassAuto, Guarantee: sentinel.AtLeastOnce, Rows: -1,
	}
	if e.Idempotent {
		plan.Guarantee = sentinel.LookedUp
	}
	subject, _ := payloadOf(trigger, "") // most triggers have no window, and need none here
	plan.Details, err = json.Marshal(environmentOf(subject))
	return plan, err
}

// environmentOf returns the variables that tell a program what it is run for.
func environmentOf(s payload) map[string]string {
	env := map[string]string{"SENTINEL_TABLE": s.Table, "SENTINEL_CHECK": s.Check, "SENTINEL_FINDING": s.Finding,
		"SENTINEL_INCIDENT": s.Incident, "SENTINEL_MESSAGE": s.Message}
	if s.WindowStart != "" {
		env["SENTINEL_WINDOW_START"], env["SENTINEL_WINDOW_END"] = s.WindowStart, s.WindowEnd
	}
	return env
}

// Stage implements Action.
func (e *Exec) Stage(context.Context, *repair.Run) error { return nil }

// Apply implements Action. A program that was started by an agent that died may have
// run in part. Only an idempotent program is started again.
func (e *Exec) Apply(ctx context.Context, run *repair.Run) error {
	run.Failpoint("before_apply")
	mark, err := markOf(run, "apply")
	if err != nil {
		return err
	}
	begun, err := readMark(mark)
	if err != nil {
		return err
	}
	if (begun || run.Resumed) && !e.Idempotent {
		err := errors.New("the program was begun by an agent that died, and is not declared idempotent")
		if gone := os.Remove(mark); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return &repair.UnknownError{Err: err}
	}
	return e.run(ctx, run, e.Command, "apply")
}

// Rollback implements Action.
func (e *Exec) Rollback(ctx context.Context, run *repair.Run) error {
	if len(e.Undo) == 0 {
		return &repair.RefusedError{Why: "no undo is configured"}
	}
	return e.run(ctx, run, e.Undo, "rollback")
}

func (e *Exec) run(ctx context.Context, run *repair.Run, command []string, step string) error {
	agent := ctx
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = e.Dir, e.environment(run)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second // then the pipes close; the group is killed below
	out := &tail{limit: outputLimit}
	cmd.Stdout, cmd.Stderr = out, out
	mark, err := markOf(run, step)
	if err != nil {
		return err
	}
	if err := os.WriteFile(mark, []byte("begun\n"), 0o600); err != nil {
		return fmt.Errorf("writing the mark file: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("starting %s: %w", command[0], err), os.Remove(mark))
	}
	marked := os.WriteFile(mark, fmt.Appendf(nil, "%d %s\n", cmd.Process.Pid, processStart(cmd.Process.Pid)), 0o600)
	err = cmd.Wait()
	if ctx.Err() != nil {
		// Whatever of the group ignored the polite request.
		if kill := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); kill != nil && !errors.Is(kill, syscall.ESRCH) {
			err = errors.Join(err, kill)
		}
	}
	if marked != nil {
		return fmt.Errorf("writing the mark file: %w", marked)
	}
	if err := os.Remove(mark); err != nil {
		return err
	}
	switch {
	case agent.Err() != nil && err != nil:
		return &repair.UnknownError{Err: fmt.Errorf("the agent stopped, and ended %s", command[0])}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s did not end within %s: %s", command[0], e.Timeout, lastLine(run, out))
	case err != nil:
		return fmt.Errorf("%s: %w: %s", command[0], err, lastLine(run, out))
	}
	run.Failpoint("after_apply_commit")
	return nil
}

func (e *Exec) environment(run *repair.Run) []string {
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "SENTINEL_REPAIR_ID=" + run.Repair.ID}
	var about map[string]string
	if err := json.Unmarshal(run.Repair.Plan.Details, &about); err == nil {
		for k, v := range about {
			env = append(env, k+"="+strings.ReplaceAll(v, "\x00", ""))
		}
	}
	for k, v := range e.Env {
		env = append(env, k+"="+v.Reveal())
	}
	return env
}

// lastLine returns the output's last line without secrets.
func lastLine(run *repair.Run, out *tail) string {
	text := out.String()
	if len(text) == out.limit {
		text = text[min(len(text), lineLimit):] // a secret may be cut there, and would not be found
	}
	lines := strings.Split(strings.TrimSpace(run.Scrub(text)), "\n")
	return outbound.OneLine(lines[len(lines)-1], lineLimit)
}

// tail keeps the end of what is written to it.
type tail struct {
	bytes.Buffer
	limit int
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if over := t.Len() - t.limit; over > 0 {
		t.Next(over)
	}
	return n, err
}
