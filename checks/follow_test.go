package checks_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A baseline takes over the one change that it is given. All other differences stay drifts.
func TestFollowTakesOverOneChange(t *testing.T) {
	t.Parallel()
	column := func(name, typ string, nullable bool) warehouse.Column {
		return warehouse.Column{Name: name, Type: warehouse.ParseType(typ), Nullable: nullable}
	}
	base := &warehouse.Table{Columns: []warehouse.Column{column("id", "integer", false), column("n", "integer", false)}}
	now := &warehouse.Table{Columns: []warehouse.Column{
		column("id", "bigint", true), column("n", "bigint", true), column("note", "text", true), column("other", "text", true),
	}}
	all := len(checks.Diff(base, now, checks.DiffOptions{}))
	for _, c := range []struct {
		change sentinel.DriftKind
		column string
		want   bool
	}{
		{sentinel.ColumnAdded, "note", true},
		{sentinel.TypeWidened, "n", true},
		{sentinel.NullabilityLoosened, "id", true},
		{sentinel.ColumnAdded, "id", false},
		{sentinel.ColumnAdded, "nowhere", false},
		{sentinel.ColumnRemoved, "n", false},
		{sentinel.TypeWidened, "note", false},
	} {
		before := checks.EncodeSnapshot(base)
		moved, ok := checks.Follow(base, now, c.change, c.column)
		if ok != c.want {
			t.Errorf("%s of %s: %t", c.change, c.column, ok)
			continue
		}
		if string(checks.EncodeSnapshot(base)) != string(before) {
			t.Errorf("%s of %s changed the former baseline", c.change, c.column)
		}
		if !ok {
			continue
		}
		left := checks.Diff(moved, now, checks.DiffOptions{})
		if len(left) != all-1 {
			t.Errorf("%s of %s: %d drifts are left of %d: %+v", c.change, c.column, len(left), all, left)
		}
		for _, d := range left {
			if d.Kind == c.change && d.Object == c.column {
				t.Errorf("%s of %s is still a drift", c.change, c.column)
			}
		}
	}
}
