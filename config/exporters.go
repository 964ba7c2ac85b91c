package config

// exporters validates the items of `exporters:`.
func (r *reader) exporters(entries []exporterEntry) (out []Exporter) {
	for _, e := range entries {
		if e.it == nil || r.isWrong(e.node) {
			continue
		}
		r.resolvePaths(e.it)
		if err := e.it.Validate(); r.invalid(e.fields, e.fields, e.kindName, err) {
			continue
		}
		out = append(out, Exporter{e.kindName, e.it})
	}
	return out
}
