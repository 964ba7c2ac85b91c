package config

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
)

// Excerpt is the entry of a dataset in the file, for people.
type Excerpt struct {
	File string // its name without the folder
	Line int    // from 1
	Text string // the lines without secrets; "" if they are not shown
	Old  bool   // the file has changed since it was read, and is not shown
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
	if e.Old = sha256.Sum256(data) != c.sum; !e.Old {
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

// entryAt returns the item of a list that begins on a line, without lines that are comments and
// without what may hold a secret. What
// cannot be read by itself, such as one with an alias, is not shown: the result is "".
func entryAt(lines []string, line int) string {
	if line > len(lines) {
		return ""
	}
	begin, end := line-1, line
	indent := indentOf(lines[begin])
	for ; end < len(lines); end++ {
		text := strings.TrimSpace(lines[end])
		if text != "" && !strings.HasPrefix(text, "#") && indentOf(lines[end]) <= indent {
			break
		}
	}
	var out []string
	for _, l := range lines[begin:end] {
		if !strings.HasPrefix(strings.TrimSpace(l), "#") {
			out = append(out, strings.TrimRight(l[min(indent, indentOf(l)):], " \t"))
		}
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return withoutSecrets(out)
}

// secretKey matches keys whose value may hold a secret.
var secretKey = pattern(`(?i)(dsn|token|password|secret|headers?|url|_key|command|env)$`)

// secretText matches texts that hold a secret, such as the address of a server with a password.
var secretText = pattern(`(?i)(password|passwd|token|secret)\s*[=:]|://[^/\s]*@`)

// withoutSecrets returns the lines of an item without the actions of its repairs, which hold
// addresses and tokens. It returns "" if another key may hold a secret too.
func withoutSecrets(lines []string) string {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(strings.Join(lines, "\n")), &doc); err != nil {
		return ""
	}
	if len(doc.Content) != 1 || len(doc.Content[0].Content) != 1 {
		return ""
	}
	item := doc.Content[0].Content[0]
	if item.Kind != yaml.MappingNode {
		return ""
	}
	var out []string
	next := 0 // the first line that is not copied yet
	for i := 0; i+1 < len(item.Content); i += 2 {
		key := item.Content[i]
		if key.Value != "repair" {
			if mayHoldSecrets(key, item.Content[i+1]) {
				return ""
			}
			continue
		}
		first, last := key.Line-1, len(lines)
		if i+2 < len(item.Content) {
			last = item.Content[i+2].Line - 1
		}
		if first < next || last <= first || first == 0 { // on a line with other keys
			return ""
		}
		out = append(append(out, lines[next:first]...), strings.Repeat(" ", key.Column-1)+"repair: # see the file")
		next = last
	}
	return strings.Join(append(out, lines[next:]...), "\n")
}

// mayHoldSecrets reports whether a key, or one below it, may hold a secret, or whether a text or a
// comment of its value does.
func mayHoldSecrets(key, value *yaml.Node) bool {
	if secretKey().MatchString(key.Value) || value.Kind == yaml.AliasNode {
		return true
	}
	for _, n := range []*yaml.Node{key, value} {
		for _, text := range []string{n.Value, n.HeadComment, n.LineComment, n.FootComment} {
			if secretText().MatchString(text) {
				return true
			}
		}
	}
	for i, n := range value.Content {
		switch {
		case value.Kind != yaml.MappingNode && mayHoldSecrets(&yaml.Node{}, n):
			return true
		case value.Kind == yaml.MappingNode && i%2 == 0 && mayHoldSecrets(n, value.Content[i+1]):
			return true
		}
	}
	return false
}
