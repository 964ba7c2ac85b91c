package config

import "github.com/sentinel-dq/sentinel/exporters"

// exporters validates the items of `exporters:`.
func (r *reader) exporters(entries []exporterEntry) (out []Exporter) {
	for _, e := range entries {
		if e.it == nil || r.isWrong(e.node) {
			continue
		}
		switch x := e.it.(type) { // paths start from the file's folder
		case *exporters.JSONL:
			x.File = r.optionalPath(x.File)
		case *exporters.CloudWatch:
			x.File = r.optionalPath(x.File)
		}
		if err := e.it.Validate(); err != nil {
			r.invalid(e.fields, e.fields, e.kindName, err)
			continue
		}
		out = append(out, Exporter{e.kindName, e.it})
	}
	return out
}

func (r *reader) optionalPath(p string) string {
	if p == "" {
		return ""
	}
	return r.path(p)
}
