package contract_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/contract"
	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/importers/odcs"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// TestImportOfAnExportIsTheSame draws configurations, exports each as a contract, imports that,
// and holds that the checks are the same.
func TestImportOfAnExportIsTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		want := drawn(rand.New(rand.NewPCG(seed, 22)))
		text, err := contract.Export(contract.Source{Config: importers.File{Name: "sentinel.yaml", Data: []byte(want)}})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, want)
		}
		got, err := importers.Import("odcs", []importers.File{{Name: "c.yaml", Data: []byte(text)}}, importers.Options{})
		if err != nil || len(got.Left) > 0 {
			t.Fatalf("seed %d: %v %v\n%s", seed, err, got.Left, text)
		}
		if again := got.YAML("w", "", "DSN"); !slices.Equal(linesOf(again), linesOf(want)) {
			t.Fatalf("seed %d: want\n%s\ngot\n%s\nthrough\n%s", seed, want, again, text)
		}
	}
}

// linesOf returns the lines of a configuration, sorted: the order of checks means nothing, nor
// does how far a block is indented.
func linesOf(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	slices.Sort(lines)
	return lines
}

// drawn returns a configuration with drawn checks of drawn tables, as an importer writes it.
func drawn(r *rand.Rand) string {
	i := importers.Imported{}
	for n := range 1 + r.IntN(3) {
		table := fmt.Sprintf("s%d.t%d", r.IntN(2), n)
		used := map[string]bool{}
		if r.IntN(3) > 0 {
			c := importers.Check{Kind: "schema"}
			c.Keys.Set("columns", importers.Fields{{Name: "a", Value: "integer"}, {Name: "b", Value: importers.Plain("null")},
				{Name: "odd name", Value: "character varying(9)"}})
			c.Keys.Set("extra", importers.Plain("ignore"))
			c.Keys.Set("type_widened", importers.Plain("fail"))
			i.Add(table, c)
		}
		for range r.IntN(8) {
			c := draw(r)
			if used[c.Text()] {
				continue
			}
			used[c.Text()] = true
			i.Add(table, c)
		}
		bare := []string{"< 10", "> 100", "!= 5", "!= 0", "= 3", "not between 1 and 9", "<= 1"}
		i.Add(table, importers.Check{Kind: "row_count", Fail: bare[r.IntN(len(bare))]})
	}
	return i.YAML("w", "", "DSN")
}

func draw(r *rand.Rand) importers.Check {
	var c importers.Check
	column := []string{"a", "b", "c", "odd name"}[r.IntN(4)]
	id := fmt.Sprint("id", r.IntN(1000))
	switch r.IntN(7) {
	case 0:
		c.Kind = "missing"
		c.Keys.Set("column", column)
		return c
	case 1:
		c.Kind = "duplicate"
		c.Keys.Set("column", column)
		return c
	case 2:
		c.Kind, c.Fail = "missing", "> 5%"
		c.Keys.Set("id", id)
		c.Keys.Set("column", column)
		c.Keys.Set("values", []string{"N/A", "", "  ", "$x", "é\"\\"})
	case 3:
		c.Kind, c.Warn = "invalid", "> 0"
		c.Keys.Set("id", id)
		c.Keys.Set("column", column)
		c.Keys.Set("pattern", `^\d+$`)
	case 4:
		c.Kind = "failed_rows"
		c.Keys.Set("id", id)
		c.Keys.Set("query", "SELECT 1\nFROM s.t -- all of '$1'\nWHERE a > 1")
	case 5:
		c.Kind, c.Fail = "row_count", []string{"< 10", "!= 5", "= 3", ">= 9"}[r.IntN(4)]
		c.Keys.Set("id", id)
	case 6:
		c.Kind, c.Fail = "row_count", []string{"< 10", "> 100", "not between 1 and 9"}[r.IntN(3)]
		c.Keys.Set("where", "a > "+id[2:])
	}
	return c
}

const before = `apiVersion: v3.1.0
kind: DataContract
version: 1.2.0
schema:
  - name: orders
    properties:
      - {name: id, physicalType: integer, required: true}
      - {name: note, physicalType: text}
      - {name: n, physicalType: integer, quality: [{metric: nullValues, mustBeLessThan: 5}]}
    quality: [{metric: rowCount, mustBeGreaterThan: 10}]
slaProperties: [{property: latency, value: 2, unit: d, element: orders.at}]
`

// TestEachChangeIsReadForReadersAndWriters holds whom a change breaks, and which version it needs.
func TestEachChangeIsReadForReadersAndWriters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to         string
		kind             string
		readers, writers bool
	}{
		{"      - {name: note, physicalType: text}\n", "", "column_removed", true, true},
		{"physicalType: text}", "physicalType: text}\n      - {name: more, physicalType: text}", "column_added", false, false},
		{"physicalType: text}", "physicalType: text}\n      - {name: more, physicalType: text, required: true}", "column_added", false, true},
		{"integer, required: true", "integer", "nullability_loosened", true, false},
		{"physicalType: text}", "physicalType: text, required: true}", "nullability_tightened", false, true},
		{"integer, required", "bigint, required", "type_widened", true, false},
		{"integer, required", "smallint, required", "type_narrowed", false, true},
		{"integer, required", "text, required", "type_changed", true, true},
		{"mustBeLessThan: 5", "mustBeLessThan: 9", "check_loosened", true, false},
		{"mustBeLessThan: 5", "mustBeLessThan: 2", "check_tightened", false, true},
		{"    quality: [{metric: rowCount, mustBeGreaterThan: 10}]\n", "", "check_removed", true, false},
		{"physicalType: text}", "physicalType: text, unique: true}", "check_added", false, true},
		{"value: 2", "value: 3", "sla_loosened", true, false},
		{"value: 2", "value: 1", "sla_tightened", false, true},
	} {
		changes := contract.Compare(loaded(t, before), loaded(t, strings.Replace(before, c.from, c.to, 1)))
		if len(changes) != 1 || string(changes[0].Kind) != c.kind || changes[0].Readers != c.readers ||
			changes[0].Writers != c.writers {
			t.Errorf("%q -> %q: %+v, want %s", c.from, c.to, changes, c.kind)
			continue
		}
		least := "1.3.0"
		if c.readers || c.writers {
			least = "2.0.0"
		}
		for version, ok := range map[string]bool{"1.2.0": false, "1.2.9": false, least: true, "3.0.0": true} {
			if wanted, err := contract.Step("1.2.0", version, changes); err != nil || (wanted == "") != ok {
				t.Errorf("%s: version %s: %q, %v", c.kind, version, wanted, err)
			}
		}
	}
	if same := contract.Compare(loaded(t, before), loaded(t, before)); len(same) > 0 {
		t.Errorf("the same contract: %+v", same)
	}
}

func loaded(t *testing.T, text string) odcs.Contract {
	t.Helper()
	c, err := odcs.Load(importers.File{Name: "c.yaml", Data: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
