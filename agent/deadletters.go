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
	switch {
	case d.Who == "":
		return 0, errors.New("who: name the person who decides")
	case !a.started():
		return 0, ErrNotStarted
	case d.What == "retry":
		n, err = a.store.RetryDead(ctx, d.DeadLetters, a.now())
	case d.What == "drop":
		n, err = a.store.DropDead(ctx, d.DeadLetters)
	default:
		return 0, fmt.Errorf("unknown word %q: want retry or drop", d.What)
	}
	if err != nil || n == 0 {
		return n, err
	}
	a.wakeDispatcher()
	a.countNotices(ctx)
	subject := d.Channel
	if len(d.Numbers) > 0 {
		subject = fmt.Sprint(d.Numbers)
	}
	return n, a.store.AppendAudit(ctx, store.AuditEntry{
		At: a.now(), Actor: d.Who, What: "notification." + d.What, Subject: subject,
		Detail: fmt.Sprintf("%d notifications: %s", n, d.Why),
	})
}
