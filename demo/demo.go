// Package demo shows Sentinel on an embedded warehouse with a live loader and
// staged incidents. Begin with [Demo.Run]; incidents.go lists what is staged.
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/server"
	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/store"
)

//go:embed demo.yaml
var configuration []byte

// Demo is what a demo is made of.
type Demo struct {
	Out     io.Writer
	Once    bool // end when each incident was staged once
	Version string
	Clock   sentinel.Clock
}

// Run makes a warehouse in a temporary directory, runs the agent on it, and stages
// incidents until ctx ends.
func (d Demo) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sentinel-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	running, stop := context.WithCancel(ctx)
	defer stop()
	w, err := NewWarehouse(running, filepath.Join(dir, "shop.db"))
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "sentinel.yaml")
	if err := os.WriteFile(path, configuration, 0o600); err != nil {
		return errors.Join(err, w.Close())
	}
	cfg, err := setup.Load(path)
	if err != nil {
		return errors.Join(&server.ConfigError{Err: err}, w.Close())
	}
	agent := server.New(cfg, server.Options{
		ConfigPath: path,
		Version:    d.Version,
		Clock:      d.Clock,
		Log:        slog.New(slog.DiscardHandler),
	})
	var parts sync.WaitGroup
	var loaded, ran error
	ended := make(chan struct{})
	parts.Go(func() { loaded = w.Load(running) })
	parts.Go(func() { defer close(ended); ran = agent.Run(running) })
	select {
	case a := <-agent.Listening():
		fmt.Fprintf(d.Out, "configuration  %s\nstatus page    http://%s/\nmetrics        http://%s/metrics\n\n", path, a, a)
		err = d.stage(running, cfg.State.Reveal(), w)
	case <-ended:
	}
	stop()
	parts.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // Ctrl-C is how the demo ends
	}
	return errors.Join(err, loaded, ran, w.Close())
}

func (d Demo) stage(ctx context.Context, url string, w *Warehouse) (err error) {
	state, err := store.OpenReader(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	s := stage{Demo: d, state: state, warehouse: w}
	return s.run(ctx)
}
