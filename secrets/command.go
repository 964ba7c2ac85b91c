package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/settings"
)

const (
	// CommandTime is the longest time that a command may run.
	CommandTime = 10 * time.Second
	// CommandKept is how long the answer of a command is used before it is run again.
	CommandKept = 5 * time.Minute
	// CommandPause is the shortest time from the end of one run of a command to the next,
	// however often a login is refused.
	CommandPause = 10 * time.Second
)

// Command is a secret that a command prints. The command is run without a shell.
type Command struct {
	text
	words settings.Command
	dir   string
	kept  time.Duration
	pause time.Duration

	slot chan struct{} // holds one value while the command runs

	mu    sync.Mutex  // of the timers
	stale *time.Timer // the answer is old
	rest  *time.Timer // the command may be run again
}

// RunCommand runs a command for a secret, in a folder.
func RunCommand(ctx context.Context, words settings.Command, dir string) (*Command, error) {
	c := newCommand(words, dir)
	return c, c.run(ctx)
}

func newCommand(words settings.Command, dir string) *Command {
	return &Command{words: words, dir: dir, kept: CommandKept, pause: CommandPause, slot: make(chan struct{}, 1)}
}

// Name implements Source. It has no argument of the command, which may be a secret.
func (c *Command) Name() string { return "the command " + c.words[0] }

// Refresh implements Source.
func (c *Command) Refresh(ctx context.Context) error {
	return c.runIf(ctx, func() bool { return over(c.stale) && over(c.rest) })
}

// Renew implements Source.
func (c *Command) Renew(ctx context.Context, refused uint64) error {
	return c.runIf(ctx, func() bool { return c.Version() == refused && over(c.rest) })
}

// runIf runs the command if it is due. It waits for a run of another caller before, but not
// for longer than ctx.
func (c *Command) runIf(ctx context.Context, due func() bool) error {
	isDue := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return due()
	}
	if !isDue() {
		return nil
	}
	select {
	case c.slot <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", c.Name(), ctx.Err())
	}
	defer func() { <-c.slot }()
	if !isDue() {
		return nil
	}
	return c.run(ctx)
}

// over reports whether a timer has ended, and restarts it as ended.
func over(t *time.Timer) bool {
	if t == nil {
		return true
	}
	select {
	case <-t.C:
		t.Reset(0)
		return true
	default:
		return false
	}
}

// run runs the command. It rests from the end of the run on, unless the run ended because
// its caller did: the next caller may need it.
func (c *Command) run(parent context.Context) error {
	read, err := c.output(parent)
	if err == nil {
		err = c.set(read, c.Name()+": its output")
	} else if parent.Err() != nil {
		return fmt.Errorf("%s: %w", c.Name(), parent.Err())
	}
	err = c.note(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = time.NewTimer(c.pause)
	if err == nil {
		c.stale = time.NewTimer(c.kept)
	}
	return err
}

// output returns what the command prints. Nothing of what it prints to its standard error is
// kept: it may hold the secret. Whatever the command has started ends with it.
func (c *Command) output(parent context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(parent, CommandTime)
	defer cancel()
	out := &limited{limit: LongestText + 1}
	cmd := exec.CommandContext(ctx, c.words[0], c.words[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Env = c.dir, out, os.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killGroup := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killGroup
	cmd.WaitDelay = time.Second // a child that has the output open is not waited for
	err := cmd.Run()
	if cmd.Process != nil {
		// There is no group left, or one of another user, which nobody here can end.
		if gone := killGroup(); gone != nil && !errors.Is(gone, syscall.ESRCH) && !errors.Is(gone, syscall.EPERM) {
			return nil, fmt.Errorf("%s: ending its children: %w", c.Name(), gone)
		}
	}
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay) || len(out.data) > LongestText:
		return out.data, nil // a child held the output open, but the command itself was done
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s did not end within %s", c.Name(), CommandTime)
	}
	return nil, fmt.Errorf("%s: %w; run it by hand to see why", c.Name(), withoutArguments(err))
}

// withoutArguments returns an error of package exec as an exit code or the system's reason.
func withoutArguments(err error) error {
	var started *exec.Error
	if errors.As(err, &started) {
		return started.Err
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// limited keeps the beginning of an output.
type limited struct {
	data  []byte
	limit int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if room := l.limit - len(l.data); room < len(p) {
		l.data = append(l.data, p[:max(0, room)]...)
		return 0, io.ErrShortWrite
	}
	l.data = append(l.data, p...)
	return len(p), nil
}

// SplitCommand returns the words of a command in one text. It refuses a text that a shell
// would read otherwise.
func SplitCommand(line string) (settings.Command, error) {
	const shell = "\"'`\\$|&;<>(){}[]*?~#!"
	if strings.ContainsAny(line, shell) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' }) {
		return nil, errors.New("no shell runs a command, so quotes and other characters of one mean nothing: " +
			"write a list of words, such as [vault, kv, get, -field=dsn, secret/shop]")
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil, errors.New("want a program and its arguments, such as [vault, kv, get, -field=dsn, secret/shop]")
	}
	return words, nil
}
