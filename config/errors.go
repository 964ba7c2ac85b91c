package config

import (
	"fmt"
	"strings"
)

// Mistake is one thing wrong with a file.
type Mistake struct {
	File         string
	Line, Column int // from 1
	Message      string
	Source       string // text of the line, with secrets masked
}

// Errors holds all mistakes of a file, in order of lines.
type Errors struct{ List []Mistake }

// Error lists every mistake as file:line:column with its source line.
func (e *Errors) Error() string {
	var b strings.Builder
	for i, m := range e.List {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", m.File, m.Line, m.Column, m.Message)
		if m.Source != "" {
			fmt.Fprintf(&b, "\n    %s\n    %s^", m.Source, strings.Repeat(" ", max(0, m.Column-1)))
		}
	}
	if n := len(e.List); n > 1 {
		fmt.Fprintf(&b, "\n%d mistakes", n)
	}
	return b.String()
}
