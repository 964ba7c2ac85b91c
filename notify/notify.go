// Package notify sends notifications of incidents. [Planner] decides which channels are
// notified of what. The outbox of package store keeps the notices. [Dispatcher] sends
// them, in order. Each channel is one file and implements [Notifier]. Begin with
// Notifier, Planner and Dispatcher.
package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/registry"
)

// Notifier is one kind of channel. Its exported fields are its YAML. After an error or
// a crash Notify may be called again with the same notice (the same [Notice.Key]), but
// never concurrently for one channel.
type Notifier interface {
	// Validate checks the configuration and sets defaults. An error names the field and
	// says what to do.
	Validate() error
	// Notify sends a notice. ref is what later notices of the same thread refer to,
	// such as the id of a message, or "". An error is a [PermanentError], a
	// [RetryAfterError], or transient.
	Notify(ctx context.Context, n Notice) (ref string, err error)
}

// Kind is why a notice is sent.
type Kind string

const (
	Opened       Kind = "opened"
	Reopened     Kind = "reopened"
	Worsened     Kind = "worsened" // a warning became a failure
	Flapping     Kind = "flapping" // it opens and resolves again and again; each time is not told any more
	Escalated    Kind = "escalated"
	Acknowledged Kind = "acknowledged"
	Recovered    Kind = "recovered"
	Reminder     Kind = "reminder"
	Expiring     Kind = "expiring" // a silence that hides it ends soon; channels that page leave it out
	Digest       Kind = "digest"   // several kinds or groups, where a channel's rate was spent
	Refresh      Kind = "refresh"  // what is still open, for channels that forget; not news
)

// Notice is one message to one channel.
type Notice struct {
	Kind    Kind
	Key     string // the same at every try; made of incidents and their transitions
	Tier    string // the highest of its incidents: critical, warning or info
	Entries []Entry
	At      time.Time // of this try
	Trace   string    // W3C traceparent of the tick that caused it; may be empty
	URL     string    // where people reach the agent; may be empty
	Test    bool      // sent by hand to try the channel
}

// Entry is one incident of a notice.
type Entry struct {
	Kind     Kind
	Incident sentinel.Incident
	Thread   string // id of the incident that leads the conversation on this channel; its own when it stands alone
	Ref      string // what the channel answered when the thread began
	Others   int    // unresolved incidents of the thread beside those of the notice
	Failed   string // the channel that gave the notice up before, and why; may be empty
	Late     string // why it is told after the transition; may be empty
	// Samples are of the incident's bad rows, with keys and masked values alone.
	Samples []sentinel.Sample
}

// News reports whether the entry says that something is wrong now.
func (e Entry) News() bool { return e.Kind != Recovered && e.Kind != Acknowledged }

// PermanentError is an error that a retry cannot help. The notice is given up and waits
// for a person.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// RetryAfterError is a transient error of a receiver that said when to try again. No
// try is made before.
type RetryAfterError struct {
	After time.Duration
	Err   error
}

func (e *RetryAfterError) Error() string {
	return fmt.Sprintf("%s: asks to wait %s", e.Err, e.After)
}
func (e *RetryAfterError) Unwrap() error { return e.Err }

func permanent(format string, args ...any) error {
	return &PermanentError{fmt.Errorf(format, args...)}
}

// isPermanent reports whether a retry cannot help.
func isPermanent(err error) bool {
	var p *PermanentError
	return errors.As(err, &p)
}

var kinds = registry.New[func() Notifier]("kind of channel")

// Register adds a kind of channel. Only init functions call it. It panics on a name
// that is taken.
func Register(kind string, newNotifier func() Notifier) { kinds.Add(kind, newNotifier) }

// New returns a channel's zero value.
func New(kind string) (Notifier, error) {
	newNotifier, err := kinds.Get(kind)
	if err != nil {
		return nil, err
	}
	return newNotifier(), nil
}

// Kinds returns the registered kinds in alphabetical order.
func Kinds() []string { return kinds.Names() }

// news reports whether the notice says that something is wrong now.
func (n Notice) news() bool { return slices.ContainsFunc(n.Entries, Entry.News) }

// thread is what a notice says of one conversation.
type thread struct {
	ID      string
	Ref     string
	Others  int
	Entries []Entry
}

// threads splits a notice by conversation, in the order they appear in it.
func (n Notice) threads() []thread {
	var all []thread
	at := map[string]int{}
	for _, e := range n.Entries {
		i, ok := at[e.Thread]
		if !ok {
			i = len(all)
			at[e.Thread] = i
			all = append(all, thread{ID: e.Thread, Ref: e.Ref, Others: e.Others})
		}
		all[i].Entries = append(all[i].Entries, e)
	}
	return all
}

// kind returns what to do with the thread's page: Opened to open it, Acknowledged,
// Recovered to close it, or "" to leave it.
func (t thread) kind() Kind {
	end := Recovered
	if !slices.ContainsFunc(t.Entries, func(e Entry) bool { return e.Kind != Expiring }) {
		return ""
	}
	for _, e := range t.Entries {
		switch {
		case e.Kind == Expiring:
		case e.News():
			return Opened
		case e.Kind == Acknowledged:
			end = Acknowledged
		}
	}
	if end == Recovered && t.Others > 0 {
		return ""
	}
	return end
}
