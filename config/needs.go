package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// needs says which secrets of a file are read.
type needs struct {
	keys []string // top-level keys whose secrets are read
	some bool     // only those of keys; false: all are
}

// unread is a secret that was not read.
type unread struct {
	before string // the text before its first variable
}

// Current implements sentinel.SecretSource.
func (*unread) Current() string { return "" }

// secretsNeeded reports whether the secrets of the key that is being decoded are read.
func (r *reader) secretsNeeded() bool {
	return !r.needed.some || slices.Contains(r.needed.keys, r.key)
}

// valuesNeeded is as secretsNeeded, for what is no secret. Datasets are always read whole.
func (r *reader) valuesNeeded() bool {
	return r.key == "datasets" || r.key == "defaults" || r.secretsNeeded()
}

// skipSource returns the secret of a node that names a file or command, if it is not read.
func (r *reader) skipSource(n *yaml.Node) (sentinel.Secret, bool) {
	if r.secretsNeeded() {
		return sentinel.Secret{}, false
	}
	r.unread[n] = true
	return sentinel.SecretFrom(&unread{}), true
}

// skipText returns the secret of a text with variables, if it is not read. A text without one
// stands in the file itself, and is read.
func (r *reader) skipText(n *yaml.Node) (sentinel.Secret, bool) {
	if r.secretsNeeded() || n.Kind != yaml.ScalarNode || !variable().MatchString(n.Value) {
		return sentinel.Secret{}, false
	}
	r.unread[n] = true
	before, _, _ := strings.Cut(n.Value, "$")
	return sentinel.SecretFrom(&unread{before}), true
}

// dialectOf returns the dialect that the form of a DSN implies; "" if it implies none.
func dialectOf(dsn sentinel.Secret) string {
	if u, is := dsn.Source().(*unread); is {
		return warehouse.DialectOf(u.before)
	}
	return warehouse.DialectOf(dsn.Reveal())
}
