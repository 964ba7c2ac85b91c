package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
)

// columnChecks are the checks below the names of columns, the value of `columns:`.
type columnChecks struct{ entries []checkEntry }

// decodeNode reads a mapping of names of columns to lists of checks.
func (c *columnChecks) decodeNode(r *reader, n *yaml.Node) {
	if isNull(n) {
		return
	}
	for _, f := range r.fields(n, "a mapping of columns to their checks, such as `email: [not_null]`") {
		items := []*yaml.Node{f.value}
		if f.value.Kind == yaml.SequenceNode {
			items = f.value.Content
		}
		for _, item := range items {
			entry := checkEntry{}
			if made := r.checkOf(f.key, item); made != nil {
				entry.decodeNode(r, made)
				c.entries = append(c.entries, entry)
			}
		}
	}
}

func (columnChecks) describe() description {
	return description{of: reflect.TypeFor[map[string][]checkEntry]()}
}

// otherKinds are the words of dbt for kinds.
var otherKinds = map[string]string{
	"not_null": "missing", "accepted_values": "invalid", "unique": "duplicate", "relationships": "reference",
}

// checkOf writes an item below a column as an item of `checks:`. It returns nil after a
// mistake.
func (r *reader) checkOf(column, item *yaml.Node) *yaml.Node {
	var fields *yaml.Node
	kind := item
	switch {
	case item.Kind == yaml.ScalarNode && !isNull(item):
		fields = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: item.Line, Column: item.Column}
	case item.Kind == yaml.MappingNode && len(item.Content) == 2:
		kind = item.Content[0]
		fields = r.fieldsOf(kind.Value, item.Content[1])
	}
	if fields == nil {
		if !r.isWrong(item) {
			r.wrong(item, "want a check of the column %s, such as `not_null` or `invalid: {format: email}`", column.Value)
		}
		return nil
	}
	if at := child(fields, "column"); at != nil {
		r.wrong(at, "the column stands above: remove this key")
		return nil
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "column", Line: column.Line, Column: column.Column}
	name := *column
	fields.Content = append([]*yaml.Node{key, &name}, fields.Content...)
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: item.Line, Column: item.Column,
		Content: []*yaml.Node{kind, fields}}
}

// fieldsOf returns a copy of the fields of a check. The list of accepted_values may stand
// alone.
func (r *reader) fieldsOf(kind string, n *yaml.Node) *yaml.Node {
	fields := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column}
	switch {
	case isNull(n):
	case n.Kind == yaml.MappingNode:
		fields.Content = slices.Clone(n.Content)
	case n.Kind == yaml.SequenceNode && kind == "accepted_values":
		fields.Content = []*yaml.Node{keyNode("values", n), n}
	case n.Kind == yaml.ScalarNode && kind == "reference" && strings.Count(n.Value, ".") > 1:
		at := strings.LastIndex(n.Value, ".")
		fields.Content = []*yaml.Node{
			keyNode("to", n), keyNode(n.Value[:at], n), keyNode("field", n), keyNode(n.Value[at+1:], n),
		}
	default:
		r.wrong(n, "%s: want its fields, such as {fail: \"> 1%%\"}", kind)
		return nil
	}
	return fields
}

func keyNode(text string, at *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: at.Line, Column: at.Column}
}

// inOurWords returns an item of `checks:` with the kinds and keys of dbt replaced.
func inOurWords(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || otherKinds[n.Content[0].Value] == "" {
		return n
	}
	kind, fields := *n.Content[0], *n.Content[1]
	out := *n
	if kind.Value == "accepted_values" && fields.Kind == yaml.MappingNode {
		fields.Content = slices.Clone(fields.Content)
		for i := len(fields.Content) - 2; i >= 0; i -= 2 {
			switch key := *fields.Content[i]; key.Value {
			case "values":
				key.Value = "valid_values"
				fields.Content[i] = &key
			case "quote": // the type of the column says whether they are texts
				fields.Content = slices.Delete(fields.Content, i, i+2)
			}
		}
	}
	kind.Value = otherKinds[kind.Value]
	out.Content = []*yaml.Node{&kind, &fields}
	return &out
}

// sodaKeys are SodaCL's keys below a one-line check.
var sodaKeys = map[string]string{
	"valid values": "valid_values", "invalid values": "invalid_values", "valid format": "format", "valid regex": "pattern",
	"invalid regex": "not_pattern", "valid min": "min", "valid max": "max", "valid length": "length",
	"valid min length": "min_length", "valid max length": "max_length", "missing values": "values", "filter": "where",
}

// sodaCheck reads a one-line check with keys below it, such as
// `invalid_count(status) = 0: {valid values: [new, paid]}`. ok is false if it is none.
func (c *checkEntry) sodaCheck(r *reader, n *yaml.Node) (ok bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[1].Kind != yaml.MappingNode {
		return false
	}
	line := n.Content[0].Value
	if slices.Contains(checks.Kinds(), line) || !strings.Contains(line, "(") {
		return false
	}
	name, check, err := checks.ShortForm(line)
	if err != nil {
		return false
	}
	c.place(n)
	fields := *n.Content[1]
	fields.Content = slices.Clone(fields.Content)
	for i := 0; i < len(fields.Content); i += 2 {
		if key := *fields.Content[i]; sodaKeys[key.Value] != "" {
			key.Value = sodaKeys[key.Value]
			fields.Content[i] = &key
		}
	}
	c.kindName, c.it, c.fields = r.shared(name), check, &fields
	r.aliases(name, &fields)
	r.decode(&fields, check)
	if p, is := check.(checks.Percenter); is && strings.Contains(line, "_percent") {
		p.InPercent()
	}
	return true
}

// values reads a list of values. A null in it is left out: no row is equal to it.
func (r *reader) values(n *yaml.Node) (out checks.ValueList) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		if isNull(item) {
			const note = "%s:%d: a null in a list of values has no effect: no row is equal to it"
			r.notes = append(r.notes, fmt.Sprintf(note, r.file, item.Line))
			continue
		}
		if text, ok := r.text(item); ok {
			out = append(out, text)
		}
	}
	return out
}
