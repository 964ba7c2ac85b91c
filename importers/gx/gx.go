// Package gx reads the expectation suites of Great Expectations, of versions 0.18 and 1.
package gx

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

func init() { importers.Register("gx", read) }

// suite is a suite that is being read.
type suite struct {
	file  importers.File
	out   importers.Imported
	table string
}

func read(files []importers.File, o importers.Options) (importers.Imported, error) {
	var all importers.Imported
	for _, f := range files {
		roots, err := importers.Parse(f)
		if err != nil {
			return all, err
		}
		for _, root := range roots {
			s := &suite{file: f, table: o.Table}
			s.read(root)
			all.Datasets = append(all.Datasets, s.out.Datasets...)
			all.Taken = append(all.Taken, s.out.Taken...)
			all.Left = append(all.Left, s.out.Left...)
			all.Remarks = append(all.Remarks, s.out.Remarks...)
		}
	}
	return all, nil
}

// read reads a suite. A suite names no table: it is that of the option.
func (s *suite) read(root *yaml.Node) {
	list := importers.Under(root, "expectations")
	if list == nil {
		s.out.Leave(s.file.At(root), "the file", "it has no expectations: want a suite")
		return
	}
	for _, n := range importers.Items(list) {
		e := &expectation{suite: s, kwargs: importers.Under(n, "kwargs"), at: s.file.At(n)}
		e.name = importers.Word(importers.Under(n, "type"))
		if e.name == "" {
			e.name = importers.Word(importers.Under(n, "expectation_type"))
		}
		e.warns = slices.Contains([]string{"warning", "info"}, importers.Word(importers.Under(n, "severity")))
		s.take(e)
	}
}

// expectation is one expectation of a suite.
type expectation struct {
	suite  *suite
	name   string
	kwargs *yaml.Node
	at     importers.Place
	warns  bool
	where  string
	column string
	rest   string // the share that may be unexpected, in percent; "" is none
}

// said names an expectation with its column.
func (e *expectation) said() string {
	if e.column != "" {
		return e.name + "(" + e.column + ")"
	}
	return e.name
}

func (s *suite) take(e *expectation) {
	e.column = e.word("column")
	out, why := e.checks()
	if why != "" {
		s.out.Leave(e.at, e.said(), why)
		return
	}
	for i := range out {
		if e.warns {
			out[i] = out[i].Warning()
		}
		if out[i].Keys.Get("query") != "" {
			out[i].Keys.Set("name", e.said())
		}
	}
	s.out.Take(e.at, s.table, e.said(), out...)
}

// ignored are arguments that do not change what an expectation judges.
var ignored = []string{
	"column", "mostly", "row_condition", "condition_parser", "result_format", "catch_exceptions", "include_config", "meta",
	"batch_id", "auto", "profiler_config", "description", "notes", "windows", "severity", "parse_strings_as_datetimes",
}

// checks returns what an expectation becomes, or why it is left.
func (e *expectation) checks() ([]importers.Check, string) {
	k, known := kinds[e.name]
	switch {
	case e.suite.table == "":
		return nil, "a suite names no table: say it by --table"
	case !known:
		return nil, "this expectation has no check"
	}
	for _, a := range importers.Pairs(e.kwargs) {
		switch {
		case importers.Under(a.Value, "$PARAMETER") != nil:
			return nil, a.Name + " is a parameter of the evaluation"
		case importers.IsNull(a.Value), slices.Contains(ignored, a.Name), slices.Contains(strings.Fields(k.args), a.Name):
		default:
			return nil, "its argument " + a.Name + " is not known"
		}
	}
	if mostly := e.word("mostly"); mostly != "" && mostly != "1" && mostly != "1.0" {
		rest, ok := importers.Rest(mostly)
		if !ok {
			return nil, "mostly is no number: " + mostly
		}
		e.rest = rest
	}
	var why string
	at := importers.Under(e.kwargs, "row_condition")
	if at != nil && at.Kind != yaml.ScalarNode {
		e.where, why = object(at)
	} else {
		e.where, why = condition(e.word("row_condition"), e.word("condition_parser"))
	}
	if why != "" {
		return nil, why
	}
	if k.column && e.column == "" {
		return nil, "it names no column"
	}
	return k.checks(e)
}

// word returns a scalar argument.
func (e *expectation) word(name string) string {
	return importers.Word(importers.Under(e.kwargs, name))
}

// words returns an argument that is a list.
func (e *expectation) words(name string) []string {
	return importers.Words(importers.Under(e.kwargs, name))
}

// is reports whether an argument is true.
func (e *expectation) is(name string) bool { return strings.EqualFold(e.word(name), "true") }
