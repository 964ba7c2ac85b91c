package sentinel

import (
	"strings"
	"time"
	"unicode"
)

// Sample holds some of the rows that a check found bad, when it turned bad. It has the
// columns that the configuration lists, and no other.
type Sample struct {
	Incident string         `json:"incident"`
	Check    string         `json:"check"`
	Table    Table          `json:"dataset"`
	Taken    time.Time      `json:"taken"`
	Columns  []SampleColumn `json:"columns,omitempty"`
	Rows     [][]*string    `json:"rows,omitempty"` // values in the order of Columns, masked; nil is NULL
	// Note says why there are no rows; "" if there are.
	Note string `json:"note,omitempty"`
	// Keep is how long the sample is kept after its incident is resolved.
	Keep time.Duration `json:"keep"`
}

// SampleColumn is one column of a sample.
type SampleColumn struct {
	Name string `json:"name"`
	Key  bool   `json:"key,omitempty"`  // it is in the table's primary key
	Mask string `json:"mask,omitempty"` // hash, length, shape or null; "" for the values as they are
}

// Discreet returns the sample with its keys and masked columns alone.
func (s Sample) Discreet() Sample {
	out := s
	out.Columns, out.Rows = nil, nil
	var kept []int
	for i, c := range s.Columns {
		if c.Key || c.Mask != "" {
			kept = append(kept, i)
			out.Columns = append(out.Columns, c)
		}
	}
	if len(kept) == 0 {
		return out
	}
	for _, row := range s.Rows {
		cells := make([]*string, len(kept))
		for i, at := range kept {
			cells[i] = row[at]
		}
		out.Rows = append(out.Rows, cells)
	}
	return out
}

// Lines writes each row in one line: "id = 17, email = 3f2a0c9d11b4 (hash)".
func (s Sample) Lines() []string {
	var lines []string
	for _, row := range s.Rows {
		line := ""
		for i, c := range s.Columns {
			value := "NULL"
			if row[i] != nil {
				value = strings.Map(inLine, *row[i])
			}
			if line != "" {
				line += ", "
			}
			line += c.Name + " = " + value
			if c.Mask != "" {
				line += " (" + c.Mask + ")"
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// inLine keeps a value in its line.
func inLine(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
