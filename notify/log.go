package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
)

func init() { Register("log", func() Notifier { return &Log{} }) }

// Log writes every incident of a notice as one line of JSON, with the fields of the
// webhook's body, for log collectors.
type Log struct {
	File string    `yaml:"file" doc:"File to append to. Default: standard output."`
	Out  io.Writer `yaml:"-"` // where to instead, for the program that embeds it; one write a line
}

// Files implements settings.FileUser.
func (l *Log) Files() []*string { return []*string{&l.File} }

// Validate implements Notifier.
func (l *Log) Validate() error { return nil }

// Notify implements Notifier.
func (l *Log) Notify(_ context.Context, n Notice) (_ string, err error) {
	var lines bytes.Buffer
	for _, e := range n.Entries {
		one := n
		one.Kind, one.Tier, one.Entries = e.Kind, e.Incident.Tier, []Entry{e}
		data, err := body(one)
		if err != nil {
			return "", permanent("encoding the notice: %w", err)
		}
		lines.Write(append(data, '\n'))
	}
	out := l.Out
	if out == nil {
		out = os.Stdout
	}
	if l.File != "" && l.Out == nil {
		f, err := os.OpenFile(l.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return "", fmt.Errorf("writing the notification: %w", err)
		}
		defer func() {
			if closing := f.Close(); err == nil && closing != nil {
				err = fmt.Errorf("writing the notification: %w", closing)
			}
		}()
		out = f
	}
	if _, err := lines.WriteTo(out); err != nil {
		return "", fmt.Errorf("writing the notification: %w", err)
	}
	return "", nil
}
