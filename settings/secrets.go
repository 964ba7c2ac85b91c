package settings

import (
	"reflect"

	"github.com/sentinel-dq/sentinel"
)

// A secret key NAME has two further keys, which say where its value comes from instead:
// NAME_file and NAME_command. A list of secrets and a mapping of names to secrets have
// them too, with a list and a mapping of files and of commands.
const (
	FileSuffix    = "_file"
	CommandSuffix = "_command"
)

// Command is a program and its arguments. It is run without a shell.
type Command []string

// Past is a [sentinel.SecretSource] that also knows the texts that it had before.
type Past interface{ Past() []string }

// AllKeys returns the keys of a struct type, and behind each secret key those that say
// where its value comes from. Callers share the slice and must not change it.
func AllKeys(t reflect.Type) []Key {
	if known, ok := allKeys.Load(t); ok {
		return known.([]Key)
	}
	var out []Key
	for _, k := range Keys(t) {
		out = append(out, k)
		if IsSecret(k.Type) {
			out = append(out, k.fromFile(), k.fromCommand())
		}
	}
	allKeys.Store(t, out)
	return out
}

// IsSecret reports whether a type is a secret, a list of them, or a mapping of names to them.
func IsSecret(t reflect.Type) bool {
	if t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t == reflect.TypeFor[sentinel.Secret]()
}

func (k Key) fromFile() Key {
	doc := map[reflect.Kind]string{
		reflect.Struct: "File that holds the value of " + k.Name + ".",
		reflect.Slice:  "Files that hold values of " + k.Name + ", after those that stand there.",
		reflect.Map:    "Files that hold values of " + k.Name + ", by the same names.",
	}[k.Type.Kind()]
	return Key{
		Name: k.Name + FileSuffix, Doc: doc, Type: like(k.Type, reflect.TypeFor[string]()), Index: k.Index, ValueOf: k.Name,
	}
}

func (k Key) fromCommand() Key {
	doc := map[reflect.Kind]string{
		reflect.Struct: "Command that prints the value of " + k.Name + ".",
		reflect.Slice:  "Commands that print values of " + k.Name + ", after those that stand there.",
		reflect.Map:    "Commands that print values of " + k.Name + ", by the same names.",
	}[k.Type.Kind()]
	return Key{
		Name: k.Name + CommandSuffix, Doc: doc, Type: like(k.Type, reflect.TypeFor[Command]()),
		Index: k.Index, ValueOf: k.Name,
	}
}

// like returns a scalar, a list or a mapping of elem, as t is one of secrets.
func like(t, elem reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Slice:
		return reflect.SliceOf(elem)
	case reflect.Map:
		return reflect.MapOf(t.Key(), elem)
	}
	return elem
}

// SecretKeys returns the names of the keys that can give a secret key its value.
func SecretKeys(name string) []string { return []string{name, name + FileSuffix, name + CommandSuffix} }

// Secrets returns the text of every secret that a value holds, at any depth of its
// exported fields. It includes the texts that a secret had before it changed.
func Secrets(v any) (out []string) {
	for _, s := range SecretsIn(v) {
		out = append(out, s.Reveal())
		if past, ok := s.Source().(Past); ok {
			out = append(out, past.Past()...)
		}
	}
	return out
}

// SecretsIn returns every secret that a value holds, at any depth of its exported fields.
func SecretsIn(v any) []sentinel.Secret { return secretsIn(reflect.ValueOf(v)) }

func secretsIn(v reflect.Value) (out []sentinel.Secret) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return secretsIn(v.Elem())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[sentinel.Secret]() { // others are not copied: they may be in use
			if s := v.Interface().(sentinel.Secret); !s.IsZero() {
				return []sentinel.Secret{s}
			}
			return nil
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out = append(out, secretsIn(v.Field(i))...)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			out = append(out, secretsIn(v.Index(i))...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			out = append(out, secretsIn(v.MapIndex(k))...)
		}
	}
	return out
}
