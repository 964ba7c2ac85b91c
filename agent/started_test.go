package agent

import (
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// TestRequestsBeforeTheStart: requests that come before the agent has read its store
// get an error.
func TestRequestsBeforeTheStart(t *testing.T) {
	t.Parallel()
	a := newAgent(nil, time.Now)
	now := time.Now()
	silence := notify.Silence{ID: "s", Dataset: "w.*", From: now, Until: now.Add(time.Hour), Who: "ann", Why: "test"}
	_, decided := a.Decide(t.Context(), "ack", "i", "ann", "")
	for what, err := range map[string]error{
		"a decision": decided,
		"a silence":  a.Silence(t.Context(), silence),
		"a label":    a.Label(t.Context(), store.Label{Check: "c", Who: "ann", Why: "test"}),
	} {
		if !errors.Is(err, ErrNotStarted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
}

// TestRequestsAfterTheStop: requests that come after the agent has stopped get an
// error and do not wait.
func TestRequestsAfterTheStop(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	a := newAgent(memory, time.Now)
	begin(t, a) // it stops the agent once more
	page := httptest.NewRecorder()
	a.metrics.ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(page.Body.String(), "\nsentinel_store_up 1") {
		t.Error("no sentinel_store_up before the first record")
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	silence := notify.Silence{ID: "s", Dataset: "w.*", From: now, Until: now.Add(time.Hour), Who: "ann", Why: "test"}
	if err := a.Silence(t.Context(), silence); !errors.Is(err, errStopped) {
		t.Errorf("a silence: %v", err)
	}
}
