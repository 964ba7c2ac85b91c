package config

import (
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/settings"
)

// exporters reads `exporters:`, a list with one kind an item.
func (r *reader) exporters(n *yaml.Node) (out []Exporter) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "want a list of exporters such as `- jsonl: {file: results.jsonl}`")
		return nil
	}
	for _, item := range n.Content {
		fields := r.fields(item, "a kind such as `jsonl:` with its fields")
		if len(fields) != 1 {
			r.wrong(item, "an exporter is one kind with its fields, such as `- jsonl: {file: results.jsonl}`")
			continue
		}
		f := fields[0]
		e, err := exporters.New(f.name)
		if err != nil {
			r.wrong(f.key, "%s", settings.UnknownWord("exporter", f.name, exporters.Kinds()))
			continue
		}
		if !isNull(f.value) && !r.decode(f.value, e) {
			continue
		}
		switch e := e.(type) { // paths start from the file's folder
		case *exporters.JSONL:
			e.File = r.optionalPath(e.File)
		case *exporters.CloudWatch:
			e.File = r.optionalPath(e.File)
		}
		if err := e.Validate(); err != nil {
			r.invalid(f.value, f.value, f.name, err)
			continue
		}
		out = append(out, Exporter{f.name, e})
	}
	return out
}

func (r *reader) optionalPath(p string) string {
	if p == "" {
		return ""
	}
	return r.path(p)
}

// exporterSchema is an item of `exporters:`.
func exporterSchema() object {
	properties := object{}
	for _, kind := range exporters.Kinds() {
		e, err := exporters.New(kind)
		if err != nil {
			panic(err) // listed by the registry
		}
		properties[kind] = object{"anyOf": []any{schemaOf(reflect.TypeOf(e).Elem()), object{"type": "null"}}}
	}
	o := closed(properties)
	o["minProperties"], o["maxProperties"] = 1, 1
	return o
}
