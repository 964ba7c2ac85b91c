package chaos_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// How the receiver of notices and hooks behaves.
type manner int

const (
	answers manner = iota
	answers500
	hangsBefore // it takes the request, does nothing, and does not answer
	hangsAfter  // it does what it is asked, and does not answer
)

// receiver takes notices, and repairs tables when a hook asks for it. It works off hooks
// as they come: it does not look for keys that it has seen.
type receiver struct {
	address string
	act     func(context.Context) error // what a hook does
	violate func(format string, args ...any)

	busy   sync.Mutex // held by the disturbance that it is part of
	server *http.Server
	served chan struct{} // closed when the server has ended

	acting  sync.Mutex // held while a hook does its work, and while one is looked up
	mu      sync.Mutex
	manner  manner
	changed chan struct{} // closed when the manner changes
	hooks   map[string]int
	notices map[string]*received
}

// received is what came with one idempotency key.
type received struct {
	times     int
	body      [sha256.Size]byte
	incidents map[string]bool
}

func newReceiver(violate func(string, ...any), act func(context.Context) error) (*receiver, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	r := &receiver{
		address: address, act: act, violate: violate, changed: make(chan struct{}),
		hooks: map[string]int{}, notices: map[string]*received{},
	}
	return r, r.start()
}

func (r *receiver) start() error {
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /notices", r.notice)
	mux.HandleFunc("POST /hook", r.hook)
	mux.HandleFunc("GET /hook", r.lookup)
	server, served := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, make(chan struct{})
	r.server, r.served = server, served
	go func() { // ends with the server, which stop waits for
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.violate("the receiver itself failed: %v", err)
		}
	}()
	return nil
}

func (r *receiver) stop() error {
	err := r.server.Close()
	<-r.served
	return err
}

func (r *receiver) behave(m manner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manner = m
	close(r.changed)
	r.changed = make(chan struct{})
}

// handle does what the receiver is asked, in its manner.
func (r *receiver) handle(w http.ResponseWriter, request *http.Request, do func(context.Context) error) {
	r.mu.Lock()
	m, changed := r.manner, r.changed
	r.mu.Unlock()
	hang := func() {
		select {
		case <-changed:
		case <-request.Context().Done():
		}
		panic(http.ErrAbortHandler) // without an answer
	}
	switch m {
	case answers500:
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	case hangsBefore:
		hang()
	}
	if err := do(context.WithoutCancel(request.Context())); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if m == hangsAfter {
		hang()
	}
}

func (r *receiver) notice(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	var notice struct {
		Key       string
		Incidents []struct{ ID string }
	}
	if err == nil {
		err = json.Unmarshal(body, &notice)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.handle(w, request, func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		n := r.notices[notice.Key]
		if n == nil {
			n = &received{body: sha256.Sum256(body), incidents: map[string]bool{}}
			r.notices[notice.Key] = n
		}
		if n.body != sha256.Sum256(body) {
			r.violate("the notice %s came again with another body", notice.Key)
		}
		n.times++
		for _, i := range notice.Incidents {
			n.incidents[i.ID] = true
		}
		return nil
	})
}

func (r *receiver) hook(w http.ResponseWriter, request *http.Request) {
	key := request.Header.Get("Idempotency-Key")
	if _, err := io.Copy(io.Discard, request.Body); err != nil || key == "" {
		http.Error(w, fmt.Sprintf("no key or no body: %v", err), http.StatusBadRequest)
		return
	}
	r.handle(w, request, func(ctx context.Context) error {
		r.acting.Lock()
		defer r.acting.Unlock()
		if err := r.act(ctx); err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hooks[key]++
		return nil
	})
}

// lookup answers whether a hook was done.
func (r *receiver) lookup(w http.ResponseWriter, request *http.Request) {
	id := request.URL.Query().Get("id")
	r.handle(w, request, func(context.Context) error {
		r.acting.Lock()
		defer r.acting.Unlock()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.hooks[id] == 0 {
			w.WriteHeader(http.StatusNotFound)
		}
		return nil
	})
}
