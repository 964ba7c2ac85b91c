// Package openapitest holds answers of the API against docs/openapi.json, in tests.
package openapitest

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sentinel-dq/sentinel/docs"
)

// Description is the document, read strictly: a member of an answer that it does not name is
// a mistake.
type Description struct {
	document map[string]any

	mu       sync.Mutex // tests side by side share one
	compiler *jsonschema.Compiler
}

const address = "https://sentinel.invalid/openapi.json"

// Read reads the document.
func Read(tb testing.TB) *Description {
	tb.Helper()
	text, err := docs.Files.ReadFile("openapi.json")
	if err != nil {
		tb.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	d := &Description{document: document.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	for _, s := range d.schemas() {
		if s := s.(map[string]any); s["properties"] != nil {
			s["additionalProperties"] = false
		}
	}
	if err := d.compiler.AddResource(address, d.document); err != nil {
		tb.Fatal(err)
	}
	return d
}

func (d *Description) schemas() map[string]any {
	return d.document["components"].(map[string]any)["schemas"].(map[string]any)
}

// Words returns the values that a type of words has; nil if the document does not list them.
func (d *Description) Words(name string) (words []string) {
	s, _ := d.schemas()[name].(map[string]any)
	list, _ := s["enum"].([]any)
	for _, w := range list {
		words = append(words, w.(string))
	}
	return words
}

// Operations returns the routes, as "GET /path".
func (d *Description) Operations() (all []string) {
	for path, operations := range d.document["paths"].(map[string]any) {
		for method := range operations.(map[string]any) {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	return all
}

// Answer returns why a body is not what a route answers; nil if it is.
func (d *Description) Answer(method, path string, body []byte) error {
	return d.validate(body, method, path, "responses", "200", "content", "application/json", "schema")
}

// Body returns why a body is not what a route takes; nil if it is.
func (d *Description) Body(method, path string, body []byte) error {
	return d.validate(body, method, path, "requestBody", "content", "application/json", "schema")
}

func (d *Description) validate(body []byte, method, path string, within ...string) error {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	pointer := address + "#/paths/" + escape.Replace(path) + "/" + strings.ToLower(method)
	for _, w := range within {
		pointer += "/" + escape.Replace(w)
	}
	schema, err := d.compile(pointer)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (d *Description) compile(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.compiler.Compile(pointer)
}
