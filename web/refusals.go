package web

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/store"
)

const (
	// auditedRefusals is the number of entries about wrong tokens in a minute. The audit log
	// is kept for long: clients with many addresses must not fill it.
	auditedRefusals = 10
	// auditTime bounds the writing of an entry about a request.
	auditTime = 5 * time.Second
)

// refusals bounds the entries about wrong tokens.
type refusals struct {
	mu      sync.Mutex
	since   time.Time
	written int // since then
	left    int // requests since the last entry
}

// take reports whether an entry may be written now, and how many requests came since the
// last one.
func (r *refusals) take(now time.Time, wanted bool) (ok bool, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.since) >= time.Minute {
		r.since, r.written = now, 0
	}
	if !wanted || r.written >= auditedRefusals {
		r.left++
		return false, 0
	}
	left, r.left = r.left, 0
	r.written++
	return true, left
}

// Refused implements access.Observer. The first refusal of an address within a minute, and
// the last one before it has to wait, are in the audit log, up to ten entries in a minute.
// An entry counts the requests since the one before.
func (s *Server) Refused(ctx context.Context, client, path string, count int) {
	s.Log.Warn("a request with a wrong token or password was refused", "client", client, "path", path, "count", count)
	now := s.Clock.Now()
	ok, left := s.refusals.take(now, count == 1 || count == access.FailuresAllowed)
	if !ok {
		return
	}
	detail := fmt.Sprintf("%d within a minute, the last for %s", count, sentinel.Clip(path))
	if left > 0 {
		detail += fmt.Sprintf("; %d requests of all addresses since the entry before", left)
	}
	err := s.audit(ctx, store.AuditEntry{At: now, Actor: "web", What: "login.refused", Subject: client, Detail: detail})
	if err != nil {
		s.Log.Error("a refused login is not in the audit log", "client", client, "error", err)
	}
}

// Unread implements access.Observer.
func (s *Server) Unread(err error) {
	s.Log.Warn("a secret of the listener cannot be read again: the last one stays in force", "error", err)
}

// audit writes an entry, also when the client has hung up.
func (s *Server) audit(ctx context.Context, e store.AuditEntry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
	defer cancel()
	return s.Store.AppendAudit(ctx, e)
}
