package checks_test

import (
	"reflect"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// withoutLimits are kinds with bounds that are not drawn, with the reason.
var withoutLimits = map[string]string{
	"reconcile": "with key the bounds are on the rows that differ, and the chart is of the difference of the counts",
}

// TestLimitsOfEveryKind: a chart draws the bounds of each kind that has some.
func TestLimitsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, kind := range kindsOfProduct() {
		c, err := checks.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		fields := reflect.ValueOf(c).Elem()
		wanted := map[sentinel.Status]checks.Bound{sentinel.Warn: bound(t, "> 2"), sentinel.Fail: bound(t, "not between 1 and 3")}
		bounded := 0
		for status, name := range map[sentinel.Status]string{sentinel.Warn: "Warn", sentinel.Fail: "Fail"} {
			if field := fields.FieldByName(name); field.IsValid() && field.Type() == reflect.TypeFor[checks.Bound]() {
				field.Set(reflect.ValueOf(wanted[status]))
				bounded++
			}
		}
		at := map[sentinel.Status][]float64{}
		for _, l := range checks.Limits(c) {
			at[l.Status] = append(at[l.Status], l.At)
		}
		_, exempt := withoutLimits[kind]
		drawn := reflect.DeepEqual(at, map[sentinel.Status][]float64{sentinel.Warn: {2}, sentinel.Fail: {1, 3}})
		if bounded > 0 && drawn == exempt {
			t.Errorf("%s: limits at %v, exempt: %t", kind, at, exempt)
		}
	}
}
