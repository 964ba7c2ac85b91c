package testenv

import (
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy of a test's own, for requests by TLS. It takes all hosts to one
// server, and asks for the user u and the password that it was made with.
type Proxy struct {
	Address string // host and port

	to       string
	password string
	mu       sync.Mutex
	asked    []string
}

// NewProxy starts a proxy to a server that listens on an address.
func NewProxy(tb testing.TB, to, password string) *Proxy {
	p := &Proxy{to: to, password: password}
	s := httptest.NewServer(p)
	tb.Cleanup(s.Close)
	p.Address = s.Listener.Addr().String()
	return p
}

// Asked reports whether somebody went through the proxy to a host and port.
func (p *Proxy) Asked(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.asked, host)
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("u:"+p.password))
	if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != want {
		http.Error(w, "log in", http.StatusProxyAuthRequired)
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, r.Host)
	p.mu.Unlock()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		return
	}
	ended := make(chan error, 2)
	go func() { _, err := io.Copy(server, buffered); ended <- err }()
	go func() { _, err := io.Copy(client, server); ended <- err }()
	err = errors.Join(<-ended, client.Close(), server.Close())
	_ = errors.Join(err, <-ended) // either side may hang up first
}
