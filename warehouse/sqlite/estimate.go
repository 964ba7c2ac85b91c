package sqlite

import (
	"regexp"
	"slices"

	"github.com/sentinel-dq/sentinel/warehouse"
)

var (
	planRead  = regexp.MustCompile(`(?m)\b(SCAN|SEARCH) (.+?)(?: USING .*)?$`)
	planOwned = regexp.MustCompile(`(?m)\b(?:CO-ROUTINE|MATERIALIZE) (.+)$`)
)

// ExplainCost implements warehouse.Estimator.
func (d Dialect) ExplainCost(sql string) string { return d.Explain(sql) }

// ReadEstimate implements warehouse.Estimator. SQLite tells how tables are read, and no
// cost.
func (Dialect) ReadEstimate(plan string) (e warehouse.Estimate, err error) {
	own := []string{"CONSTANT ROW"}
	for _, m := range planOwned.FindAllStringSubmatch(plan, -1) {
		own = append(own, m[1])
	}
	for _, m := range planRead.FindAllStringSubmatch(plan, -1) {
		if !slices.Contains(own, m[2]) {
			e.Add(m[2], m[1] == "SCAN")
		}
	}
	return e, nil
}
