package page

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// News are streamed to open pages as Server-Sent Events. A page loads again what it shows when a
// kind of news that changes it has come. The kinds are:
//
//	summary   datasets or the agent itself have changed
//	check     a check has run
//	incident  an incident has begun, changed or ended
//	repair    a repair has moved on
//	unwatched tables that nobody watches were looked for
const (
	mostStreams  = 64               // open streams; every tab has one, and the server takes 128 connections
	streamLength = 50 * time.Second // a stream ends before the server's limit of an answer; the browser asks again
	mostNamed    = 50               // datasets that one event names; more are "all"
)

// news collects what has changed, and tells it to all streams once a second.
type news struct {
	mu      sync.Mutex
	id      int64 // of the last event
	pending map[string]map[sentinel.Table]bool
	streams map[chan []byte]bool
	ended   bool
}

// add notes that something has changed.
func (n *news) add(kind string, of sentinel.Table) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.pending == nil {
		n.pending = map[string]map[sentinel.Table]bool{}
	}
	if n.pending[kind] == nil {
		n.pending[kind] = map[sentinel.Table]bool{}
	}
	if len(n.pending[kind]) <= mostNamed {
		n.pending[kind][of] = true
	}
}

// change is the data of an event.
type change struct {
	Kinds    []string `json:"kinds"`
	Datasets []string `json:"datasets,omitempty"` // of which; none: of any
}

// flush sends what has changed since the last time. A stream that is behind loses it, and its
// page is brought up to date by the next one.
func (n *news) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pending) == 0 {
		return
	}
	named := map[sentinel.Table]bool{}
	for _, of := range n.pending {
		maps.Copy(named, of)
	}
	c := change{Kinds: slices.Sorted(maps.Keys(n.pending))}
	if !named[sentinel.Table{}] && len(named) <= mostNamed {
		for t := range named {
			c.Datasets = append(c.Datasets, t.String())
		}
		slices.Sort(c.Datasets)
	}
	n.pending = nil
	n.id++
	data, err := json.Marshal(c)
	if err != nil {
		return // lists of texts always have a form in JSON
	}
	event := fmt.Appendf(nil, "id: %d\nevent: change\ndata: %s\n\n", n.id, data)
	for stream := range n.streams {
		select {
		case stream <- event:
		default:
		}
	}
}

// join adds a stream; ok is false if there are too many, or the agent stops.
func (n *news) join() (stream chan []byte, id int64, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended || len(n.streams) >= mostStreams {
		return nil, 0, false
	}
	if n.streams == nil {
		n.streams = map[chan []byte]bool{}
	}
	stream = make(chan []byte, 4)
	n.streams[stream] = true
	return stream, n.id, true
}

func (n *news) leave(stream chan []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.streams, stream)
}

// end ends all streams.
func (n *news) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	for stream := range n.streams {
		close(stream)
	}
	n.streams = nil
}

// events streams news to a page. A page that comes back and has missed some is told to load all.
func (s *Site) events(w http.ResponseWriter, r *http.Request) {
	stream, id, ok := s.Board.news.join()
	if !ok {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many open pages: load this one again to see what is new", http.StatusServiceUnavailable)
		return
	}
	defer s.Board.news.leave(stream)
	h := w.Header()
	secure(h)
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies pass each event on at once
	out := http.NewResponseController(w)
	hello := fmt.Sprintf("retry: 3000\nid: %d\nevent: hello\ndata: {}\n\n", id)
	if last := r.Header.Get("Last-Event-ID"); last != "" && last != fmt.Sprint(id) {
		hello += fmt.Sprintf("id: %d\nevent: change\ndata: {\"kinds\":[\"summary\"]}\n\n", id)
	}
	event, end := []byte(hello), time.NewTimer(streamLength)
	defer end.Stop()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		if _, err := w.Write(event); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-end.C:
			return
		case <-beat.C:
			event = []byte("event: beat\ndata: {}\n\n")
		case event, ok = <-stream:
			if !ok {
				return
			}
		}
	}
}

// beatEvery is the time between two signs of life of a stream without news.
const beatEvery = 5 * time.Second
