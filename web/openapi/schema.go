package openapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Schema is what a value looks like, as JSON Schema 2020-12.
type Schema struct {
	Ref             string    `json:"$ref,omitempty"`
	Description     string    `json:"description,omitempty"`
	Type            any       `json:"type,omitempty"` // a word or several
	Format          string    `json:"format,omitempty"`
	ContentEncoding string    `json:"contentEncoding,omitempty"`
	Enum            []string  `json:"enum,omitempty"`
	Items           *Schema   `json:"items,omitempty"`
	Properties      object    `json:"properties,omitempty"`
	Additional      *Schema   `json:"additionalProperties,omitempty"`
	Required        []string  `json:"required,omitempty"`
	AllOf           []*Schema `json:"allOf,omitempty"`
	AnyOf           []*Schema `json:"anyOf,omitempty"`
}

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
)

// schema describes a type. A type with a name that is a struct or has constants, or is in
// [API.Types], is a component. answer says that it is written: a field that is always there is
// then required.
func (b *builder) schema(t reflect.Type, answer bool) (*Schema, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &Schema{Type: "string", Format: "date-time"}, nil
	case reflect.TypeFor[time.Duration]():
		return &Schema{Type: "integer", Description: "In nanoseconds."}, nil
	case reflect.TypeFor[json.RawMessage]():
		return &Schema{}, nil
	}
	if own, given := b.api.Types[t]; given {
		return b.reference(t, answer, func() (*Schema, error) { return &own, nil })
	}
	if b.api.Forms[t] == nil {
		if t.Implements(jsonMarshaler) {
			return nil, fmt.Errorf("%s writes its JSON itself: say how in Types or Forms", t)
		}
		if t.Implements(textMarshaler) {
			return &Schema{Type: "string"}, nil
		}
	}
	return b.kind(t, answer)
}

// kind describes a type by its kind.
func (b *builder) kind(t reflect.Type, answer bool) (*Schema, error) {
	switch t.Kind() {
	case reflect.Bool:
		return &Schema{Type: "boolean"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Schema{Type: "integer"}, nil
	case reflect.Float32, reflect.Float64:
		return &Schema{Type: "number"}, nil
	case reflect.String:
		words, err := b.source.constants(t)
		if err != nil || words == nil {
			return &Schema{Type: "string"}, err
		}
		return b.reference(t, answer, func() (*Schema, error) { return &Schema{Type: "string", Enum: words}, nil })
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Schema{Type: "string", ContentEncoding: "base64"}, nil
		}
		items, err := b.schema(t.Elem(), answer)
		return &Schema{Type: "array", Items: items}, err
	case reflect.Map:
		values, err := b.schema(t.Elem(), answer)
		return &Schema{Type: "object", Additional: values}, err
	case reflect.Pointer:
		of, err := b.schema(t.Elem(), answer)
		return nullable(of), err
	case reflect.Struct:
		return b.reference(t, answer, func() (*Schema, error) { return b.fields(t, answer) })
	}
	return nil, fmt.Errorf("%s cannot be described", t)
}

// nullable returns a schema that null matches too.
func nullable(s *Schema) *Schema {
	if s == nil {
		return nil
	}
	if word, one := s.Type.(string); one && s.Ref == "" && s.Enum == nil {
		out := *s
		out.Type = []string{word, "null"}
		return &out
	}
	return &Schema{AnyOf: []*Schema{s, {Type: "null"}}}
}

// reference refers to the component of a type, and makes it at first.
func (b *builder) reference(t reflect.Type, answer bool, describe func() (*Schema, error)) (*Schema, error) {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	ref := &Schema{Ref: "#/components/schemas/" + name}
	c := component{t, answer}
	if t.Kind() != reflect.Struct || b.api.Types[t].Type != nil {
		c.answer = false // nothing is required of it
	}
	if before, known := b.named[name]; known {
		if before != c {
			return nil, fmt.Errorf("%s is also the name of %s, or is read and written", t, before.of)
		}
		return ref, nil
	}
	b.named[name] = c
	s, err := describe()
	if err != nil {
		return nil, err
	}
	if s.Description == "" {
		if s.Description, err = b.source.comment(t); err != nil {
			return nil, err
		}
	}
	b.schemas[name] = s
	return ref, nil
}

// fields describes a struct.
func (b *builder) fields(t reflect.Type, answer bool) (*Schema, error) {
	s := &Schema{Type: "object"}
	if err := b.addFields(s, t, answer); err != nil {
		return nil, err
	}
	if form := b.api.Forms[t]; form != nil {
		return s, b.addFields(s, form, answer)
	}
	return s, nil
}

// addFields adds the fields of a struct, and of those that are embedded in it, as encoding/json
// writes them. A field of the same name replaces one that is there.
func (b *builder) addFields(s *Schema, t reflect.Type, answer bool) error {
	own := make([]reflect.StructField, 0, t.NumField())
	for f := range t.Fields() {
		if f.Anonymous && f.Tag.Get("json") == "" {
			of := f.Type
			if of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			if err := b.addFields(s, of, answer); err != nil {
				return err
			}
			continue
		}
		if f.IsExported() {
			own = append(own, f)
		}
	}
	for _, f := range own {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" && options == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if err := b.addField(s, jsonField{f, t, name, strings.Contains(options, "omit")}, answer); err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
	}
	return nil
}

// jsonField is a field of a struct as JSON has it.
type jsonField struct {
	reflect.StructField
	owner    reflect.Type
	name     string
	optional bool
}

func (b *builder) addField(s *Schema, f jsonField, answer bool) error {
	of := f.Type
	if f.optional && of.Kind() == reflect.Pointer {
		of = of.Elem() // it is there, or left out
	}
	value, err := b.schema(of, answer)
	if err != nil {
		return err
	}
	if answer && !f.optional && (of.Kind() == reflect.Slice || of.Kind() == reflect.Map) {
		value = nullable(value)
	}
	comment, err := b.source.fieldComment(f.owner, f.StructField.Name)
	if err != nil {
		return err
	}
	if comment != "" {
		described := *value
		described.Description = strings.TrimSpace(comment + " " + value.Description)
		value = &described
	}
	s.Properties.set(f.name, value)
	s.Required = slices.DeleteFunc(s.Required, func(o string) bool { return o == f.name })
	if answer && !f.optional {
		s.Required = append(s.Required, f.name)
	}
	return nil
}
