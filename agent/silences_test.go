package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// silenceOf is a silence of a dataset that begins at now.
func silenceOf(id, dataset string, now time.Time, lasts time.Duration) notify.Silence {
	return notify.Silence{ID: id, Dataset: dataset, From: now, Until: now.Add(lasts), Who: "ann", Why: "migration"}
}

// TestSilencesAreBoundedListedAndEnded holds what people can do with a silence: nobody sets
// one without an end, all see it and what it matches, and it can be taken back.
func TestSilencesAreBoundedListedAndEnded(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}).Silences(t.Context()); !errors.Is(err, ErrNotStarted) {
		t.Error("before the start:", err)
	}
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	a := w.agent
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	a.setNotifications(&Notifications{MaxSilence: 48 * time.Hour})
	a.datasets = []Dataset{{Table: w.table, Checks: []Check{{Check: &checks.RowCount{}, Meta: Meta{Owner: "bob", Tags: []string{"finance", "pii"}}}}}}
	set := func(s notify.Silence) string {
		if err := a.Silence(t.Context(), s); err != nil {
			return err.Error()
		}
		return ""
	}
	everything := silenceOf("all", "", w.now, time.Hour)
	everything.All = true
	tagged, mistyped := silenceOf("s6", "", w.now, time.Hour), silenceOf("s7", "", w.now, time.Hour)
	tagged.Tag, mistyped.Tag = "fin*", "Finance"
	for _, c := range []struct {
		silence notify.Silence
		refused string
	}{
		{silenceOf("s1", "w.main.*", w.now, 2*time.Hour), ""},
		{silenceOf("s1", "w.main.*", w.now, time.Hour), "there is a silence"},
		{silenceOf("s2", "w.main.mistyped", w.now, 48*time.Hour), ""},
		{silenceOf("s3", "w.main.*", w.now, 49*time.Hour), "max_silence is 2d"},
		{silenceOf("s4", "*.%", w.now, time.Hour), "matches everything"},
		{notify.Silence{ID: "s5", Incident: "nothing", From: w.now, Until: w.now.Add(time.Hour), Who: "a", Why: "b"}, ""},
		{everything, ""},
		{tagged, ""},
		{mistyped, ""},
	} {
		if got := set(c.silence); (got == "") != (c.refused == "") || !strings.Contains(got, c.refused) {
			t.Errorf("%+v: %q, want %q", c.silence, got, c.refused)
		}
	}
	all, err := a.Silences(t.Context())
	var brief []string
	for _, s := range all {
		brief = append(brief, s.ID+" "+s.What()+map[bool]string{true: " matches nothing"}[s.Warning != ""])
	}
	want := "s5 incident nothing matches nothing, all everything, s6 tag fin*, s7 tag Finance matches nothing, " +
		"s1 dataset w.main.*, s2 dataset w.main.mistyped matches nothing"
	if got := strings.Join(brief, ", "); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
	logged := map[string]bool{}
	a.watchSilences(t.Context(), logged)
	a.watchSilences(t.Context(), logged)
	if n := strings.Count(log.String(), "a silence matches nothing"); n != 3 {
		t.Errorf("%d lines for three silences: %s", n, &log)
	}
	if _, err := a.EndSilence(t.Context(), "nobody", "ann", ""); err == nil || !strings.Contains(err.Error(), "silence list") {
		t.Error(err)
	}
	for _, id := range []string{"s1", "all", "s6", "s7"} {
		if _, err := a.EndSilence(t.Context(), id, "bob", "done"); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.start(t.Context(), nil); err != nil { // what was ended stays so
		t.Fatal(err)
	}
	all, err = a.Silences(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != "s5" || all[1].ID != "s2" {
		t.Errorf("%+v, %v", all, err)
	}
	entries, err := a.store.Audit(t.Context(), "s1", 10)
	if err != nil || len(entries) != 2 || entries[0].What+entries[1].What != "silence.endsilence.set" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// The log says that a silence ends soon if people hear of something then, and not where
// another silence goes on or somebody works at the incident.
func TestTheLogOfASilenceThatEndsSoon(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	a := w.agent
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	finding := sentinel.IncidentFinding{Check: "orders", Severity: sentinel.Fail, Opened: w.now}
	i := sentinel.Incident{ID: "i1", Table: w.table, State: sentinel.Suppressed, Findings: []sentinel.IncidentFinding{finding}}
	says := func(silences ...notify.Silence) bool {
		log.Reset()
		a.mu.Lock()
		a.silences, a.incidents.open[w.table] = silences, i
		a.mu.Unlock()
		a.watchSilences(t.Context(), map[string]bool{})
		return strings.Contains(log.String(), "a silence ends soon")
	}
	soon := silenceOf("s1", "w.main.*", w.now, time.Minute)
	if !says(soon) {
		t.Errorf("nothing is said: %s", &log)
	}
	if says(soon, silenceOf("s2", "w.main.*", w.now, 5*time.Hour)) {
		t.Errorf("another goes on: %s", &log)
	}
	i.Prior = sentinel.Acknowledged
	if says(soon) {
		t.Errorf("somebody works at it: %s", &log)
	}
}

// TestDeadLettersAreDecidedAndAudited holds that a decision needs a person, says how many
// notifications it was about, and is in the audit log.
func TestDeadLettersAreDecidedAndAudited(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	a := w.agent
	decide := func(what, who string) (int64, error) {
		return a.DecideDeadLetters(t.Context(), notify.DeadLetterDecision{
			What: what, Who: who, Why: "rotated", DeadLetters: store.DeadLetters{Channel: "hook"},
		})
	}
	items := []store.OutboxItem{
		{Key: "i1/1/opened", Channel: "hook", Incident: "i1", Kind: "opened", Notice: []byte("{}"), Created: w.now, NextAt: w.now},
		{Key: "i1/1/opened", Channel: "other", Incident: "i1", Kind: "opened", Notice: []byte("{}"), Created: w.now, NextAt: w.now},
	}
	if err := a.store.Enqueue(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	if n, err := a.store.DeadLetterOrphans(t.Context(), []string{"x"}, w.now.Add(time.Hour), w.now); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	for what, who := range map[string]string{"retry": "", "again": "ann"} {
		if _, err := decide(what, who); err == nil {
			t.Errorf("%s by %q is not refused", what, who)
		}
	}
	if n, err := decide("retry", "ann"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := decide("drop", "ann"); err != nil || n != 0 {
		t.Errorf("nothing is dead: %d, %v", n, err)
	}
	entries, err := a.store.Audit(t.Context(), "hook", 10)
	if err != nil || len(entries) != 1 || entries[0].What != "notification.retry" ||
		entries[0].Detail != "1 notifications: rotated" || entries[0].Actor != "ann" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// Silences that another process has set or ended in the state are taken while the agent
// runs, and what this agent has ended stays ended.
func TestSilencesAreReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	a := New(Config{
		Store: s, Metrics: exporters.NewPrometheus("test"), Clock: sentinel.ClockFunc(func() time.Time { return now }),
		Log: slog.New(slog.DiscardHandler),
	})
	if err := a.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(a.Stop(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	silence := func(id string, lasts time.Duration) notify.Silence {
		return notify.Silence{ID: id, Dataset: "w.*", From: now, Until: now.Add(lasts), Who: "ann", Why: "a move"}
	}
	elsewhere := func(v notify.Silence) {
		t.Helper()
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		batch := store.Batch{States: []store.State{{Kind: silenceState, Key: v.ID, Data: data}}}
		if _, err := s.Record(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"own", "ended-here", "ended-elsewhere"} {
		if err := a.Silence(t.Context(), silence(id, 2*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Minute)
	if _, err := a.EndSilence(t.Context(), "ended-here", "ann", ""); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Minute)
	elsewhere(silence("ended-here", 2*time.Hour)) // an older version
	elsewhere(silence("ended-elsewhere", time.Minute))
	elsewhere(silence("new", time.Hour))
	now = now.Add(2 * time.Minute)
	a.rereadSilences(t.Context())
	all, err := a.Silences(t.Context())
	var ids []string
	for _, v := range all {
		ids = append(ids, v.ID)
	}
	if err != nil || !slices.Equal(ids, []string{"new", "own"}) {
		t.Errorf("in force: %v, %v", ids, err)
	}
}
