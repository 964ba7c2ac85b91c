package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// reader reads the nodes of a file, and collects all mistakes.
type reader struct {
	file     string
	dir      string
	env      func(string) (string, bool)
	source   []byte
	secrets  []string // values that messages must mask
	mistakes []Mistake
	notes    []string // warnings from before there is a Config
	root     *yaml.Node
	bad      map[*yaml.Node]bool // nodes with a mistake
	// unknownValues are the columns at which values of unknown keys begin, by line: the name of a
	// key that holds a secret may be mistyped.
	unknownValues map[int][]int
	needed        needs
	key           string              // top-level key that is being decoded
	unread        map[*yaml.Node]bool // nodes whose value is not needed, and was not read

	schedules map[cron]parsed
	words     map[string]string // values returned by shared
	sources   map[string]secrets.Source
}

// cron is an expression with its zone, which schedule.Zone returned.
type cron struct {
	expr string
	zone *time.Location
}

type parsed struct {
	schedule.Schedule
	ambiguous bool
}

// shared returns one copy of a word that many datasets have, such as an owner.
func (r *reader) shared(word string) string {
	if _, known := r.words[word]; !known {
		r.words[word] = word
	}
	return r.words[word]
}

func splitLines(data []byte) []string {
	return strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
}

func (r *reader) errors() error {
	slices.SortStableFunc(r.mistakes, func(a, b Mistake) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	lines := splitLines(r.source)
	hidden := hiddenLines(lines)
	for i := range r.mistakes { // at the end: a secret may be read after a mistake on its line
		m := &r.mistakes[i]
		m.Message = r.mask(m.Message)
		if m.Line <= len(lines) {
			line := maskColumns(lines[m.Line-1], r.unknownValues[m.Line])
			m.Source = r.mask(strings.TrimRight(maskLine(line, hidden[m.Line-1]), " \t"))
		}
	}
	return &Errors{List: slices.Compact(r.mistakes)}
}

// wrong records a mistake at a node, unless its value was not read. A value that is wrong
// already has one message: a second one would be a consequence of the first.
func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	if r.unread[n] || n != nil && n.Kind != yaml.MappingNode && r.isWrong(n) {
		return
	}
	line, column := 1, 1
	if n != nil {
		r.bad[n] = true
		line, column = n.Line, n.Column
	}
	r.wrongAt(line, column, fmt.Sprintf(format, args...))
}

// isWrong reports whether n or a node below it has a mistake.
func (r *reader) isWrong(n *yaml.Node) bool {
	if len(r.bad) == 0 || n == nil {
		return false
	}
	return r.bad[n] || slices.ContainsFunc(n.Content, r.isWrong)
}

func (r *reader) wrongAt(line, column int, message string) {
	m := Mistake{File: r.file, Line: max(1, line), Column: max(1, column), Message: r.mask(message)}
	r.mistakes = append(r.mistakes, m)
}

// pattern compiles an expression at its first use, because most runs need none.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// userInfo matches user and password of an address: postgres://u:pw@host or
// u:pw@tcp(host).
var userInfo = pattern(`://[^/\s"']*@|[^\s"',{]*:[^\s"']*@(tcp|unix)\(`)

func (r *reader) mask(s string) string {
	s = userInfo().ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "://") {
			return "://***@"
		}
		return "***" + m[strings.LastIndex(m, "@"):]
	})
	for _, secret := range r.secrets {
		if len(secret) > 3 {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return s
}

// parse parses the YAML. It returns nil after a syntax error.
func (r *reader) parse(data []byte) *yaml.Node {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	number := 0
	for line := range bytes.Lines(r.source) {
		number++
		if text := bytes.TrimLeft(line, " "); bytes.HasPrefix(text, []byte{'\t'}) {
			r.wrongAt(number, len(line)-len(text)+1, "a tab in the indentation: YAML wants spaces")
		}
	}
	if len(r.mistakes) > 0 {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		r.wrongAt(1, 1, "the file is empty: want `warehouses:` and `datasets:`")
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		r.wrong(&second, "a second document: keep one in the file")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	root := doc.Content[0]
	if n := aliasIn(root); n != nil {
		r.wrong(n, "aliases are not used here: put what is shared under `defaults:`")
		return nil
	}
	r.notYAML(root)
	if len(r.mistakes) > 0 {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		r.wrong(root, "want keys such as `warehouses:` and `datasets:` at the top")
		return nil
	}
	return root
}

func aliasIn(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n
	}
	for _, c := range n.Content {
		if a := aliasIn(c); a != nil {
			return a
		}
	}
	return nil
}

// syntax records the parser's error at its position.
func (r *reader) syntax(err error) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		r.wrongAt(1, 1, err.Error())
		return
	}
	message := load.Message
	if began := load.ContextMark.Line; began > 0 && began < load.Mark.Line {
		message += fmt.Sprintf(" to end what begins in line %d", began)
	}
	message = cmp.Or(r.unquoted(load.Mark.Line, load.Mark.Column), message+yamlAdvice(message))
	r.wrongAt(load.Mark.Line, load.Mark.Column, message)
}

// field is one key of a mapping.
type field struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// fields returns the keys of a mapping. Another node and a duplicate key are mistakes.
func (r *reader) fields(n *yaml.Node, want string) []field {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "want %s", want)
		return nil
	}
	out := make([]field, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		f := field{n.Content[i].Value, n.Content[i], n.Content[i+1]}
		if f.key.Kind != yaml.ScalarNode {
			r.wrong(f.key, "want a word as key")
			continue
		}
		if j := slices.IndexFunc(out, func(o field) bool { return o.name == f.name }); j >= 0 {
			r.wrong(f.key, "the key %q stands here and in line %d: keep one", f.name, out[j].key.Line)
			continue
		}
		out = append(out, f)
	}
	return out
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

var variable = pattern(`\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// text reads a scalar as text, with ${VAR} and ${VAR:-default} replaced. $$ is
// a dollar sign.
func (r *reader) text(n *yaml.Node) (string, bool) {
	switch n.Kind {
	case yaml.MappingNode:
		r.wrong(n, "want a text: put one that begins with { or has a colon in quotes")
		return "", false
	case yaml.SequenceNode:
		r.wrong(n, "want one text, not a list: put one that begins with [ in quotes")
		return "", false
	}
	if !strings.Contains(n.Value, "$") {
		return n.Value, true
	}
	before := len(r.mistakes)
	out := variable().ReplaceAllStringFunc(n.Value, func(m string) string { return r.variable(n, m) })
	return out, len(r.mistakes) == before
}

func (r *reader) variable(n *yaml.Node, m string) string {
	if m == "$$" {
		return "$"
	}
	parts := variable().FindStringSubmatch(m)
	value, set := r.env(parts[1])
	switch {
	case set && value != "":
		r.secrets = append(r.secrets, value)
		return value
	case parts[2] != "":
		return parts[3]
	}
	if !r.valuesNeeded() {
		r.unread[n] = true
		return ""
	}
	state := "is not set"
	if set {
		state = "is empty"
	}
	r.wrong(n, "the environment variable %s %s: set it, or write ${%s:-default}", parts[1], state, parts[1])
	return ""
}

// path resolves a path against the file's directory.
func (r *reader) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}

// optionalPath is as path, but leaves an empty path empty.
func (r *reader) optionalPath(p string) string {
	if p == "" {
		return ""
	}
	return r.path(p)
}

// resolvePaths makes the names of files in a kind's configuration absolute.
func (r *reader) resolvePaths(kind any) {
	if f, ok := kind.(settings.FileUser); ok {
		for _, path := range f.Files() {
			*path = r.optionalPath(*path)
		}
	}
}
