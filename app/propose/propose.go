// Package propose writes a configuration for a warehouse from its catalog and from the past
// of its tables. Begin with [From]. [Proposal.Judge] leaves out what would be wrong at once.
package propose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Proposal is a configuration as data.
type Proposal struct {
	Warehouse string
	Tables    []Table
	Left      []string // what of the catalog is left out, and why
}

// Table is a dataset with its checks.
type Table struct {
	Name      sentinel.Table
	Time      timeColumn // zero: no column tells when a row came
	DependsOn []sentinel.Table
	Notes     []string
	Checks    []Check
}

// Check is an item of `checks:`.
type Check struct {
	Text string // YAML
	Note string // of a comment behind it; "" for none
	Off  string // why it is a comment only; "" for a check
}

// Source is what a proposal is made from.
type Source struct {
	Warehouse string
	Dialect   warehouse.Dialect
	Catalog   *warehouse.Catalog
	Only      string                // pattern of the datasets; "" for all
	State     []warehouse.TableName // tables of a Sentinel's state
	// Schemas are proposed for besides that of the DSN, where schemas are databases.
	Schemas []string
	// NoValues leaves out proposals that list values of rows.
	NoValues bool
}

// Facts are the facts of a catalog that a proposal needs.
const Facts = warehouse.Columns | warehouse.Keys | warehouse.Indexes | warehouse.Estimates | warehouse.Partitions |
	warehouse.Details

// From proposes checks for the tables of a catalog. known has the past of tables; a table
// without one gets checks that need no knowledge of it.
func From(s Source, known map[warehouse.TableName]Past) *Proposal {
	p := &Proposal{Warehouse: s.Warehouse}
	var names []warehouse.TableName
	names, p.Left = s.Names()
	for _, name := range names {
		t := s.Catalog.Tables[name]
		past, read := known[name]
		one := Table{Name: s.table(name)}
		if read {
			one.Time = past.time
		} else if of := timeColumns(t); len(of) > 0 && of[0].typed() {
			one.Time = of[0]
		}
		if t.Filtered {
			one.Notes = append(one.Notes, "row security hides rows of it from this user: its checks are errors without",
				"row_security: visible")
		}
		one.Checks = append(one.Checks, Check{Text: "schema"})
		if t.Kind != warehouse.View {
			one.Checks = append(one.Checks, Check{Text: "row_count > 0"})
		}
		switch {
		case read:
			one.Checks = append(one.Checks, past.checks()...)
		case one.Time.Column != "" && t.Kind != warehouse.View:
			one.Checks = append(one.Checks, Check{Text: "freshness: {warn: 1d, fail: 2d}"})
		}
		p.Tables = append(p.Tables, one)
	}
	p.dependencies(s)
	return p
}

// table returns the name of a table with its warehouse.
func (s Source) table(n warehouse.TableName) sentinel.Table {
	return sentinel.Table{Warehouse: s.Warehouse, Schema: n.Schema, Name: n.Name}
}

// Names returns the tables that checks are proposed for, in order, and says what is left out.
func (s Source) Names() (kept []warehouse.TableName, left []string) {
	own, children := 0, 0
	for _, n := range slices.SortedFunc(maps.Keys(s.Catalog.Tables), compareNames) {
		switch {
		case s.Only != "" && !sentinel.MatchTable(s.Only, s.table(n)), s.elsewhere(n):
		case s.internal(n):
			own++
		case s.child(s.Catalog.Tables[n]):
			children++
		default:
			kept = append(kept, n)
		}
	}
	if own > 0 {
		left = append(left, fmt.Sprintf("%d tables of Sentinel's own", own))
	}
	if children > 0 {
		left = append(left, fmt.Sprintf("%d tables that inherit from another one, whose checks read their rows", children))
	}
	return kept, left
}

// elsewhere reports whether the DSN names another database than that of a table.
func (s Source) elsewhere(n warehouse.TableName) bool {
	_, isSchema := s.Dialect.(warehouse.DatabaseSchemas)
	return isSchema && s.Only == "" && s.Catalog.DefaultSchema != "" && n.Schema != s.Catalog.DefaultSchema &&
		!slices.Contains(s.Schemas, n.Schema)
}

// internal reports whether a table is one of Sentinel's own: of a state, or of repairs.
func (s Source) internal(n warehouse.TableName) bool {
	if slices.Contains(s.State, n) {
		return true
	}
	d, writes := s.Dialect.(warehouse.WriteDialect)
	if !writes {
		return false
	}
	if schema := d.InternalTable("", "").Schema; schema != "" {
		return n.Schema == schema
	}
	prefix := d.InternalTable(n.Schema, "").Name
	return prefix != "" && strings.HasPrefix(n.Name, prefix)
}

// child reports whether a table inherits from another one of the catalog.
func (s Source) child(t *warehouse.Table) bool {
	return slices.ContainsFunc(
		t.Details,
		func(d warehouse.Detail) bool { return d.Part == "table" && d.Fact == "parents" },
	)
}

// dependencies gives each table the tables that its foreign keys refer to, without circles.
func (p *Proposal) dependencies(s Source) {
	at := map[sentinel.Table]int{}
	for i := range p.Tables {
		at[p.Tables[i].Name] = i
	}
	var reaches func(from, to sentinel.Table) bool
	reaches = func(from, to sentinel.Table) bool {
		return from == to || slices.ContainsFunc(p.Tables[at[from]].DependsOn, func(up sentinel.Table) bool {
			return reaches(up, to)
		})
	}
	for i := range p.Tables {
		t := &p.Tables[i]
		keys := s.Catalog.Tables[warehouse.TableName{Schema: t.Name.Schema, Name: t.Name.Name}].ForeignKeys
		for _, k := range keys {
			up := s.table(k.References)
			_, proposed := at[up]
			if proposed && !slices.Contains(t.DependsOn, up) && !reaches(up, t.Name) {
				t.DependsOn = append(t.DependsOn, up)
			}
		}
	}
}

func compareNames(a, b warehouse.TableName) int {
	return strings.Compare(a.Schema+"\x00"+a.Name, b.Schema+"\x00"+b.Name)
}
