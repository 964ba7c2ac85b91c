package hooks_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// asked is a request as it arrived.
type asked struct {
	Method, Path, Query, Auth, Type, Body string
}

// remote is another system: a real HTTP server that records what arrives and
// answers as the test says, where n counts the requests of one method and path.
type remote struct {
	*httptest.Server
	mu  sync.Mutex
	all []asked
}

func newRemote(t *testing.T, answer func(w http.ResponseWriter, a asked, n int)) *remote {
	t.Helper()
	r := &remote{}
	r.Server = httptest.NewServer(r.handler(t, answer))
	t.Cleanup(r.Close)
	return r
}

func (r *remote) handler(t *testing.T, answer func(w http.ResponseWriter, a asked, n int)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		a := asked{req.Method, req.URL.EscapedPath(), req.URL.RawQuery, req.Header.Get("Authorization"), req.Header.Get("Content-Type"), string(body)}
		r.mu.Lock()
		r.all = append(r.all, a)
		n := 0
		for _, o := range r.all {
			if o.Method == a.Method && o.Path == a.Path {
				n++
			}
		}
		r.mu.Unlock()
		answer(w, a, n)
	})
}

// seen are the requests of a method whose path ends so.
func (r *remote) seen(method, suffix string) (out []asked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.all {
		if a.Method == method && strings.HasSuffix(a.Path, suffix) {
			out = append(out, a)
		}
	}
	return out
}

// says answers with JSON.
func says(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the caller may have gone
}

// carried carries a hook's repair through, a minute a time, each time by
// another agent, and returns it with the messages it had on its way.
func carried(t *testing.T, kind string, a repair.Action) (sentinel.Repair, []string) {
	t.Helper()
	return carriedFrom(t, repairtest.New(t, "sqlite"), kind, a)
}

func carriedFrom(
	t *testing.T, b *repairtest.Fixture, kind string, a repair.Action,
) (r sentinel.Repair, messages []string) {
	t.Helper()
	bad := b.StillBad
	b.CreateOrders()
	b.Policy(kind, a, repair.Auto)
	p := b.Agent.PoliciesFor(b.OpenIncident(repairtest.MissingDay).Incident)[0]
	planned, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(repairtest.MissingDay))
	if err != nil || planned == nil {
		t.Fatalf("planned %v, %v", planned, err)
	}
	begin := repairtest.Clock.Now()
	for minute := range 90 {
		e := b.NewAgent("agent-"+string(rune('a'+minute%20)), nil)
		b.StillBad = bad
		e.Clock = sentinel.ClockFunc(func() time.Time { return begin.Add(time.Duration(minute) * time.Minute) })
		e.Target = func(context.Context, sentinel.Table) (*repair.Target, error) {
			return &repair.Target{Read: b.Read, Write: b.Write, Clock: e.Clock}, nil
		}
		e.SetPolicies([]*repair.Policy{p})
		b.Must(e.Advance(t.Context()))
		r = b.Get(planned.ID)
		if !slices.Contains(messages, r.Message) {
			messages = append(messages, r.Message)
		}
		if r.State.Final() {
			break
		}
	}
	if log, err := json.Marshal(r); err != nil || strings.Contains(string(log), "s3cret") {
		t.Errorf("a secret is in the repair, or %v: %s", err, log)
	}
	return r, messages
}

// ended is how a repair is to end.
type ended struct {
	state sentinel.RepairState
	says  string
	asked int // how often the work was asked for
}

func (want ended) check(t *testing.T, r sentinel.Repair, asked int) {
	t.Helper()
	if r.State != want.state || !strings.Contains(r.Message, want.says) || asked != want.asked {
		t.Errorf("%s: %s; asked for %d times; want %s, %q, %d", r.State, r.Message, asked, want.state, want.says, want.asked)
	}
}
