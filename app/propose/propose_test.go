package propose

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestColumnsThatTellWhenARowCame(t *testing.T) {
	t.Parallel()
	for names, want := range map[string]string{
		"updated_at created_at":         "created_at",
		"birth_date createdAt":          "createdAt",
		"hire_date birth_date":          "",
		"valid_from valid_to":           "",
		"expires_at deleted_at ends_at": "",
		"Order Date":                    "Order Date",
		"measured_at loaded_at":         "loaded_at",
		"last_update":                   "last_update",
		"rate weight data":              "",
	} {
		table := &warehouse.Table{}
		for _, n := range strings.Split(names, " ") {
			if names == "Order Date" {
				n = names
			}
			table.Columns = append(table.Columns, warehouse.Column{Name: n, Type: warehouse.Type{Family: warehouse.Timestamp}})
		}
		got := ""
		if of := timeColumns(table); len(of) > 0 {
			got = of[0].Column
		}
		if got != want {
			t.Errorf("%s: %q, want %q", names, got, want)
		}
	}
	of := timeColumns(&warehouse.Table{Columns: []warehouse.Column{
		{Name: "created_by", Type: warehouse.Type{Family: warehouse.Integer}},
		{Name: "created_at", Type: warehouse.Type{Family: warehouse.Text}},
		{Name: "loaded", Type: warehouse.Type{Family: warehouse.Boolean}},
	}})
	if len(of) != 4 || of[0].yaml() != "{column: 'created_at', format: '%Y-%m-%d %H:%M:%S'}" {
		t.Errorf("%+v", of)
	}
}

// hoursWith makes buckets of hours from a Monday on; rows says how many rows one has.
func hoursWith(weeks int, rows func(at time.Time) int64) (out []sentinel.Observation) {
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for at := from; at.Before(from.AddDate(0, 0, 7*weeks)); at = at.Add(time.Hour) {
		out = append(out, sentinel.Observation{Bucket: at, Value: sentinel.Int(rows(at))})
	}
	return out
}

// TestSchedulesOfLoadsAreFound draws days of the week and an hour, and finds both in the rows.
func TestSchedulesOfLoadsAreFound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		hour := rng.IntN(20)
		var days []string
		on := [7]bool{}
		for w := range on {
			if on[w] = rng.IntN(2) == 0; on[w] {
				days = append(days, fmt.Sprint(w))
			}
		}
		if len(days) < 2 {
			continue
		}
		last := hour
		hours := hoursWith(8, func(at time.Time) int64 {
			if !on[at.Weekday()] || at.Hour() != hour && (at.Hour() != hour+1 || rng.IntN(3) > 0) {
				return 0
			}
			last = max(last, at.Hour())
			return 5
		})
		got, ok := Past{hours: hours}.deadline()
		want := fmt.Sprintf("0 %d * * %s\"", last+1, strings.Join(days, ","))
		want = strings.NewReplacer("0,1,2,3,4,5,6", "*", " 1,2,3,4,5\"", " 1-5\"").Replace(want)
		if !ok || !strings.Contains(got.Text, want) {
			t.Errorf("seed %d: %q %t, want %q", seed, got.Text, ok, want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for name, rows := range map[string]func(at time.Time) int64{
		"every hour":     func(time.Time) int64 { return 1 },
		"every 31 hours": func(at time.Time) int64 { return map[bool]int64{true: 1}[at.Unix()/3600%31 == 0] },
		"at random":      func(time.Time) int64 { return int64(random.IntN(30) / 29) },
		"half of days":   func(at time.Time) int64 { return map[bool]int64{true: 1}[at.Hour() == 3 && random.IntN(2) == 0] },
		"never":          func(time.Time) int64 { return 0 },
	} {
		if got, ok := (Past{hours: hoursWith(8, rows)}).deadline(); ok {
			t.Errorf("%s: %s", name, got.Text)
		}
	}
}

// TestThresholdsLieAboveEveryUsualGap: rows that come as before do not warn.
func TestThresholdsLieAboveEveryUsualGap(t *testing.T) {
	t.Parallel()
	for step := 1; step < 60; step++ {
		p := Past{time: timeColumn{Column: "c"}, hours: hoursWith(8, func(at time.Time) int64 {
			return map[bool]int64{true: 1}[int(at.Unix()/3600)%step == 0]
		})}
		got := p.freshness()
		if !strings.Contains(got.Note, "would have warned 0 times") {
			t.Errorf("every %d hours: %+v", step, got)
		}
	}
}

// TestDependenciesHaveNoCircle proposes for tables whose foreign keys refer to each other at
// random.
func TestDependenciesHaveNoCircle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := &warehouse.Catalog{Tables: map[warehouse.TableName]*warehouse.Table{}}
		name := func(i int) warehouse.TableName { return warehouse.TableName{Schema: "s", Name: fmt.Sprint("t", i)} }
		for i := range 8 {
			table := &warehouse.Table{TableName: name(i), Kind: warehouse.BaseTable}
			for range rng.IntN(4) {
				table.ForeignKeys = append(table.ForeignKeys, warehouse.ForeignKey{References: name(rng.IntN(9))})
			}
			c.Tables[name(i)] = table
		}
		p := From(Source{Warehouse: "w", Catalog: c}, nil)
		left := p.Tables
		for len(left) > 0 { // take away what depends on nothing that is left
			before := len(left)
			left = slices.DeleteFunc(slices.Clone(left), func(one Table) bool {
				return !slices.ContainsFunc(one.DependsOn, func(up sentinel.Table) bool {
					return slices.ContainsFunc(left, func(o Table) bool { return o.Name == up })
				})
			})
			if len(left) == before {
				t.Fatalf("seed %d: a circle: %+v", seed, left)
			}
		}
	}
}
