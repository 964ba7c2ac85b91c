// Package settings defines configuration keys by struct tags. A struct that holds a part
// of the configuration describes each key in the tags of its field:
//
//	Timeout time.Duration `yaml:"timeout" default:"30s" doc:"Longest wait for the answer."`
//
// The tags are yaml (the key; ",inline" for the keys of an embedded struct),
// default, enum (the words that are allowed), words (the name of a list of
// words that is known at run time only), required, and doc. Package config
// decodes, describes and documents keys by these tags. A Validate method calls
// [Complete] to set defaults and check words, and returns [FieldError] values. Begin
// with keys.go.
package settings

import (
	"errors"
	"fmt"
)

// FieldError is a mistake in the value of one key.
type FieldError struct {
	// Field is the path of the key within the validated struct, such as change.fail,
	// columns[2].type or env["HOME"]. It is empty for the struct as a whole.
	Field string
	// Msg says what is wrong and what to write instead.
	Msg string
}

// Error returns the path and the message.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Msg
	}
	return e.Field + ": " + e.Msg
}

// Wrong returns a [FieldError] with a message formatted as by fmt.Sprintf.
func Wrong(field, format string, args ...any) error {
	return &FieldError{Field: field, Msg: fmt.Sprintf(format, args...)}
}

// In prefixes the paths of a nested struct's mistakes with the key that holds it. An
// error of another type becomes a mistake of that key. A nil error stays nil.
func In(field string, err error) error {
	var out []error
	for _, e := range Fields(err) {
		out = append(out, &FieldError{Field: join(field, e.Field), Msg: e.Msg})
	}
	return errors.Join(out...)
}

// Index returns the path of an item of a list, counted from 0.
func Index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// Member returns the path of a value in a mapping with arbitrary keys.
func Member(field, key string) string { return fmt.Sprintf("%s[%q]", field, key) }

func join(outer, inner string) string {
	switch {
	case outer == "" || inner == "" || inner[0] == '[':
		return outer + inner
	}
	return outer + "." + inner
}

// Fields returns the mistakes that an error holds, also those joined by errors.Join. An
// error of another type counts as a mistake of the whole struct.
func Fields(err error) []*FieldError {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []*FieldError
		for _, e := range many.Unwrap() {
			out = append(out, Fields(e)...)
		}
		return out
	}
	var fieldError *FieldError
	if errors.As(err, &fieldError) {
		return []*FieldError{fieldError}
	}
	return []*FieldError{{Msg: err.Error()}}
}
