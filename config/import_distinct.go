package config

import (
	"fmt"
	"slices"
	"strings"
)

// distinct gives a check an id where another one of its table would have the same. A check
// that is there already is none.
func (s *source) distinct(table, line string, e *entry) []string {
	same := table + "/" + e.kind
	for _, f := range e.fields {
		key, value, _ := strings.Cut(f, ": ")
		switch key {
		case "id", "name", "column", "where":
			same += "/" + value
		case "anomaly", "change", "columns":
			same += "/" + key
		}
	}
	if s.written == nil {
		s.written = map[string][]string{}
	}
	text, before := e.String(), s.written[same]
	if slices.Contains(before, text) {
		return nil
	}
	s.written[same] = append(before, text)
	if len(before) > 0 {
		id := table + "/" + line
		if n := len(s.written[id]) + 1; n > 1 {
			id += fmt.Sprintf(" (%d)", n)
		}
		s.written[table+"/"+line] = append(s.written[table+"/"+line], text)
		e.fields = slices.DeleteFunc(e.fields, func(f string) bool { return strings.HasPrefix(f, "id: ") })
		e.set("id", quoted(id))
	}
	return []string{e.String()}
}
