// Package registry holds plug-ins that register themselves by name: checks, channels,
// exporters, actions, detectors, dialects and importers. Begin with [Registry].
package registry

import (
	"errors"
	"maps"
	"slices"

	"github.com/sentinel-dq/sentinel/settings"
)

// Registry maps names to registered values. Only init functions add values. After that it
// is safe for concurrent use.
type Registry[T any] struct {
	what   string
	byName map[string]T
}

// New returns an empty registry. what is the noun for a value in errors, such as "check".
func New[T any](what string) *Registry[T] {
	return &Registry[T]{what: what, byName: map[string]T{}}
}

// Add registers v. It panics if the name is taken.
func (r *Registry[T]) Add(name string, v T) {
	if _, taken := r.byName[name]; taken {
		panic(r.what + " registered twice: " + name)
	}
	r.byName[name] = v
}

// Get returns the value of a name. The error for an unknown name suggests the name that
// was probably meant, or lists all names.
func (r *Registry[T]) Get(name string) (T, error) {
	v, ok := r.byName[name]
	if !ok {
		return v, errors.New(settings.UnknownWord(r.what, name, r.Names()))
	}
	return v, nil
}

// Has reports whether a name is registered.
func (r *Registry[T]) Has(name string) bool {
	_, ok := r.byName[name]
	return ok
}

// Names returns the registered names in alphabetical order.
func (r *Registry[T]) Names() []string { return slices.Sorted(maps.Keys(r.byName)) }
