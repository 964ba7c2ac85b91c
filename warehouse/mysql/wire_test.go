package mysql

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
)

// wire is a proxy before a server that reads what clients send.
type wire struct {
	dsn       string
	oneByOne  bool // clients may not send several statements at once
	mu        sync.Mutex
	commands  int // sent by all clients
	open      int // connections
	mostOpen  int
	listening net.Listener
}

// clientMultiStatements is the flag of a client that sends several statements at once, in
// its first packet.
const clientMultiStatements = 1 << 16

func newWire(t *testing.T, d database, oneByOne bool) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{dsn: d.Through(l.Addr().String()), oneByOne: oneByOne, listening: l}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			running.Go(func() { w.serve(t, client, d.Address()) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // Accept returns
		running.Wait()
	})
	return w
}

// serve passes a client's packets on until one side ends.
func (w *wire) serve(t *testing.T, client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	w.count(func() {
		w.open++
		w.mostOpen = max(w.mostOpen, w.open)
	})
	defer w.count(func() { w.open-- })
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server) // until the server ends the connection
		_ = client.Close()
	})
	defer back.Wait()
	defer server.Close()
	for first := true; ; first = false {
		header := make([]byte, 4)
		if _, err := io.ReadFull(client, header); err != nil {
			return
		}
		body := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if first && w.oneByOne {
			flags := binary.LittleEndian.Uint32(body) &^ clientMultiStatements
			binary.LittleEndian.PutUint32(body, flags)
		}
		const quit = 1
		if !first && header[3] == 0 && body[0] != quit { // the number of a packet of several, and what it is
			w.count(func() { w.commands++ })
		}
		if _, err := server.Write(append(header, body...)); err != nil {
			return
		}
	}
}

func (w *wire) count(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
}

// sent returns how many commands were sent since it was last called.
func (w *wire) sent() (n int) {
	w.count(func() { n, w.commands = w.commands, 0 })
	return n
}
