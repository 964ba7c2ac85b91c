// Package openapi writes the description of an HTTP API, as OpenAPI 3.1, from the types that
// its handlers read and write. The texts of fields are their comments in the source, and the
// values of words are the constants of their types. So a document is written where the source
// is, by a test, and served as a file. Begin with [Write].
//
// https://spec.openapis.org/oas/v3.1.1.html
package openapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Operation describes one route: what it takes and what it answers.
type Operation struct {
	ID      string // a name for programs, such as listIncidents
	Summary string // one sentence
	Group   string // the heading that it stands under
	// Role is what the caller needs: "" nothing, [Reader], or a role.
	Role string

	Parameters []Parameter
	// Body is a value of the type that is read from the body; nil: there is none.
	Body any
	// Required are the fields of the body that must be there.
	Required []string
	// Answer is a value of the type that is written; nil: plain text.
	Answer any
	// MediaType is that of an answer which is not of a type; "": text/plain.
	MediaType string
	// Errors say why a request is refused, by the status of HTTP.
	Errors map[int]string
}

// Reader is whoever may read the agent: anybody, or somebody with a login, as the configuration
// says.
const Reader = "reader"

// Parameter is a parameter of a path or a query.
type Parameter struct {
	Name     string
	About    string
	Schema   Schema
	Required bool // those of a path always are
}

// Route is an operation with its address.
type Route struct {
	Method, Path string // a path as of [http.ServeMux]
	Operation
}

// API is what a document describes.
type API struct {
	Title, About, Version string
	Routes                []Route
	// Types are the schemas of types that write their JSON themselves.
	Types map[reflect.Type]Schema
	// Forms are structs with the fields that the JSON form of a type has beside its own, or in
	// their place.
	Forms map[reflect.Type]reflect.Type
	// Source is the folder of the Go module, and Module its path.
	Source, Module string
}

// Write returns the document, as JSON. The error names a type that cannot be described.
func Write(api API) ([]byte, error) {
	b := builder{api: api, source: source{root: api.Source, module: api.Module, packages: map[string]*pkg{}},
		schemas: map[string]*Schema{}, named: map[string]component{}}
	paths := object{}
	for _, r := range api.Routes {
		operation, err := b.operation(r)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.Method, r.Path, err)
		}
		operations, _ := paths.get(r.Path).(object)
		paths.set(r.Path, append(operations, member{strings.ToLower(r.Method), operation}))
	}
	document := object{
		{"openapi", "3.1.1"},
		{"info", object{{"title", api.Title}, {"version", api.Version}, {"description", api.About}}},
		// relative to /api/v1/openapi.json, below the path of external_url
		{"servers", []object{{{"url", "../.."}}}},
		{"paths", paths},
		{"components", object{
			{"schemas", b.schemas},
			{"securitySchemes", object{
				{"token", object{{"type", "http"}, {"scheme", "bearer"}}},
				{"user", object{{"type", "http"}, {"scheme", "basic"}}},
			}},
		}},
	}
	text, err := json.MarshalIndent(document, "", "  ")
	return append(text, '\n'), err
}

// builder collects the schemas of the types that operations have.
type builder struct {
	api     API
	source  source
	schemas map[string]*Schema
	named   map[string]component
}

// component is what a schema with a name is of.
type component struct {
	of     reflect.Type
	answer bool
}

// operation describes one route.
func (b *builder) operation(r Route) (object, error) {
	o := object{{"operationId", r.ID}, {"summary", r.Summary}, {"tags", []string{r.Group}}}
	if security := securityOf(r.Role); security != nil {
		o = append(o, member{"security", security})
	}
	if parameters := parametersOf(r); parameters != nil {
		o = append(o, member{"parameters", parameters})
	}
	if r.Body != nil {
		schema, err := b.schema(reflect.TypeOf(r.Body), false)
		if err != nil {
			return nil, err
		}
		if len(r.Required) > 0 {
			schema = &Schema{AllOf: []*Schema{schema, {Required: r.Required}}}
		}
		content := object{{"application/json", object{{"schema", schema}}}}
		o = append(o, member{"requestBody", object{{"required", true}, {"content", content}}})
	}
	answer := object{{"description", "Done, in plain text."}, {"content", plainText}}
	switch {
	case r.Answer != nil:
		schema, err := b.schema(reflect.TypeOf(r.Answer), true)
		if err != nil {
			return nil, err
		}
		answer = object{{"description", "The answer."}, {"content", object{{"application/json", object{{"schema", schema}}}}}}
	case r.MediaType != "":
		answer = object{{"description", "The answer."}, {"content", object{{r.MediaType, object{}}}}}
	}
	return append(o, member{"responses", responses(answer, r)}), nil
}

var plainText = object{{"text/plain", object{{"schema", object{{"type", "string"}}}}}}

// responses adds the refusals to an answer.
func responses(answer object, r Route) object {
	out := object{{"200", answer}}
	codes := make([]int, 0, len(r.Errors))
	for code := range r.Errors {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		out = append(out, member{strconv.Itoa(code), object{{"description", r.Errors[code]}, {"content", plainText}}})
	}
	return append(out, member{"default", object{
		{"description", "Why the request was refused or could not be answered, in plain text."}, {"content", plainText},
	}})
}

// securityOf returns the logins that a role needs; nil if there is no login.
func securityOf(role string) []object {
	switch role {
	case "":
		return nil
	case Reader:
		return []object{{}, {{"token", []string{}}}, {{"user", []string{}}}}
	}
	return []object{{{"token", []string{role}}}, {{"user", []string{role}}}}
}

// parametersOf returns the parameters of a route: those of its path, then those of its query.
func parametersOf(r Route) (out []object) {
	given := map[string]Parameter{}
	for _, p := range r.Parameters {
		given[p.Name] = p
	}
	add := func(p Parameter, in string) {
		o := object{{"name", p.Name}, {"in", in}}
		if p.Required || in == "path" {
			o = append(o, member{"required", true})
		}
		if p.About != "" {
			o = append(o, member{"description", p.About})
		}
		if p.Schema.Type == nil {
			p.Schema.Type = "string"
		}
		out = append(out, append(o, member{"schema", p.Schema}))
	}
	for part := range strings.SplitSeq(r.Path, "/") {
		if name, found := strings.CutPrefix(part, "{"); found {
			name = strings.TrimSuffix(name, "}")
			p := given[name]
			p.Name = name
			add(p, "path")
			delete(given, name)
		}
	}
	for _, p := range r.Parameters {
		if _, left := given[p.Name]; left {
			add(p, "query")
		}
	}
	return out
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON implements [json.Marshaler].
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// get returns the value of a member; nil if there is none.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// set replaces a member's value, or adds the member.
func (o *object) set(key string, value any) {
	for i := range *o {
		if (*o)[i].key == key {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, member{key, value})
}

// Text is the schema of a parameter with one of some words.
func Text(words ...string) Schema { return Schema{Type: "string", Enum: words} }
