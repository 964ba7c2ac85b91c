package postgres

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// planNode is a node of EXPLAIN (FORMAT JSON).
type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Cost     float64    `json:"Total Cost"`
	Plans    []planNode `json:"Plans"`
}

// ExplainCost implements warehouse.Estimator.
func (Dialect) ExplainCost(sql string) string { return "EXPLAIN (FORMAT JSON) " + sql }

// ReadEstimate implements warehouse.Estimator. The cost is in units of seq_page_cost.
func (Dialect) ReadEstimate(plan string) (e warehouse.Estimate, err error) {
	var answer []struct {
		Plan planNode `json:"Plan"`
	}
	if err := json.Unmarshal([]byte(plan), &answer); err != nil {
		return e, fmt.Errorf("reading the plan: %w", err)
	}
	if len(answer) == 0 {
		return e, errors.New("the server sent no plan")
	}
	e.Cost = answer[0].Plan.Cost
	answer[0].Plan.add(&e)
	return e, nil
}

func (n planNode) add(e *warehouse.Estimate) {
	if n.Relation != "" {
		e.Add(n.Relation, n.Type == "Seq Scan")
	}
	for _, below := range n.Plans {
		below.add(e)
	}
}
