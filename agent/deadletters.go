package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// DecideDeadLetters sends notifications again that were given up, or drops them. It returns
// how many. The decision is in the audit log.
func (a *Agent) DecideDeadLetters(ctx context.Context, d notify.DeadLetterDecision) (n int64, err error) {
	why := store.AuditEntry{At: a.now(), Actor: d.Who, What: "notification." + d.What, Subject: d.Channel, Detail: d.Why}
	if len(d.Numbers) > 0 {
		why.Subject = fmt.Sprint(d.Numbers)
	}
	switch {
	case d.Who == "":
		return 0, errors.New("who: name the person who decides")
	case !a.started():
		return 0, ErrNotStarted
	case d.What == "retry":
		n, err = a.store.RetryDead(ctx, d.DeadLetters, why)
	case d.What == "drop":
		n, err = a.store.DropDead(ctx, d.DeadLetters, why)
	default:
		return 0, fmt.Errorf("unknown word %q: want retry or drop", d.What)
	}
	if err != nil || n == 0 {
		return n, err
	}
	a.wakeDispatcher()
	a.countNotices(ctx)
	return n, nil
}
