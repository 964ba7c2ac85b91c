package checks_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

func TestReads(t *testing.T) {
	t.Parallel()
	with := sentinel.Table{Warehouse: "w", Schema: "main", Name: "other"}
	target := checks.Target{TimeColumn: "loaded_at"}
	for name, c := range map[string]struct {
		check  checks.Check
		column string
		want   bool
	}{
		"the dataset's time column":      {&checks.Freshness{}, "loaded_at", true},
		"a time column of its own":       {&checks.Freshness{Column: "seen_at"}, "loaded_at", false},
		"all rows":                       {&checks.RowCount{}, "loaded_at", false},
		"rows of a condition":            {&checks.RowCount{Options: checks.Options{Where: "Status = 'x'"}}, "status", true},
		"a part of a name":               {&checks.RowCount{Options: checks.Options{Where: "status_code = 1"}}, "status", false},
		"the name of the check":          {&checks.RowCount{Options: checks.Options{ID: "status"}}, "status", false},
		"segments":                       {&checks.RowCount{By: []string{"country"}}, "country", true},
		"a sum":                          {&checks.Reconcile{With: &with, Sum: []string{"amount"}}, "amount", true},
		"no column of a reconciliation":  {&checks.Reconcile{With: &with}, "amount", false},
		"a query":                        {&checks.SQL{Query: `SELECT count(*) FROM t WHERE "note" IS NULL`}, "note", true},
		"another column than of a query": {&checks.SQL{Query: `SELECT count(notes) FROM t`}, "note", false},
	} {
		if got := checks.Reads(c.check, target, c.column); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
