package dialecttest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy passes TCP connections on to a server until it is cut.
type proxy struct {
	address  string // where it listens
	upstream string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
}

func newProxy(t *testing.T, upstream string) *proxy {
	t.Helper()
	p := &proxy{address: "127.0.0.1:0", upstream: upstream}
	if err := p.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.cut)
	return p
}

// listen accepts connections, on the address of before.
func (p *proxy) listen() error {
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.listener = l
	p.address = l.Addr().String()
	p.mu.Unlock()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // the listener is closed
			}
			server, err := net.Dial("tcp", p.upstream)
			if err != nil {
				_ = client.Close() // the client sees that nobody is there
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, client, server)
			p.mu.Unlock()
			go pass(server, client)
			go pass(client, server)
		}
	}()
	return nil
}

// pass copies until one side closes, and closes the other: a broken connection is
// what the proxy is for.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// cut stops listening and closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.listener.Close() // it may be closed already
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}
