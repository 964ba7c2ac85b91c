package notify

import (
	"context"
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/secrets"
)

// Deliverer makes one try to deliver a notice to a channel, on this agent or on
// another. Its errors are those of [Notifier.Notify].
type Deliverer interface {
	Deliver(ctx context.Context, c Channel, n Notice) (ref string, err error)
}

// Local is the Deliverer that delivers from this agent.
type Local struct{}

// Deliver implements Deliverer. A panic of the channel is the error of this try. A notice
// whose login is refused is not lost while the secret comes from a file or a command:
// somebody may be about to change it.
func (Local) Deliver(ctx context.Context, c Channel, n Notice) (ref string, err error) {
	ctx = c.Outbound.In(ctx)
	sources := secrets.Of(c.Notifier)
	err = panics.Catch(func() error {
		return sources.Try(ctx, secrets.IsRefused, func() (err error) {
			ref, err = c.Notifier.Notify(ctx, n)
			return err
		})
	})
	if len(sources) > 0 && secrets.IsRefused(err) {
		err = errors.New(err.Error()) // no longer permanent
	}
	return ref, err
}

// Delivery is the outcome of one try to deliver, as data: another agent may have
// made it.
type Delivery struct {
	Ref       string        `json:"ref,omitempty"` // what the channel answered
	Error     string        `json:"error,omitempty"`
	Permanent bool          `json:"permanent,omitempty"`
	After     time.Duration `json:"after,omitempty"` // how long the receiver asks to wait
}

// Deliver makes one try on this agent.
func (c Channel) Deliver(ctx context.Context, n Notice) Delivery {
	ref, err := Local{}.Deliver(ctx, c, n)
	d := Delivery{Ref: ref}
	if err == nil {
		return d
	}
	d.Error, d.Permanent = err.Error(), isPermanent(err)
	var after *RetryAfterError
	if errors.As(err, &after) {
		d.After, d.Error = after.After, after.Err.Error()
	}
	return d
}

// Result is what [Notifier.Notify] answered.
func (d Delivery) Result() (ref string, err error) {
	if d.Error == "" {
		return d.Ref, nil
	}
	err = errors.New(d.Error)
	switch {
	case d.Permanent:
		err = &PermanentError{err}
	case d.After > 0:
		err = &RetryAfterError{After: d.After, Err: err}
	}
	return d.Ref, err
}
