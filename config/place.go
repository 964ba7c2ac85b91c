package config

import (
	"cmp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/settings"
)

// invalid records the mistakes that a Validate method found in a value decoded from n,
// each at the position of its field. A mistake whose field is not in the file has the
// position of otherwise. what names the struct in messages, and may be empty. It reports
// whether it recorded one: what is wrong with a value that was not read is none.
func (r *reader) invalid(n, otherwise *yaml.Node, what string, err error) bool {
	before := len(r.mistakes)
	if what != "" {
		what += ": "
	}
	for _, e := range settings.Fields(err) {
		r.wrong(nodeOf(n, otherwise, e.Field), "%s%s", what, e)
	}
	return len(r.mistakes) > before
}

// nodeOf follows the path of a field, such as change.fail, columns[2].type or
// env["HOME"], as far as the file contains it.
func nodeOf(n, otherwise *yaml.Node, path string) *yaml.Node {
	found := otherwise
	for path != "" && n != nil {
		var step string
		step, path = nextStep(path)
		at := n
		if n = child(at, step); n == nil {
			n = cmp.Or(child(at, step+settings.FileSuffix), child(at, step+settings.CommandSuffix))
		}
		if n != nil {
			found = n
		}
	}
	return found
}

// nextStep cuts the first key or [index] from a path.
func nextStep(path string) (step, rest string) {
	path = strings.TrimPrefix(path, ".")
	if quoted, err := strconv.QuotedPrefix(strings.TrimPrefix(path, "[")); err == nil {
		key, err := strconv.Unquote(quoted)
		if err == nil {
			return key, strings.TrimPrefix(path[1+len(quoted):], "]")
		}
	}
	if strings.HasPrefix(path, "[") {
		step, rest, _ = strings.Cut(path, "]")
		return step, rest
	}
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		return path, ""
	}
	return path[:end], path[end:]
}

// child returns the value of a key or the item of an index. A single value counts as a
// list of one.
func child(n *yaml.Node, step string) *yaml.Node {
	index, isIndex := strings.CutPrefix(step, "[")
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if isIndex && strconv.Itoa(i/2) == index || n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(index); isIndex && err == nil && i < len(n.Content) {
			return n.Content[i]
		}
	case yaml.ScalarNode:
		if isIndex && index == "0" {
			return n
		}
	}
	return nil
}

// given reports whether a mapping has a key, also as null.
func given(n *yaml.Node, key string) bool {
	return n != nil && n.Kind == yaml.MappingNode && child(n, key) != nil
}

// keysWrong reports whether a mapping has an unknown key, which may be the one that is missing.
func (r *reader) keysWrong(n *yaml.Node) bool {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if r.bad[n.Content[i]] {
			return true
		}
	}
	return false
}

// keyOf returns the node of a name under a key of the file.
func (r *reader) keyOf(block, name string) *yaml.Node {
	n := child(r.root, block)
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i]
		}
	}
	return r.root
}
