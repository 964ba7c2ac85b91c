// Package registry keeps what registers itself by a name: checks, channels,
// exporters, actions, detectors, dialects, importers.
package registry

import (
	"errors"
	"maps"
	"slices"

	"github.com/sentinel-dq/sentinel/settings"
)

// Registry maps names to what is registered under them. It is filled from init
// functions, and only read after that.
type Registry[T any] struct {
	what   string
	byName map[string]T
}

// New returns an empty registry. what names what it holds, for errors: "check".
func New[T any](what string) *Registry[T] {
	return &Registry[T]{what: what, byName: map[string]T{}}
}

// Add registers v. It panics on a name taken twice.
func (r *Registry[T]) Add(name string, v T) {
	if _, taken := r.byName[name]; taken {
		panic(r.what + " registered twice: " + name)
	}
	r.byName[name] = v
}

// Get returns what is registered under a name. The error of an unknown name says
// which one was probably meant, or which there are.
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
