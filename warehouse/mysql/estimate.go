package mysql

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// ExplainCost implements warehouse.Estimator.
func (Dialect) ExplainCost(sql string) string { return "EXPLAIN FORMAT=JSON " + sql }

// ReadEstimate implements warehouse.Estimator. MySQL tells a cost, MariaDB from version 11
// on.
func (Dialect) ReadEstimate(plan string) (e warehouse.Estimate, err error) {
	var answer map[string]any
	if err := json.Unmarshal([]byte(plan), &answer); err != nil {
		return e, fmt.Errorf("reading the plan: %w", err)
	}
	if block, ok := answer["query_block"].(map[string]any); ok {
		e.Cost = number(block["cost"])
		if info, ok := block["cost_info"].(map[string]any); ok {
			e.Cost = number(info["query_cost"])
		}
	}
	addTables(&e, answer)
	return e, nil
}

// addTables adds the tables of a plan, whose blocks are nested. Names like <derived2> are
// results of the statement's own queries.
func addTables(e *warehouse.Estimate, at any) {
	switch at := at.(type) {
	case []any:
		for _, v := range at {
			addTables(e, v)
		}
	case map[string]any:
		name, _ := at["table_name"].(string)
		if access, ok := at["access_type"].(string); ok && name != "" && !strings.HasPrefix(name, "<") {
			e.Add(name, access == "ALL" || access == "index")
			e.Rows += max(number(at["rows"]), number(at["rows_examined_per_scan"]))
		}
		for _, key := range slices.Sorted(maps.Keys(at)) {
			addTables(e, at[key])
		}
	}
}

// number reads a number of a plan, which MySQL also writes as a text. Others are 0.
func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case string:
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return f
		}
	}
	return 0
}
