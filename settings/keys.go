package settings

import (
	"reflect"
	"strings"
	"sync"
)

// Key is one key of a configuration struct.
type Key struct {
	Name     string // name of the key in the file
	Default  string // default as in the file; empty: none
	Doc      string
	List     string   // name of a list of words that is only known at run time
	Words    []string // allowed words; nil: any
	Required bool
	Type     reflect.Type
	Index    []int // index of the field for reflect.Value.FieldByIndex
	// ValueOf is the secret key that this key says the source of: url for url_file and
	// url_command. Such a key has the Index of that key.
	ValueOf string
}

// Worder is a type whose values are a fixed list of words.
type Worder interface{ Words() []string }

var cache, allKeys sync.Map // from reflect.Type to []Key

// Keys returns the keys of a struct type in the order of its fields, including those of
// inlined structs. Callers share the slice and must not change it.
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
