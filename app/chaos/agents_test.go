package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/app"
	"github.com/sentinel-dq/sentinel/internal/wait"
)

// program is the name by which the test's own binary is the command `sentinel`.
const program = "sentinel"

func sentinelMain() int { return app.Main() }

// agent is one process of `sentinel run`.
type agent struct {
	name, listen string
	config, log  string
	program      string
	env          []string
	world        *world

	busy   sync.Mutex // held by the disturbance that it is part of
	cmd    *exec.Cmd
	wanted bool // its end is wanted; written before the signal
	mu     sync.Mutex
	ended  chan struct{}

	starting sync.Mutex // held while it is started
}

func (a *agent) start() error {
	a.starting.Lock()
	defer a.starting.Unlock()
	return a.launch()
}

// launch starts the process. starting is held.
func (a *agent) launch() error {
	log, err := os.OpenFile(a.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, ended := exec.Command(a.program, "run", "-c", a.config), make(chan struct{})
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, a.env
	if err := cmd.Start(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cmd, a.ended, a.wanted = cmd, ended, false
	go func() { // ends with the process, which end waits for
		err := cmd.Wait()
		a.mu.Lock()
		wanted := a.wanted
		a.mu.Unlock()
		close(ended)
		if !wanted {
			a.endedByItself(cmd, err)
		}
	}()
	return nil
}

// endedByItself starts an agent again that could not begin, because the state was away: with
// exit code 3, as a process manager does. Nothing else ends an agent.
func (a *agent) endedByItself(cmd *exec.Cmd, err error) {
	var code *exec.ExitError
	if !errors.As(err, &code) || code.ExitCode() != 3 {
		a.world.violate("%s ended by itself: %v", a.name, err)
	}
	a.world.count("agents started again that could not reach the state when they began")
	if !wait.For(a.world.Context(), time.Second) {
		return
	}
	a.starting.Lock()
	defer a.starting.Unlock()
	a.mu.Lock()
	replaced := a.wanted || a.cmd != cmd
	a.mu.Unlock()
	if replaced {
		return
	}
	if err := a.launch(); err != nil {
		a.world.violate("starting %s: %v", a.name, err)
	}
}

// reload has the agent read its configuration again, once it is up.
func (a *agent) reload() error {
	if _, up := a.get(a.world.Context(), "/-/healthy"); !up {
		return nil
	}
	return a.signal(syscall.SIGHUP)
}

func (a *agent) signal(s syscall.Signal) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil // it could not begin, and is started again
}

// end ends the process with a signal, and waits for it.
func (a *agent) end(s syscall.Signal) error {
	a.mu.Lock()
	a.wanted = true
	cmd, ended := a.cmd, a.ended
	a.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(time.Minute):
		a.world.violate("%s does not end within a minute of signal %s", a.name, s)
		return a.end(syscall.SIGKILL)
	}
}

// leads reports whether the agent leads: only the leader is ready.
func (a *agent) leads(ctx context.Context) bool {
	_, ok := a.get(ctx, "/-/ready")
	return ok
}

// get returns what the agent answers with 200.
func (a *agent) get(ctx context.Context, path string) (body string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.listen+path, http.NoBody)
	if err != nil {
		return "", false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err == nil && response.StatusCode == http.StatusOK
}

// newAgents makes agents that share a state. Each reaches it by a network of its own.
func (w *world) newAgents(config string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, program)
	if err := os.Symlink(self, path); err != nil {
		return err
	}
	for n, network := range w.state.networks {
		listen, err := freeAddress()
		if err != nil {
			return err
		}
		a := &agent{
			name: fmt.Sprint("agent ", n), listen: listen, program: path, world: w,
			config: filepath.Join(w.dir, fmt.Sprint(n, ".yaml")), log: filepath.Join(w.dir, fmt.Sprint(n, ".log")),
		}
		a.env = append(os.Environ(), "STATE_DSN="+w.state.through(network))
		if err := os.WriteFile(a.config, []byte("listen: "+listen+"\n"+config), 0o600); err != nil {
			return err
		}
		w.agents = append(w.agents, a)
		if err := a.start(); err != nil {
			return err
		}
	}
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
