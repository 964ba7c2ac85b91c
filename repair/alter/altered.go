package alter

import (
	"encoding/json"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// Applies implements repair.SelectiveAction. A check that compares with a learned schema
// does not say what the table should be.
func (*Table) Applies(why repair.Trigger) bool {
	return why.Like != nil || len(why.Declared) > 0
}

// Altered implements repair.SchemaAction.
func (*Table) Altered(plan sentinel.Plan) (change sentinel.DriftKind, column string, err error) {
	var a alteration
	if err := json.Unmarshal(plan.Details, &a); err != nil {
		return "", "", fmt.Errorf("reading what was altered: %w", err)
	}
	return a.Kind, a.Column, nil
}
