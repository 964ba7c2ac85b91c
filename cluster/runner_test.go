package cluster_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// panickingPeer is a group whose queue has a bug.
type panickingPeer struct{}

// Peers implements cluster.Submitter.
func (panickingPeer) Peers() int { return 1 }

// Do implements cluster.Submitter.
func (panickingPeer) Do(context.Context, string, json.RawMessage, bool) (json.RawMessage, error) {
	panic("a bug of the queue")
}

// TestAPanicFailsThePart: every check has a result with the error when neither the
// peers nor this agent can run a part without a panic.
func TestAPanicFailsThePart(t *testing.T) {
	t.Parallel()
	rows := &checks.RowCount{Options: checks.Options{ID: "rows"}, Fail: bound(t, "< 1")}
	table := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}
	jobs := []checks.Job{{Table: table, Location: time.UTC, Tick: time.Now(), Checks: []checks.Check{rows}}}
	env := checks.Env{
		Warehouse: func(string) (*warehouse.DB, error) { panic("a bug of a dialect") },
		Clock:     sentinel.ClockFunc(time.Now),
		Cache:     &checks.Cache{},
	}
	r := &cluster.Runner{Member: panickingPeer{}, Log: slog.New(slog.DiscardHandler)}
	parts := 0
	for first, outcomes := range r.Run(t.Context(), env, "w", jobs) {
		parts++
		if first != 0 || len(outcomes) != 1 || len(outcomes[0].Results) != 1 {
			t.Fatalf("part from %d: %+v", first, outcomes)
		}
		if got := outcomes[0].Results[0]; got.Status != sentinel.Error || got.Check != "rows" || got.Table != table {
			t.Errorf("result: %+v", got)
		}
	}
	if parts != 1 {
		t.Errorf("%d parts", parts)
	}
}
