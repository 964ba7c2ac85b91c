package agent

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// TestOnlyAJudgedFindingIsRepaired: while a check cannot look, its open finding says nothing
// of the table as it is. A repair that was planned then would not know what is bad.
func TestOnlyAJudgedFindingIsRepaired(t *testing.T) {
	t.Parallel()
	a := newAlerted(t)
	agent := a.agent(a.policy("p", "o", repair.Auto, "row_count"))
	table := sentinel.Table{Warehouse: "w", Schema: "main", Name: "o"}
	for name, c := range map[string]struct {
		key    string
		result sentinel.Result
		want   int
	}{
		"bad": {"", sentinel.Result{Status: sentinel.Fail, Findings: []sentinel.Finding{{Status: sentinel.Fail}}}, 1},
		"bad segment": {"range:DE", sentinel.Result{Status: sentinel.Fail,
			Findings: []sentinel.Finding{{Key: "range:DE", Status: sentinel.Fail}}}, 1},
		"the server is away": {"", sentinel.Result{Status: sentinel.Error}, 0},
		"learning":           {"", sentinel.Result{Status: sentinel.Unknown}, 0},
		"one segment is bad, the other was not judged": {"range:DE", sentinel.Result{Status: sentinel.Fail, Findings: []sentinel.Finding{
			{Key: "range:FR", Status: sentinel.Fail}, {Key: "range:DE", Status: sentinel.Unknown}}}, 0},
	} {
		finding := sentinel.IncidentFinding{Check: "o", Kind: "row_count", Key: c.key, Severity: sentinel.Fail, Ticks: 1}
		c.result.Check, c.result.Table = "o", table
		agent.triggerRepairs(store.Batch{
			Results: []sentinel.Result{c.result},
			Incidents: []sentinel.Incident{{ID: "i", Table: table, Check: "o", Kind: "row_count", Key: c.key,
				State: sentinel.Open, Severity: sentinel.Fail, Findings: []sentinel.IncidentFinding{finding}}},
		})
		if got := len(agent.triggers); got != c.want {
			t.Errorf("%s: %d repairs are considered, not %d", name, got, c.want)
		}
		for len(agent.triggers) > 0 {
			<-agent.triggers
		}
	}
}
