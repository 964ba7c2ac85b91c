package config

import (
	"context"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// sourceKey reads a key such as url_file or url_command of a mapping into the field v of
// the secret key, which may have a value already.
func (r *reader) sourceKey(mapping *yaml.Node, f field, k settings.Key, v reflect.Value) {
	read := r.commandSecret
	if strings.HasSuffix(k.Name, settings.FileSuffix) {
		read = r.fileSecret
	}
	switch v.Kind() {
	case reflect.Slice:
		for _, item := range r.sourceItems(f.value, k) {
			if s, ok := read(item); ok {
				v.Set(reflect.Append(v, reflect.ValueOf(s)))
			}
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for _, item := range r.fields(f.value, "a mapping of names, as in "+k.ValueOf+": write each name and a colon") {
			if v.MapIndex(reflect.ValueOf(item.name)).IsValid() {
				r.wrong(item.key, "%s has a value in another key already: keep one", item.name)
			} else if s, ok := read(item.value); ok {
				v.SetMapIndex(reflect.ValueOf(item.name), reflect.ValueOf(s))
			}
		}
	default:
		for _, other := range settings.SecretKeys(k.ValueOf) {
			if n := child(mapping, other); other != k.Name && n != nil && !isNull(n) {
				r.wrong(f.value, "%s and %s both set it: keep one", k.Name, other)
				return
			}
		}
		if s, ok := read(f.value); ok {
			v.Set(reflect.ValueOf(s))
		}
	}
}

// sourceItems returns the files or commands of a list of secrets.
func (r *reader) sourceItems(n *yaml.Node, k settings.Key) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	if strings.HasSuffix(k.Name, settings.FileSuffix) {
		return n.Content
	}
	for _, item := range n.Content {
		if item.Kind == yaml.ScalarNode && !strings.Contains(item.Value, " ") {
			r.wrong(n, "%s: want a list of commands, each a list of its words: [[vault, read, a], [vault, read, b]]", k.Name)
			return nil
		}
	}
	return n.Content
}

// fileSecret reads a secret from the file that a node names.
func (r *reader) fileSecret(n *yaml.Node) (sentinel.Secret, bool) {
	if s, skipped := r.skipSource(n); skipped {
		return s, true
	}
	path, ok := r.text(n)
	if !ok {
		return sentinel.Secret{}, false
	}
	if path == "" {
		r.wrong(n, "want the path of a file")
		return sentinel.Secret{}, false
	}
	path = r.path(path)
	return r.secretFrom(n, "file "+path, func() (secrets.Source, error) { return secrets.OpenFile(path) })
}

// commandSecret runs the command of a node for a secret.
func (r *reader) commandSecret(n *yaml.Node) (sentinel.Secret, bool) {
	if s, skipped := r.skipSource(n); skipped {
		return s, true
	}
	words := r.command(n)
	if len(words) == 0 {
		return sentinel.Secret{}, false
	}
	return r.secretFrom(n, "command "+strings.Join(words, "\x00"), func() (secrets.Source, error) {
		return secrets.RunCommand(context.Background(), words, r.dir)
	})
}

// secretFrom opens a source once, however many keys name it.
func (r *reader) secretFrom(n *yaml.Node, name string, open func() (secrets.Source, error)) (sentinel.Secret, bool) {
	s, known := r.sources[name]
	if !known {
		var err error
		if s, err = open(); err != nil {
			r.wrong(n, "%v", err)
			return sentinel.Secret{}, false
		}
		r.sources[name] = s
	}
	r.secrets = append(r.secrets, s.Current())
	return sentinel.SecretFrom(s), true
}

// command reads a list of words, or a text that is split at blanks.
func (r *reader) command(n *yaml.Node) (words settings.Command) {
	if n.Kind != yaml.SequenceNode {
		text, ok := r.text(n)
		if !ok {
			return nil
		}
		words, err := secrets.SplitCommand(text)
		if err != nil {
			r.wrong(n, "%v", err)
		}
		return words
	}
	for _, item := range n.Content {
		word, ok := r.text(item)
		if !ok {
			return nil
		}
		words = append(words, word)
	}
	if len(words) == 0 || words[0] == "" {
		r.wrong(n, "want a program and its arguments")
		return nil
	}
	return words
}
