package notify

import (
	"context"
	"errors"
	"time"
)

// Delivery is what became of one try to tell, as data: an agent may have another
// one make it.
type Delivery struct {
	Ref       string        `json:"ref,omitempty"` // what the channel answered
	Error     string        `json:"error,omitempty"`
	Permanent bool          `json:"permanent,omitempty"`
	After     time.Duration `json:"after,omitempty"` // the receiver asks to wait so long
}

// Deliver makes one try on this agent.
func (c Channel) Deliver(ctx context.Context, n Notice) Delivery {
	ref, err := c.Notifier.Notify(ctx, n)
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
