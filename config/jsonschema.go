package config

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// object is a JSON object of the schema.
type object = map[string]any

// description is the YAML form of a type that decodes its node itself.
type description struct {
	of    reflect.Type
	null  bool   // null is allowed
	off   bool   // off, false and null are allowed
	short string // description of the short form as a text; empty: there is none
}

// describer is a type with a description.
type describer interface{ describe() description }

// wordLists maps the value of a `words` tag to its list.
var wordLists = map[string]func() []string{
	"detectors": anomaly.Names, "dialects": warehouse.Dialects, "formats": checks.Formats,
}

// JSONSchema returns the format's schema (draft 2020-12), generated from the
// tags of the configuration's structs, for editors that complete and check YAML.
func JSONSchema() []byte {
	root := structSchema(reflect.TypeFor[file]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Sentinel configuration"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // cannot happen: the schema consists of maps and texts
	}
	return append(out, '\n')
}

// structSchema describes a struct by its keys and, in an entry that has one, the
// kinds of its registry.
func structSchema(t reflect.Type) object {
	properties := object{}
	var required []string
	var oneOf []any // for each required secret: one of its keys
	for _, k := range settings.AllKeys(t) {
		properties[k.Name] = keySchema(k)
		switch {
		case k.Required && settings.IsSecret(k.Type):
			var either []any
			for _, name := range settings.SecretKeys(k.Name) {
				either = append(either, object{"required": []string{name}})
			}
			oneOf = append(oneOf, object{"anyOf": either})
		case k.Required:
			required = append(required, k.Name)
		}
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(oneOf) > 0 {
		o["allOf"] = oneOf
	}
	if kinds, ok := reflect.New(t).Interface().(kinded); ok {
		reg := kinds.registry()
		for _, name := range reg.names() {
			properties[name] = kindSchema(reg, name)
		}
		if reg.only != "" {
			o["minProperties"] = 1
			o["maxProperties"] = 1
		}
	}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func kindSchema(reg registry, name string) object {
	t := kindType(reg, name)
	return object{
		"description": reg.doc(name),
		"anyOf":       []any{structSchema(t), object{"type": "null"}},
	}
}

// kindType returns the struct of a registered kind.
func kindType(reg registry, name string) reflect.Type {
	made, err := reg.new(name)
	if err != nil {
		panic(err) // cannot happen: the registry lists the name
	}
	return reflect.TypeOf(made).Elem()
}

func keySchema(k settings.Key) object {
	o := typeSchema(k.Type)
	if words := wordsOfKey(k); words != nil {
		o = withWords(k, words)
	}
	o["description"] = k.Doc
	if k.Default != "" {
		o["default"] = defaultValue(k)
	}
	return o
}

func withWords(k settings.Key, words []string) object {
	values := make([]any, 0, len(words)+2)
	for _, w := range words {
		values = append(values, w)
	}
	if k.Name == "repairs" {
		values = append(values, true, false) // YAML 1.1 reads on and off as booleans
	}
	if d, ok := reflect.Zero(k.Type).Interface().(describer); ok && d.describe().null {
		values = append(values, nil)
	}
	if k.Type.Kind() != reflect.Slice {
		return object{"enum": values}
	}
	return listSchema(object{"enum": values})
}

// wordsOfKey returns the words that a key may have; nil: any.
func wordsOfKey(k settings.Key) []string {
	if list := wordLists[k.List]; list != nil {
		return list()
	}
	return k.Words
}

// defaultValue returns a default as a JSON value.
func defaultValue(k settings.Key) any {
	switch k.Type.Kind() {
	case reflect.Int, reflect.Int64, reflect.Float64, reflect.Bool:
		var v any
		if json.Unmarshal([]byte(k.Default), &v) == nil {
			return v
		}
	}
	return k.Default
}

func listSchema(item object) object {
	return object{"anyOf": []any{object{"type": "array", "items": item}, item}}
}

// typeSchema describes a type as its YAML is written.
func typeSchema(t reflect.Type) object {
	if d, ok := reflect.Zero(t).Interface().(describer); ok && t.Kind() != reflect.Pointer {
		return describedSchema(t, d.describe())
	}
	switch t {
	case reflect.TypeFor[checks.Duration](), reflect.TypeFor[time.Duration]():
		pattern := `^([0-9]+(\.[0-9]+)?(w|d|h|m|s|ms) ?)+$|^0$`
		return object{"anyOf": []any{
			object{"type": "string", "pattern": pattern},
			structSchema(reflect.TypeFor[counted]()),
		}}
	case reflect.TypeFor[checks.Bound](), reflect.TypeFor[checks.Tolerance](), reflect.TypeFor[sentinel.Secret](),
		reflect.TypeFor[sentinel.Table](), reflect.TypeFor[sentinel.Pattern](), reflect.TypeFor[repair.Share](),
		reflect.TypeFor[share](), reflect.TypeFor[byteSize]():
		return object{"type": "string"}
	case reflect.TypeFor[settings.Command]():
		return object{"anyOf": []any{object{"type": "array", "items": object{"type": "string"}}, object{"type": "string"}}}
	case reflect.TypeFor[checks.DeclaredColumns]():
		column := structSchema(reflect.TypeFor[checks.DeclaredColumn]())
		return object{"anyOf": []any{
			object{"type": "array", "items": object{"anyOf": []any{column, object{"type": "string"}}}},
			object{"type": "object", "additionalProperties": object{"type": []string{"string", "null"}}},
		}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeSchema(t.Elem())
	case reflect.Slice:
		if d := t.Elem(); d.Kind() == reflect.Struct && len(settings.Keys(d)) > 0 || d == reflect.TypeFor[checkEntry]() {
			return object{"type": "array", "items": typeSchema(d)}
		}
		return listSchema(typeSchema(t.Elem()))
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typeSchema(t.Elem())}
	case reflect.Struct:
		return structSchema(t)
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	}
	return object{"type": "string"}
}

func describedSchema(t reflect.Type, d description) object {
	var inner object
	if d.of == t {
		inner = structSchema(t)
	} else {
		inner = typeSchema(d.of)
	}
	either := []any{inner}
	if d.short != "" {
		either = append(either, object{"type": "string", "description": d.short})
	}
	if d.null {
		either = append(either, object{"type": "null"})
	}
	if d.off {
		either = append(either, object{"enum": []any{"off", false, nil}})
	}
	if len(either) == 1 {
		return inner
	}
	return object{"anyOf": either}
}
