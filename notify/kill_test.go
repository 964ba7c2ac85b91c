package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// TestMain lets the test binary stand in for an agent in another process.
func TestMain(m *testing.M) {
	if path := os.Getenv("SENTINEL_TEST_NOTIFIER"); path != "" {
		fmt.Fprintln(os.Stderr, notifyUntilKilled(path, os.Getenv("SENTINEL_TEST_RECEIVER")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const killIncidents = 12

// notifyUntilKilled opens and resolves incidents, says so on standard output
// once each transition is stored, and sends their notices meanwhile.
func notifyUntilKilled(path, receiver string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	d, p, err := killDispatcher(s, receiver)
	if err != nil {
		return err
	}
	known, err := s.Incidents(ctx, store.IncidentFilter{Resolved: true})
	if err != nil {
		return err
	}
	byID := map[string]sentinel.Incident{}
	for _, i := range known {
		byID[i.ID] = i
	}
	go d.Run(ctx, nil, nil)
	tick := time.NewTicker(3 * time.Millisecond)
	for n := len(known); ; n++ {
		<-tick.C
		i, change := flip(byID, n%killIncidents)
		notified, err := s.OutboxNotified(ctx, []string{i.ID})
		if err != nil {
			return err
		}
		items, err := p.Plan([]notify.Change{change}, notified, time.Now())
		if err != nil {
			return err
		}
		if _, err := s.Record(ctx, store.Batch{Incidents: []sentinel.Incident{i}, Outbox: items}); err != nil {
			return err
		}
		d.Wake()
		fmt.Println(i.ID, i.Transitions)
	}
}

// flip moves the n-th incident from open to resolved, or back.
func flip(known map[string]sentinel.Incident, n int) (sentinel.Incident, notify.Change) {
	i := incident(n)
	i.Table.Warehouse = fmt.Sprint("w", n%4)
	before := known[i.ID]
	if before.State == sentinel.Open {
		i.State, i.Resolved = sentinel.Resolved, night.Add(time.Minute)
	}
	i.Flaps = before.Transitions + 1 // a number that the receiver gets, too
	after, kind := notify.Track(before, i)
	known[i.ID] = after
	return after, notify.Change{Kind: kind, Incident: after}
}

func killDispatcher(s *store.Store, receiver string) (*notify.Dispatcher, *notify.Planner, error) {
	hook := &notify.Webhook{URL: sentinel.NewSecret(receiver)}
	return &notify.Dispatcher{
		Store:    s,
		Channels: []notify.Channel{{Name: "hook", Notifier: hook, Rate: notify.Rate{Burst: 1000, Every: time.Millisecond}}},
		Clock:    sentinel.ClockFunc(time.Now),
		Rand:     rand.Float64,
		Timeout:  2 * time.Second,
		Base:     5 * time.Millisecond,
		Cap:      50 * time.Millisecond,
	}, &notify.Planner{Routes: []notify.Route{to("hook")}}, hook.Validate()
}

// life runs the other process until it has said so many transitions, kills it a
// moment later, and returns the transitions that it said were stored.
func life(t *testing.T, path, receiver string, transitions int, moment time.Duration) (stored [][2]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SENTINEL_TEST_NOTIFIER="+path, "SENTINEL_TEST_RECEIVER="+receiver)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var one [2]string
		if _, err := fmt.Sscan(lines.Text(), &one[0], &one[1]); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		stored = append(stored, one)
		if len(stored) == transitions {
			timer := time.AfterFunc(moment, func() { _ = cmd.Process.Kill() }) // if it has ended by itself, Wait tells below
			defer timer.Stop()
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatal("it was not killed:", err)
	}
	return stored
}

// arrived reads what the receiver got: how often each transition came, and
// whether those of an incident came in order.
func arrived(t *testing.T, got []request) map[[2]string]int {
	t.Helper()
	count, last := map[[2]string]int{}, map[string]int{}
	keys := map[[2]string]string{}
	for _, g := range got {
		var body struct {
			Key       string
			Incidents []struct {
				ID    string
				Flaps int
			}
		}
		if err := json.Unmarshal([]byte(g.Body), &body); err != nil {
			t.Fatal(err)
		}
		for _, i := range body.Incidents {
			n := i.Flaps
			id := [2]string{i.ID, fmt.Sprint(n)}
			count[id]++
			if n < last[i.ID] {
				t.Errorf("transition %d of %s after %d", n, i.ID, last[i.ID])
			}
			last[i.ID] = n
			if before, ok := keys[id]; ok && before != body.Key {
				t.Errorf("transition %d of %s under %s and %s", n, i.ID, before, body.Key)
			}
			keys[id] = body.Key
		}
	}
	return count
}

// TestKillNine kills the agent again and again while a receiver loses replies
// and answers 500: every transition that was stored arrives, under one key and
// in order.
func TestKillNine(t *testing.T) {
	t.Parallel()
	r := answering(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		switch {
		case n%7 == 0:
			drop(w)
		case n%11 == 0:
			w.WriteHeader(500)
		}
	})
	path := filepath.Join(t.TempDir(), "s.db")
	random := rand.New(rand.NewPCG(1, 2))
	var stored [][2]string
	const kills = 25
	for range kills {
		stored = append(stored, life(t, path, r.URL, 3+random.IntN(8), time.Duration(random.IntN(8_000))*time.Microsecond)...)
	}
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := killDispatcher(s, r.URL)
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, d)
	eventually(t, "the outbox is empty", func() bool {
		unsent, err := s.OutboxCounts(t.Context())
		return err == nil && len(unsent) == 0
	})
	stop()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	count, lost, twice := arrived(t, r.got()), 0, 0
	for _, one := range stored {
		if count[one] == 0 {
			lost++
			t.Errorf("transition %s of %s is lost", one[1], one[0])
		}
		if count[one] > 1 {
			twice++
		}
	}
	t.Logf(
		"%d kills, %d transitions stored, %d lost, %d arrived more than once in %d notices",
		kills,
		len(stored),
		lost,
		twice,
		len(r.got()),
	)
	if len(stored) < 100 {
		t.Error("too few transitions to prove anything")
	}
}
