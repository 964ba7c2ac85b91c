package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// notice is an item of the n-th transition of an incident.
func notice(incident string, n int, kind, group string) store.OutboxItem {
	return store.OutboxItem{
		Key: fmt.Sprintf("%s/%d/%s", incident, n, kind), Channel: "chat", Incident: incident, Kind: kind, Group: group,
		NextAt: at(n), Created: at(n), Notice: []byte(`{}`),
	}
}

func outbox(t *testing.T, items ...store.OutboxItem) *store.Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "s.db"))
	if err := s.Enqueue(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	return s
}

// claim takes the next bundle of chat at the n-th minute, for a minute.
func claim(t *testing.T, s *store.Store, n int) (b store.OutboxBundle, keys []string) {
	t.Helper()
	b, ok, err := s.ClaimOutbox(t.Context(), store.OutboxClaim{Channel: "chat", Now: at(n), Until: at(n + 1)})
	if err != nil || ok != (len(b.Items) > 0) {
		t.Fatal(ok, err)
	}
	for _, i := range b.Items {
		keys = append(keys, i.Key)
	}
	return b, keys
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// A notice is stored once, together with its incident, or not at all.
func TestOutboxIsPartOfTheTick(t *testing.T) {
	t.Parallel()
	s := outbox(t)
	b := batch(1)
	b.Outbox = []store.OutboxItem{notice("a", 1, "opened", "g")}
	for range 2 {
		if _, err := s.Record(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	again := notice("a", 1, "opened", "another")
	if err := s.Enqueue(t.Context(), []store.OutboxItem{again}); err != nil {
		t.Fatal(err)
	}
	items, err := s.Outbox(t.Context(), store.OutboxFilter{State: store.OutboxPending})
	if err != nil || len(items) != 1 || items[0].Group != "g" || !items[0].NextAt.Equal(at(1)) ||
		string(items[0].Notice) != "{}" {
		t.Errorf("%+v, %v", items, err)
	}
	broken := batch(2)
	broken.Incidents = []sentinel.Incident{{ID: "i", Table: orders, Observed: sentinel.Int(1)}}
	broken.Outbox = []store.OutboxItem{{Key: "k", Channel: "chat", Notice: nil}}
	if _, err := s.Record(t.Context(), broken); err == nil {
		t.Fatal("a notice without a body was stored")
	}
	if _, ok, err := s.Incident(t.Context(), "i"); ok || err != nil {
		t.Error("the incident stayed without its notice", err)
	}
}

// What is due leaves in groups; a later transition of an incident never leaves
// before an earlier one has been sent or given up.
func TestOutboxOrder(t *testing.T) {
	t.Parallel()
	s := outbox(
		t,
		notice("a", 1, "opened", "g"),
		notice("b", 2, "opened", "g"),
		notice("a", 3, "recovered", "r"),
		notice("c", 4, "opened", "h"),
	)
	if _, keys := claim(t, s, 0); keys != nil {
		t.Fatal("nothing is due yet:", keys)
	}
	first, keys := claim(t, s, 1)
	same(t, "the group leaves when its first is due", keys, []string{"a/1/opened", "b/2/opened"})
	if next, ok, err := s.NextOutbox(t.Context(), "chat"); err != nil || !ok || !next.Equal(at(2)) {
		t.Error("the claim ends, and is due again, after a minute:", next, ok, err)
	}
	if b, keys := claim(t, s, 1); keys != nil {
		t.Errorf("claimed twice: %+v", b)
	}
	again, keys := claim(t, s, 9)
	same(t, "a try that was killed is made again", keys, []string{"a/1/opened", "b/2/opened"})
	same(t, "key", again.Key, first.Key)
	same(t, "attempts", again.Attempts, 2)
	if err := s.SentOutbox(t.Context(), first, "", at(9)); !errors.Is(err, store.ErrStale) {
		t.Error("the first try settles after the second began:", err)
	}
	other, keys := claim(t, s, 9)
	same(t, "the recovery waits for the opening, others do not", keys, []string{"c/4/opened"})
	for _, b := range []store.OutboxBundle{again, other} {
		if err := s.SentOutbox(t.Context(), b, "", at(9)); err != nil {
			t.Fatal(err)
		}
	}
	_, keys = claim(t, s, 9)
	same(t, "then the recovery", keys, []string{"a/3/recovered"})
}

// The first notice of an incident begins a conversation, which later ones and
// those of its downstream join, and which knows who is still unresolved in it.
func TestOutboxThreads(t *testing.T) {
	t.Parallel()
	down := notice("down", 1, "opened", "g")
	down.Upstream = "up"
	s := outbox(t, down, notice("up", 1, "opened", "g"))
	b := batch(1)
	for _, id := range []string{"up", "down", "late"} {
		of := sentinel.Table{Warehouse: "shop", Schema: "main", Name: id}
		b.Incidents = append(
			b.Incidents,
			sentinel.Incident{ID: id, Check: id, Table: of, State: sentinel.Open, Opened: at(1)},
		)
	}
	if _, err := s.Record(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	first, _ := claim(t, s, 1)
	same(t, "led by the cause", []string{first.Items[0].Thread, first.Items[1].Thread}, []string{"up", "up"})
	if err := s.SentOutbox(t.Context(), first, "ts-1", at(1)); err != nil {
		t.Fatal(err)
	}
	late := notice("late", 2, "opened", "g")
	late.Upstream = "up"
	if err := s.Enqueue(t.Context(), []store.OutboxItem{late}); err != nil {
		t.Fatal(err)
	}
	second, _ := claim(t, s, 2)
	same(t, "joins its upstream's thread", [2]string{second.Items[0].Thread, second.Items[0].Ref}, [2]string{"up", "ts-1"})
	same(t, "others", second.Others, map[string]int{"up": 2})
}

// Given up is not gone: it is listed, retried as it was bundled, or discarded;
// but nobody hears that something opened after it was resolved.
func TestOutboxDeadLetters(t *testing.T) {
	t.Parallel()
	s := outbox(t, notice("a", 1, "opened", "g"), notice("b", 1, "opened", "g"), notice("c", 1, "opened", "h"))
	for range 2 {
		b, _ := claim(t, s, 1)
		if err := s.DeadLetterOutbox(t.Context(), b, at(1), "401"); err != nil {
			t.Fatal(err)
		}
	}
	dead, err := s.Outbox(t.Context(), store.OutboxFilter{State: store.OutboxDead})
	if err != nil || len(dead) != 3 || dead[0].LastError != "401" || !dead[0].Finished.Equal(at(1)) {
		t.Fatalf("%+v, %v", dead, err)
	}
	open := batch(0)
	for _, id := range []string{"a", "c"} {
		of := sentinel.Table{Warehouse: "shop", Schema: "main", Name: id}
		open.Incidents = append(open.Incidents, sentinel.Incident{ID: id, Table: of, State: sentinel.Open, Opened: at(0)})
	}
	if _, err := s.Record(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	lost := func() (out []string) {
		t.Helper()
		all, err := s.OutboxGivenUp(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range all {
			out = append(out, fmt.Sprint(n.Incident, " ", n.Reminders, " ", n.Last.Equal(at(1))))
		}
		return out
	}
	same(t, "given up", lost(), []string{"a 1 true", "c 1 true"})
	decided := store.AuditEntry{At: at(5), Actor: "ann", What: "notification.test", Detail: "it is mended"}
	if n, err := s.RetryDead(t.Context(), store.DeadLetters{Numbers: []int64{dead[1].Seq}}, decided); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	same(t, "given up, without what is retried", lost(), []string{"c 1 true"})
	retried, keys := claim(t, s, 5)
	same(t, "retried together", keys, []string{"a/1/opened", "b/1/opened"})
	same(t, "with the key they had", retried.Key, dead[0].Bundle)
	b := batch(1)
	b.Incidents = []sentinel.Incident{
		{ID: "c", Check: "c", Table: orders, State: sentinel.Resolved, Opened: at(0), Resolved: at(1)},
	}
	if _, err := s.Record(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	last := store.DeadLetters{Numbers: []int64{dead[2].Seq}}
	if _, err := s.RetryDead(t.Context(), last, decided); !errors.Is(err, store.ErrStale) {
		t.Error("an opening of what is resolved was retried:", err)
	}
	last.Channel = "another"
	if _, err := s.DropDead(t.Context(), last, decided); !errors.Is(err, store.ErrStale) {
		t.Error("dropped of another channel:", err)
	}
	if n, err := s.DropDead(t.Context(), store.DeadLetters{Channel: dead[2].Channel}, decided); err != nil || n != 1 {
		t.Error(n, err)
	}
	last.Channel = ""
	if _, err := s.DropDead(t.Context(), last, decided); !errors.Is(err, store.ErrStale) {
		t.Error("dropped twice:", err)
	}
	if n, err := s.RetryDead(t.Context(), store.DeadLetters{}, decided); err != nil || n != 0 {
		t.Error("there is nothing left:", n, err)
	}
	log, err := s.Audit(t.Context(), "", 10)
	if err != nil || len(log) != 2 || log[0].Detail != "1 notifications: it is mended" ||
		log[1].Detail != "2 notifications: it is mended" {
		t.Errorf("decisions in the audit log: %+v, %v", log, err)
	}
	counts, err := s.OutboxCounts(t.Context())
	if err != nil || len(counts) != 1 || counts[0].State != store.OutboxPending || counts[0].Items != 2 {
		t.Errorf("%+v, %v", counts, err)
	}
}

func TestOutboxNotified(t *testing.T) {
	t.Parallel()
	reminded := notice("a", 3, "reminder", "m")
	pager := notice("b", 1, "opened", "g")
	pager.Channel = "pager"
	s := outbox(t, notice("a", 1, "opened", "g"), reminded, pager)
	b := batch(1)
	b.Incidents = []sentinel.Incident{
		{
			ID:     "a",
			Check:  "a",
			Table:  orders,
			State:  sentinel.Open,
			Opened: at(1),
		}, {ID: "b", Check: "b", Table: orders, State: sentinel.Resolved, Opened: at(1), Resolved: at(4)},
	}
	if _, err := s.Record(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	bundle, _ := claim(t, s, 1)
	if err := s.SentOutbox(t.Context(), bundle, "", at(1)); err != nil {
		t.Fatal(err)
	}
	want := []store.Notified{{Incident: "a", Channel: "chat", Last: at(3).UTC(), Reminders: 1, Sent: true}}
	got, err := s.OutboxNotified(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "of what is open", got, want)
	notices, err := s.OutboxNotices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want[0].Notice = reminded.Notice
	same(t, "with the newest notice", notices, want)
	want[0].Notice = nil
	ended := store.Notified{Incident: "b", Channel: "pager", Last: at(1).UTC()}
	if got, err = s.OutboxNotified(t.Context(), []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	same(t, "and of what is asked for", got, append(want, ended))
	over := notice("b", 5, "recovered", "r")
	over.Channel = "pager"
	for _, owed := range [][]store.Notified{{ended}, nil} {
		if got, err = s.OutboxWithoutRecovery(t.Context(), at(4)); err != nil {
			t.Fatal(err)
		}
		same(t, "who was not notified of the end", got, owed)
		if err := s.Enqueue(t.Context(), []store.OutboxItem{over}); err != nil {
			t.Fatal(err)
		}
	}
}

// What waits for a channel that was taken out of the configuration is given up.
func TestOutboxOrphans(t *testing.T) {
	t.Parallel()
	s := outbox(t, notice("a", 1, "opened", "g"), notice("b", 5, "opened", "g"))
	for _, c := range []struct {
		configured []string
		want       int64
	}{{[]string{"mail", "chat"}, 0}, {[]string{"mail"}, 1}, {nil, 0}} {
		if n, err := s.DeadLetterOrphans(t.Context(), c.configured, at(3), at(9)); err != nil || n != c.want {
			t.Errorf("%v: %d given up, %v, want %d", c.configured, n, err, c.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.DeadLetterOrphans(ended, nil, at(3), at(9))
	if err == nil || !strings.HasPrefix(err.Error(), "marking undeliverable notices as dead: ") {
		t.Errorf("the error of an ended context: %v", err)
	}
}

// What was sent is forgotten after the retention, but not while its incident
// is open: whoever was notified must be notified of the end.
func TestOutboxPrune(t *testing.T) {
	t.Parallel()
	s := outbox(t, notice("open", 1, "opened", "g"), notice("gone", 1, "opened", "g"))
	rec := batch(1)
	rec.Incidents = []sentinel.Incident{{ID: "open", Check: "a", Table: orders, State: sentinel.Open, Opened: at(1)}}
	if _, err := s.Record(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	b, _ := claim(t, s, 1)
	if err := s.SentOutbox(t.Context(), b, "", at(1)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		retention time.Duration
		removed   int64
	}{{time.Hour, 0}, {time.Minute, 1}, {time.Minute, 0}} {
		if n, err := s.PruneOutbox(t.Context(), at(10), want.retention); err != nil || n != want.removed {
			t.Errorf("%s: %d removed, %v", want.retention, n, err)
		}
	}
	left, err := s.Outbox(t.Context(), store.OutboxFilter{})
	if err != nil || !slices.ContainsFunc(left, func(i store.OutboxItem) bool { return i.Incident == "open" }) {
		t.Errorf("%+v, %v", left, err)
	}
}
