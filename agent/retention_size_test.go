package agent

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// TestHistoryBeyondItsSizeGoes: what is removed before its time is counted, and the size of the
// state is exported.
func TestHistoryBeyondItsSizeGoes(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	table := sentinel.Table{Warehouse: "w", Schema: "s", Name: "t"}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const days = 10
	for n := range days * 24 {
		tick := now.Add(time.Duration(n-days*24) * time.Hour)
		b := store.Batch{Ticks: []store.TickRecord{{Schedule: "@hourly", Table: table, Tick: tick}}}
		for i := range 40 {
			text := strings.Repeat(fmt.Sprintf("%x ", uint64(n*40+i+1)*0x9e3779b97f4a7c15), 2)
			b.Results = append(b.Results, sentinel.Result{Check: fmt.Sprint(i), Table: table, Tick: tick, Message: text})
		}
		if _, err := memory.Record(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	a := newAgent(memory, time.Now)
	used, err := memory.Used(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.pruneToSize(t.Context(), Plan{}, now)
	a.pruneToSize(t.Context(), Plan{RetentionSize: used}, now)
	if ticks, err := memory.Ticks(t.Context(), table, 1000); err != nil || len(ticks) != days*24 {
		t.Fatalf("it fits, and %d ticks are left, %v", len(ticks), err)
	}
	a.pruneToSize(t.Context(), Plan{RetentionSize: used * 3 / 4}, now)
	a.measureState(t.Context())
	ticks, err := memory.Ticks(t.Context(), table, 1000)
	if err != nil || len(ticks) == days*24 || len(ticks) < 24 {
		t.Fatalf("%d ticks are left, %v", len(ticks), err)
	}
	page := httptest.NewRecorder()
	a.metrics.ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for series, want := range map[string]int{
		`sentinel_store_cut_total{what="ticks"}`: days*24 - len(ticks),
		`sentinel_store_bytes`:                   -1,
	} {
		got := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(page.Body.String())
		if got == nil || want >= 0 && got[1] != strconv.Itoa(want) {
			t.Errorf("%s: %v, want %d", series, got, want)
		}
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
}
