// Package soda reads the checks of Soda: SodaCL of version 3, and contracts of version 4.
package soda

import (
	"regexp"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

func init() { importers.Register("soda", read) }

func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// source is one file of Soda.
type source struct {
	file importers.File
	out  importers.Imported
	// configured are the columns by tables of which `configurations for` says what is missing
	// or valid.
	configured map[string][]string
}

// table is the subject of `checks for`: a table and a filter of its rows.
type table struct {
	name  string
	where string
}

var (
	checksFor = pattern(`^checks for (.+?)(?:\s*\[(.+)\])?$`)
	filterFor = pattern(`^filter (.+?)\s*\[(.+)\]$`)
)

func read(files []importers.File, _ importers.Options) (importers.Imported, error) {
	var all importers.Imported
	for _, f := range files {
		s := &source{file: f}
		roots, err := importers.Parse(f)
		if err != nil {
			return all, err
		}
		for _, root := range roots {
			if importers.Word(importers.Under(root, "dataset")) != "" {
				s.contract(root)
				continue
			}
			s.document(root)
		}
		all.Datasets = append(all.Datasets, s.out.Datasets...)
		all.Left = append(all.Left, s.out.Left...)
		all.Remarks = append(all.Remarks, s.out.Remarks...)
	}
	return all, nil
}

func (s *source) document(root *yaml.Node) {
	filters := map[string]string{}
	s.configured = configured(root)
	for _, f := range importers.Pairs(root) {
		if m := filterFor().FindStringSubmatch(f.Name); m != nil {
			filters[m[1]+" "+m[2]] = importers.Word(importers.Under(f.Value, "where"))
		}
	}
	for _, f := range importers.Pairs(root) {
		s.block(f, filters)
	}
}

func (s *source) block(f importers.Pair, filters map[string]string) {
	m := checksFor().FindStringSubmatch(f.Name)
	switch {
	case filterFor().MatchString(f.Name):
	case strings.HasPrefix(f.Name, "for each "):
		s.each(f)
	case strings.HasPrefix(f.Name, "reconciliation "):
		s.reconciliation(f)
	case m == nil:
		s.out.Leave(s.file.At(f.Key), f.Name, "not taken over")
	case m[2] != "" && filters[m[1]+" "+m[2]] == "":
		s.leave(f, "the file has no `filter "+m[1]+" ["+m[2]+"]` with a `where`")
	case m[2] != "" && strings.Contains(filters[m[1]+" "+m[2]], "${"):
		s.leave(f, "its filter needs variables of a scan: use `bucket: day`, or a `where` of the database's own clock")
	default:
		name := strings.Trim(m[1], "\"`")
		if strings.Contains(m[1], `"`) {
			name = m[1]
		}
		t := table{name, filters[m[1]+" "+m[2]]}
		for _, item := range importers.Items(f.Value) {
			s.out.Add(t.name, s.item(t, item)...)
		}
	}
}

// leave leaves each check of a block.
func (s *source) leave(f importers.Pair, why string) {
	for _, item := range importers.Items(f.Value) {
		s.out.Leave(s.file.At(item), f.Name+": "+said(item), why)
	}
}

// each reads `for each dataset T:`, whose tables are patterns.
func (s *source) each(f importers.Pair) {
	var tables, exclude []string
	for _, text := range importers.Words(importers.Under(f.Value, "datasets")) {
		verb, name, found := strings.Cut(text, " ")
		switch {
		case !found:
			tables = append(tables, text)
		case verb == "include":
			tables = append(tables, strings.TrimSpace(name))
		default:
			exclude = append(exclude, strings.TrimSpace(name))
		}
	}
	if len(tables) == 0 {
		s.out.Leave(s.file.At(f.Key), f.Name, "it names no table")
		return
	}
	for _, name := range tables {
		d := importers.Dataset{Table: name, Exclude: exclude}
		for _, item := range importers.Items(importers.Under(f.Value, "checks")) {
			d.Checks = append(d.Checks, s.item(table{name: name}, item)...)
		}
		s.out.Datasets = append(s.out.Datasets, d)
	}
}

// said returns the line of a check.
func said(n *yaml.Node) string {
	if p := importers.Pairs(n); len(p) > 0 {
		return strings.TrimSpace(p[0].Name)
	}
	return strings.TrimSpace(n.Value)
}

// item reads one check: a line, or a line with a mapping below it.
func (s *source) item(t table, n *yaml.Node) []importers.Check {
	var below *yaml.Node
	line := said(n)
	if p := importers.Pairs(n); len(p) > 0 {
		below = p[0].Value
	}
	i := &item{source: s, table: t, line: line, below: below, at: s.file.At(n)}
	filter := importers.Word(importers.Under(below, "filter"))
	if strings.Contains(filter, "${") {
		s.out.Leave(i.at, t.name+": "+line, "its filter needs variables of a scan")
		return nil
	}
	i.where = importers.And(t.where, filter)
	if column := s.configuredIn(t.name, line); column != "" {
		s.out.Leave(i.at, t.name+": "+line, "`configurations for` says what is missing or valid in "+column+
			": write it below the check")
		return nil
	}
	out, why := i.checks()
	if why == "" && strings.ContainsAny(t.name, "%*") && hasQuery(out) {
		why = "a query cannot be about a pattern of tables: write one for each table"
	}
	if why != "" {
		s.out.Leave(i.at, t.name+": "+line, why)
		return nil
	}
	for n := range out {
		out[n].What, out[n].At = line, i.at
		out[n].Keys.Set("id", importers.Word(importers.Under(below, "identity")))
		name := importers.Word(importers.Under(below, "name"))
		if name == "" && (out[n].Kind == "sql" || out[n].Kind == "aggregate" && out[n].Keys.Get("expression") != "") {
			name = line // its history continues under this name
		}
		out[n].Keys.Set("name", name)
	}
	i.remarks()
	return out
}

func hasQuery(checks []importers.Check) bool {
	for _, c := range checks {
		if c.Keys.Get("query") != "" {
			return true
		}
	}
	return false
}

// remarks tells of keys below a check that change nothing in what it judges.
func (i *item) remarks() {
	for _, f := range importers.Pairs(i.below) {
		switch {
		case f.Name == "attributes", strings.HasPrefix(f.Name, "samples "):
			i.source.out.Remark(i.source.file.At(f.Key), i.table.name+": "+i.line, "without its "+f.Name)
		}
	}
}
