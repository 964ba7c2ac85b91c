package importers

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// Parse reads a file of one or several documents, YAML or JSON, whose roots are mappings.
func Parse(f File) (roots []*yaml.Node, err error) {
	d := yaml.NewDecoder(strings.NewReader(string(f.Data)))
	for {
		var doc yaml.Node
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
			roots = append(roots, doc.Content[0])
		}
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%s: the file has no keys: is it the right one?", f.Name)
	}
	return roots, nil
}

// Pair is a key of a mapping with its value.
type Pair struct {
	Name  string
	Key   *yaml.Node
	Value *yaml.Node
}

// Pairs returns the keys and values of a mapping, and none of another node.
func Pairs(n *yaml.Node) (out []Pair) {
	if n = resolved(n); n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag == "!!merge" {
			out = append(out, Pairs(n.Content[i+1])...)
			continue
		}
		out = append(out, Pair{n.Content[i].Value, n.Content[i], resolved(n.Content[i+1])})
	}
	return out
}

func resolved(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// Under returns the value below a path of keys, or nil.
func Under(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		pairs := Pairs(n)
		at := slices.IndexFunc(pairs, func(p Pair) bool { return p.Name == key })
		if at < 0 {
			return nil
		}
		n = pairs[at].Value
	}
	return n
}

// Items returns the items of a list; none of another node.
func Items(n *yaml.Node) []*yaml.Node {
	if n = resolved(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out := slices.Clone(n.Content)
	for i := range out {
		out[i] = resolved(out[i])
	}
	return out
}

// IsNull reports whether a node is null or missing.
func IsNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// Word returns a scalar's text; "" for another node and for null.
func Word(n *yaml.Node) string {
	if n = resolved(n); n == nil || n.Kind != yaml.ScalarNode || IsNull(n) {
		return ""
	}
	return n.Value
}

// Words returns the texts of a list, or of one scalar.
func Words(n *yaml.Node) (out []string) {
	if n = resolved(n); n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, item := range Items(n) {
		out = append(out, cmp.Or(Word(item), item.Value))
	}
	return out
}

// At returns the place of a node.
func (f File) At(n *yaml.Node) Place {
	if n == nil {
		return Place{File: f.Name}
	}
	return Place{f.Name, n.Line}
}
