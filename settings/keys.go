package settings

import (
	"reflect"
	"strings"
	"sync"
)

// Key is one key of a configuration struct.
type Key struct {
	Name     string // as it is written in the file
	Default  string // as it would be written in the file; empty: none
	Doc      string
	List     string   // name of a list of words that is known at run time only
	Words    []string // all that are allowed, where that is known
	Required bool
	Type     reflect.Type
	Index    []int // of the field, for reflect.Value.FieldByIndex
}

// Worder is a type that only some words can be.
type Worder interface{ Words() []string }

var cache sync.Map // of []Key by reflect.Type

// Keys returns the keys of a struct type in the order of its fields, with those
// of inlined structs. The slice is shared: it must not be changed.
func Keys(t reflect.Type) []Key {
	if known, ok := cache.Load(t); ok {
		return known.([]Key)
	}
	keys := keysOf(t, nil)
	cache.Store(t, keys)
	return keys
}

func keysOf(t reflect.Type, path []int) []Key {
	var out []Key
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		at := append(append([]int{}, path...), i)
		switch {
		case options == "inline":
			out = append(out, keysOf(f.Type, at)...)
		case f.IsExported() && name != "" && name != "-":
			out = append(out, keyOf(f, name, at))
		}
	}
	return out
}

func keyOf(f reflect.StructField, name string, at []int) Key {
	k := Key{
		Name:     name,
		Default:  f.Tag.Get("default"),
		Doc:      f.Tag.Get("doc"),
		List:     f.Tag.Get("words"),
		Required: f.Tag.Get("required") == "true",
		Type:     f.Type,
		Index:    at,
	}
	if words := f.Tag.Get("enum"); words != "" {
		k.Words = strings.Split(words, ",")
	} else if w, ok := reflect.Zero(f.Type).Interface().(Worder); ok && f.Type.Kind() != reflect.Pointer {
		k.Words = w.Words()
	}
	return k
}
