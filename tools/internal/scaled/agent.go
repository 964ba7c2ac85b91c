// Package scaled runs the real agent as a process of its own, by a clock that is faster than
// the machine's. The process is the tool's own program, started again: no build of Sentinel
// has a switch for it. Begin with [Start]; a tool calls [Child] first.
package scaled

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/server"
	"github.com/sentinel-dq/sentinel/app/setup"
	_ "github.com/sentinel-dq/sentinel/repair/all"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// variable holds what the process of an agent is started with, as JSON.
const variable = "SENTINEL_TOOL_AGENT"

// spec is what an agent is started with.
type spec struct {
	Config        string
	Origin, Start time.Time
	Rate          float64
}

// NewClock returns a clock that shows start now, and runs at a rate.
func NewClock(start time.Time, rate float64) sentinel.ScaledClock {
	return sentinel.ScaledClock{Of: sentinel.ClockFunc(time.Now), Origin: time.Now(), Start: start, Rate: rate}
}

// Child runs the agent and ends the process, if the process was started by [Start].
// Otherwise it does nothing.
func Child() {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	if err := runChild(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(0)
}

// lease is how long a repair stays with an agent that is not heard of, on the machine's
// clock: what makes a process late does not go by another one.
const lease = 30 * time.Second

// runChild is `sentinel run` with another clock. It writes a profile of its heap at SIGUSR2.
func runChild(text string) error {
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	go profileHeap(filepath.Join(filepath.Dir(s.Config), HeapProfile))
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(50)
	clock := sentinel.ScaledClock{Of: sentinel.ClockFunc(time.Now), Origin: s.Origin, Start: s.Start, Rate: s.Rate}
	warehouse.Register(dialect{clock: clock})
	warehouse.Register(postgresDialect{clock: clock})
	cfg, err := setup.Load(s.Config)
	if err != nil {
		return err
	}
	return server.New(cfg, server.Options{
		ConfigPath: s.Config, Version: "scaled", Clock: clock, HangUp: hangUp,
		Log:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Lease: time.Duration(s.Rate * float64(lease)),
	}).Run(ctx)
}

// HeapProfile is the file that a profile of the heap is written to, beside the configuration.
const HeapProfile = "heap.pprof"

// profileHeap writes a profile of the heap at each SIGUSR2, as long as the process lives.
func profileHeap(path string) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	for range asked {
		runtime.GC()
		var text bytes.Buffer
		err := pprof.WriteHeapProfile(&text)
		if err := errors.Join(err, os.WriteFile(path, text.Bytes(), 0o600)); err != nil {
			fmt.Fprintln(os.Stderr, "profiling the heap:", err)
		}
	}
}

// ProfileHeap asks the agent for a profile of its heap.
func (a *Agent) ProfileHeap() error { return a.cmd.Process.Signal(syscall.SIGUSR2) }

// Agent is the process of an agent. Its methods are called by one goroutine.
type Agent struct {
	Address string // of /metrics
	cmd     *exec.Cmd
	log     *os.File
}

// Start starts an agent that listens on an address. It appends what the agent says to a file.
func Start(config, address, log string, clock sentinel.ScaledClock) (*Agent, error) {
	text, err := json.Marshal(spec{config, clock.Origin, clock.Start, clock.Rate})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	a := &Agent{Address: address, cmd: exec.Command(self), log: out}
	a.cmd.Env = append(os.Environ(), variable+"="+string(text))
	a.cmd.Stderr = out
	if err := a.cmd.Start(); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return a, nil
}

// Stop ends the agent as a service manager does, and returns the error that it ends with.
func (a *Agent) Stop() error { return a.end(syscall.SIGTERM) }

// Kill ends the agent at once.
func (a *Agent) Kill() error {
	err := a.end(syscall.SIGKILL)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil
	}
	return err
}

func (a *Agent) end(s syscall.Signal) error {
	if err := a.cmd.Process.Signal(s); err != nil {
		return errors.Join(err, a.cmd.Wait(), a.log.Close())
	}
	return errors.Join(a.cmd.Wait(), a.log.Close())
}

// Reload asks the agent to read its configuration again.
func (a *Agent) Reload() error { return a.cmd.Process.Signal(syscall.SIGHUP) }

// Get returns the body of a page of the agent that answers 200.
func (a *Agent) Get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Address+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s: %s: %s", a.Address, path, answer.Status, bytes.TrimSpace(body))
	}
	return body, nil
}

// AwaitReady waits until the agent is ready.
func (a *Agent) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := a.Get(ctx, "/-/ready")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the agent is not ready: %w", err)
		case <-tick.C:
		}
	}
}
