package web

import (
	"net"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
)

// door is the guard of a server. Another [access.Access] may be put in force at any time.
type door struct {
	mu    sync.Mutex
	guard *access.Guard  // nil before Serve
	next  *access.Access // put in force before Serve; nil: none
}

// Use puts another Access in force. Its web configuration file and the path of the agent's address count
// after a restart.
func (d *door) Use(a access.Access) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.guard == nil {
		d.next = &a
		return
	}
	d.guard.Use(a)
}

// open returns the guard of a server at an address.
func (d *door) open(a access.Access, at net.Addr, clock sentinel.Clock, o access.Observer) *access.Guard {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.guard = access.NewGuard(a, at, clock, o)
	if d.next != nil {
		d.guard.Use(*d.next)
	}
	return d.guard
}
