package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	sentinel "github.com/sentinel-dq/sentinel"
)

// reader walks a file's nodes and collects mistakes instead of stopping.
type reader struct {
	file     string
	dir      string
	env      func(string) (string, bool)
	source   []byte
	lines    []string
	secrets  []string // values that no message may show
	mistakes []Mistake
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
	for i := range r.mistakes { // again: a secret may be read after a mistake on its line
		r.mistakes[i].Message, r.mistakes[i].Source = r.mask(r.mistakes[i].Message), r.mask(r.mistakes[i].Source)
	}
	return &Errors{List: slices.Compact(r.mistakes)}
}

// wrong notes a mistake at a node.
func (r *reader) wrong(n ast.Node, format string, args ...any) {
	line, column := 1, 1
	if n != nil {
		// A mapping's own token is its first colon; people look for its key.
		if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
			n = m.Values[0].Key
		}
		line, column = position(n.GetToken())
	}
	r.wrongAt(line, column, fmt.Sprintf(format, args...))
}

func (r *reader) wrongAt(line, column int, message string) {
	m := Mistake{File: r.file, Line: max(1, line), Column: max(1, column), Message: r.mask(message)}
	if line >= 1 && line <= len(r.lines) {
		m.Source = r.mask(strings.TrimRight(maskLine(r.lines[line-1]), " \t"))
	}
	r.mistakes = append(r.mistakes, m)
}

var secretKey = regexp.MustCompile(`^(\s*-?\s*)(\w*(?:dsn|token|password|secret|url)):(\s*)\S.*$`)

// maskLine hides the value of a key that holds a secret.
func maskLine(line string) string { return secretKey.ReplaceAllString(line, "$1$2:$3***") }

// userInfo is the user and password of an address: postgres://u:pw@host or
// u:pw@tcp(host).
var userInfo = regexp.MustCompile(`://[^/\s"']*@|[^\s"',{]*:[^\s"']*@(tcp|unix)\(`)

func (r *reader) mask(s string) string {
	s = userInfo.ReplaceAllStringFunc(s, func(m string) string {
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

// parse reads the syntax. It answers nil after noting a mistake.
func (r *reader) parse(data []byte) *ast.MappingNode {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for i, line := range r.lines {
		if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(indent, "\t") {
			r.wrongAt(i+1, strings.Index(indent, "\t")+1, "a tab in the indentation: YAML wants spaces")
		}
	}
	if len(r.mistakes) > 0 {
		return nil
	}
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		r.syntax(err)
		return nil
	}
	if len(f.Docs) > 1 {
		r.wrong(f.Docs[1].Body, "a second document: keep one in the file")
		return nil
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil || f.Docs[0].Body.Type() == ast.NullType || f.Docs[0].Body.Type() == ast.CommentType {
		r.wrongAt(1, 1, "the file is empty: want `warehouses:` and `datasets:`")
		return nil
	}
	for _, n := range ast.Filter(ast.AliasType, f.Docs[0].Body) {
		r.wrong(n, "aliases are not used here: put what is shared under `defaults:`")
		return nil
	}
	m, ok := f.Docs[0].Body.(*ast.MappingNode)
	if !ok {
		r.wrong(f.Docs[0].Body, "want keys such as `warehouses:` and `datasets:` at the top")
		return nil
	}
	return m
}

// syntax takes position and words out of the parser's error.
func (r *reader) syntax(err error) {
	var y yaml.Error
	if errors.As(err, &y) {
		line, column := position(y.GetToken())
		r.wrongAt(line, column, y.GetMessage())
		return
	}
	r.wrongAt(1, 1, err.Error())
}

func position(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 1, 1
	}
	return t.Position.Line, t.Position.Column
}

// cut ends the chain of tokens between the items of a list. The library walks
// the whole chain around each value that decodes itself from text: uncut that is
// the whole file every time, and loading takes the square of its size.
func cut(list *ast.SequenceNode) {
	for _, e := range list.Entries {
		if start := e.Start; start != nil && start.Prev != nil {
			start.Prev.Next, start.Prev = nil, nil
		}
	}
}

// field is one key of a mapping.
type field struct {
	name  string
	key   ast.Node
	value ast.Node
}

// fields returns a mapping's keys; anything else is a mistake.
func (r *reader) fields(n ast.Node, want string) []field {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.wrong(n, "want %s", want)
		return nil
	}
	out := make([]field, 0, len(m.Values))
	for _, v := range m.Values {
		out = append(out, field{keyText(v.Key), v.Key, v.Value})
	}
	return out
}

func keyText(k ast.Node) string { return strings.Trim(k.GetToken().Value, `"'`) }

func isNull(n ast.Node) bool { return n == nil || n.Type() == ast.NullType }

// decode decodes a node into v, expanding ${VAR} in its texts first. Mistakes
// are noted with their place; it reports whether there were none.
func (r *reader) decode(n ast.Node, v any) bool {
	before := len(r.mistakes)
	r.expand(n)
	if len(r.mistakes) > before {
		return false
	}
	if err := yaml.NodeToValue(n, v, yaml.Strict()); err != nil {
		r.decodeError(n, err, v)
		return false
	}
	return true
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

func (r *reader) decodeError(n ast.Node, err error, v any) {
	var y yaml.Error
	line, column := position(n.GetToken())
	message := err.Error()
	if errors.As(err, &y) {
		if y.GetToken() != nil {
			line, column = position(y.GetToken())
		}
		message = y.GetMessage()
	} else if at := firstValue(n); at != nil {
		line, column = position(at.GetToken())
	}
	if m := unknownField.FindStringSubmatch(message); m != nil {
		message = unknownWord("key", m[1], knownKeys(reflect.TypeOf(v)))
	}
	if m := wrongType.FindStringSubmatch(message); m != nil {
		message = "want " + typeWords[m[1]]
	}
	r.wrongAt(line, column, strings.TrimSpace(message))
}

var wrongType = regexp.MustCompile(`Go (?:value|struct field \S+) of type (?:\S+\.)?(int|int64|bool|string|float64)$`)

var typeWords = map[string]string{"int": "a whole number", "int64": "a whole number", "bool": "true or false", "string": "a text", "float64": "a number"}

func firstValue(n ast.Node) ast.Node {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return m.Values[0]
	}
	return n
}

// knownKeys lists the yaml names of a struct and of what it inlines, nested
// ones too: the message does not tell which level the word stood on.
func knownKeys(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case options == "inline":
			out = append(out, knownKeys(f.Type)...)
		case name != "":
			out = append(out, name)
		}
	}
	return out
}

var variable = regexp.MustCompile(`\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// expand replaces ${VAR} and ${VAR:-default} in all texts below a node. $$ is
// a dollar sign.
func (r *reader) expand(n ast.Node) {
	ast.Walk(expander{r}, n)
}

type expander struct{ r *reader }

// Visit implements ast.Visitor.
func (e expander) Visit(n ast.Node) ast.Visitor {
	s, ok := n.(*ast.StringNode)
	if !ok || !strings.Contains(s.Value, "$") {
		return e
	}
	s.Value = variable.ReplaceAllStringFunc(s.Value, func(m string) string {
		if m == "$$" {
			return "$"
		}
		parts := variable.FindStringSubmatch(m)
		value, set := e.r.env(parts[1])
		switch {
		case set && value != "":
			e.r.secrets = append(e.r.secrets, value)
			return value
		case parts[2] != "":
			return parts[3]
		}
		state := "is not set"
		if set {
			state = "is empty"
		}
		e.r.wrong(n, "the environment variable %s %s: set it, or write ${%s:-default}", parts[1], state, parts[1])
		return ""
	})
	return e
}

// text reads a scalar as text.
func (r *reader) text(n ast.Node) (string, bool) {
	var s string
	switch n.(type) {
	case *ast.MappingNode, *ast.SequenceNode:
		r.wrong(n, "want a text")
		return "", false
	}
	if plain, ok := n.(*ast.StringNode); ok && !strings.Contains(plain.Value, "$") {
		return plain.Value, true
	}
	ok := r.decode(n, &s)
	return s, ok
}

// secretFile reads a secret from a file named in the configuration.
func (r *reader) secretFile(n ast.Node) (sentinel.Secret, bool) {
	path, ok := r.text(n)
	if !ok {
		return "", false
	}
	data, err := os.ReadFile(r.path(path))
	if err != nil {
		r.wrong(n, "%v", err)
		return "", false
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		r.wrong(n, "the file %s is empty", path)
		return "", false
	}
	r.secrets = append(r.secrets, secret)
	return sentinel.Secret(secret), true
}

// path resolves a path against the file's directory.
func (r *reader) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}
