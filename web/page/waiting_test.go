package page_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// A repair that awaits an approval is shown however old it is, and however many are newer.
func TestAnOldRepairStillAwaitsAnApproval(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(10)
	add := func(id string, of sentinel.Table, state sentinel.RepairState, created time.Time) {
		r := sentinel.Repair{
			ID: id, Key: id, Policy: "p", Incident: "i-" + of.Name, Check: of.String() + "/row_count:day", Table: of, State: state,
			Version: 1, Created: created, Updated: created, Plan: sentinel.Plan{Action: "sql", Table: of, Summary: "load again"},
		}
		if _, err := s.store.AddRepair(t.Context(), r, store.AuditEntry{At: created, Actor: "sentinel", What: "repair.planned"}); err != nil {
			t.Fatal(err)
		}
	}
	add("r-old", table(7), sentinel.AwaitingApproval, noon.AddDate(0, 0, -40))
	add("r-behind", table(6), sentinel.AwaitingApproval, noon.Add(-3*time.Hour))
	for n := range 510 {
		add(fmt.Sprint("r-new-", n), table(1), sentinel.RepairPlanned, noon.Add(-time.Hour))
	}
	for path, want := range map[string]string{
		"/datasets/shop/schema_07/table_00007?days=1": "r-old", "/": "r-old", "/incidents": "r-old",
		"/datasets/shop/schema_06/table_00006": "r-behind",
	} {
		status, body, _ := s.get(path, nil)
		if status != http.StatusOK || strings.Count(body, `href="/repairs/`+want+`"`) != 1 {
			t.Errorf("%s: %d without the one link to %s", path, status, want)
		}
	}
}
