package config

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// Excerpt is the entry of a dataset in the file, for people.
type Excerpt struct {
	File string // its name without the folder
	Line int    // from 1
	Text string // the lines without secrets; "" if the file has changed since it was read
}

// Excerpt returns the entry that applies to a table; ok is false if there is none. It reads the
// file again.
func (c *Config) Excerpt(t sentinel.Table) (e Excerpt, ok bool, err error) {
	line := c.lineOf(t)
	if line == 0 {
		return e, false, nil
	}
	e = Excerpt{File: filepath.Base(c.path), Line: line}
	data, err := os.ReadFile(c.path)
	if err != nil {
		return e, true, fmt.Errorf("reading the configuration again: %w", err)
	}
	if sha256.Sum256(data) == c.sum {
		e.Text = entryAt(splitLines(data), line)
	}
	return e, true, nil
}

// lineOf returns the line of a table's own entry, or else of the first that matches it; 0: there
// is none.
func (c *Config) lineOf(t sentinel.Table) (loose int) {
	for i := range c.Datasets {
		d := &c.Datasets[i]
		if d.Table == t {
			return d.Line
		}
		inexact := d.Pattern.Wild() || d.Table.Schema == ""
		if loose == 0 && inexact && sentinel.MatchTable(d.Pattern.String(), t) {
			loose = d.Line
		}
	}
	return loose
}

// entryAt returns the item of a list that begins on a line, without secrets.
func entryAt(lines []string, line int) string {
	if line > len(lines) {
		return ""
	}
	hidden := hiddenLines(lines)
	begin := line - 1
	indent := indentOf(lines[begin])
	out := []string{maskLine(lines[begin], hidden[begin])}
	for i := begin + 1; i < len(lines); i++ {
		text := strings.TrimSpace(lines[i])
		if text != "" && !strings.HasPrefix(text, "#") && indentOf(lines[i]) <= indent {
			break
		}
		out = append(out, maskLine(lines[i], hidden[i]))
	}
	for i, l := range out {
		out[i] = strings.TrimRight(l[min(indent, indentOf(l)):], " \t")
	}
	for len(out) > 0 && (out[len(out)-1] == "" || strings.HasPrefix(strings.TrimSpace(out[len(out)-1]), "#")) {
		out = out[:len(out)-1]
	}
	return strings.Join(out, "\n")
}
