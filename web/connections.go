package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// maxConnections bounds the connections of the server, so that clients cannot take the
// descriptors that checks need. A Prometheus, a page and a few probes need ten.
const maxConnections = 128

// connections closes the connection that has been idle for longest when there are too
// many. Where none is idle it closes the oldest that has not asked anything, and where all
// are at work the new one. A probe of a load balancer so always gets its answer.
type connections struct {
	mu    sync.Mutex
	next  int64
	known map[net.Conn]connection
}

type connection struct {
	state http.ConnState
	since int64 // a count that grows
}

// changed is the ConnState hook of the server.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	victim := c.record(conn, state)
	if encrypted, ok := victim.(*tls.Conn); ok {
		victim = encrypted.NetConn() // closing it by TLS could wait for the client
	}
	if victim != nil {
		_ = victim.Close() // its own goroutine tells of its end
	}
}

// record notes a connection's state, and returns one to close.
func (c *connections) record(conn net.Conn, state http.ConnState) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[net.Conn]connection{}
	}
	if state == http.StateClosed || state == http.StateHijacked {
		delete(c.known, conn)
		return nil
	}
	c.next++
	c.known[conn] = connection{state, c.next}
	if state != http.StateNew || len(c.known) <= maxConnections {
		return nil
	}
	victim = conn
	best := connection{state: http.StateActive}
	for other, is := range c.known {
		if other == conn || is.state == http.StateActive {
			continue
		}
		better := best.state == http.StateActive || is.state == http.StateIdle && best.state == http.StateNew ||
			is.state == best.state && is.since < best.since
		if better {
			victim, best = other, is
		}
	}
	delete(c.known, victim)
	return victim
}
