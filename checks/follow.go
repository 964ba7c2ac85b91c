package checks

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Follow returns a baseline with one change of the table taken over, and nothing else: a
// column that was added, or the type or nullability of one. ok is false if the baseline
// has the change already, or if it is of another kind.
func Follow(base, now *warehouse.Table, change sentinel.DriftKind, column string) (*warehouse.Table, bool) {
	at := func(t *warehouse.Table) int {
		return slices.IndexFunc(t.Columns, func(c warehouse.Column) bool { return strings.EqualFold(c.Name, column) })
	}
	was, is := at(base), at(now)
	if is < 0 {
		return nil, false
	}
	moved := *base
	moved.Columns = slices.Clone(base.Columns)
	switch to := now.Columns[is]; {
	case change == sentinel.ColumnAdded && was < 0:
		moved.Columns = append(moved.Columns, to)
	case change == sentinel.TypeWidened && was >= 0:
		moved.Columns[was].Type = to.Type
	case change == sentinel.NullabilityLoosened && was >= 0 && to.Nullable && !moved.Columns[was].Nullable:
		moved.Columns[was].Nullable = true
	default:
		return nil, false
	}
	return &moved, true
}
