package access

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// FailuresAllowed is the number of refused logins of one address in a minute, after which
	// it has to wait.
	FailuresAllowed = 30
	failureWindow   = time.Minute // after which an address begins again
	failureClients  = 1024        // addresses that are remembered
)

// failures counts refused logins by address. An address with too many is not answered until
// its window ends, whatever token it has.
type failures struct {
	mu      sync.Mutex
	clients map[string]*failing
}

type failing struct {
	since time.Time
	count int
}

// blocked returns how long an address has to wait; 0: it may try.
func (f *failures) blocked(client string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := f.clients[client]
	if is == nil || is.count < FailuresAllowed {
		return 0
	}
	return max(0, is.since.Add(failureWindow).Sub(now))
}

// add counts a refused login, and returns how many the address has in its window.
func (f *failures) add(client string, now time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	is := f.clients[client]
	if is == nil || now.Sub(is.since) >= failureWindow {
		is = &failing{since: now}
	}
	is.count++
	if f.clients == nil {
		f.clients = map[string]*failing{}
	}
	if len(f.clients) >= failureClients && f.clients[client] == nil {
		f.forget(now)
	}
	f.clients[client] = is
	return is.count
}

// forget makes room for an address. It drops those whose window is over, or else the oldest
// that does not wait. It drops one that waits only where all do.
func (f *failures) forget(now time.Time) {
	var drop string
	var oldest *failing
	for client, is := range f.clients {
		switch {
		case now.Sub(is.since) >= failureWindow:
			delete(f.clients, client)
		case oldest == nil || is.before(oldest):
			drop, oldest = client, is
		}
	}
	if len(f.clients) >= failureClients {
		delete(f.clients, drop)
	}
}

// before reports whether an address is to be forgotten before another.
func (is *failing) before(other *failing) bool {
	if waits := is.count >= FailuresAllowed; waits != (other.count >= FailuresAllowed) {
		return !waits
	}
	return is.since.Before(other.since)
}

// clientOf returns the address of a request's sender, without the port. All addresses of a
// network of IPv6 are one: a host has as many as it likes.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Unmap().Is6() {
		if network, err := addr.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return host
}
