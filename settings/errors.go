// Package settings says what a configuration key is. The struct that holds a
// part of the configuration describes each key in the tags of its field:
//
//	Timeout time.Duration `yaml:"timeout" default:"30s" doc:"Longest wait for the answer."`
//
// The tags are yaml (the key; ",inline" for the keys of an embedded struct),
// default, enum (the words that are allowed), words (the name of a list of
// words that is known at run time only), required, and doc. Package config
// decodes, describes and documents keys by these tags; a Validate method fills
// in defaults and checks words with [Complete], and returns [FieldError] values.
// A reader begins with keys.go.
package settings

import (
	"errors"
	"fmt"
)

// FieldError is a mistake in the value of one key.
type FieldError struct {
	// Field is the path of the key from the struct that was validated, such as
	// change.fail, columns[2].type or env["HOME"]. Empty: the struct as a whole.
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

// Wrong returns a [FieldError]; the message is formatted as by fmt.Sprintf.
func Wrong(field, format string, args ...any) error {
	return &FieldError{Field: field, Msg: fmt.Sprintf(format, args...)}
}

// In puts the mistakes of a nested struct under the key that holds it. An error
// of another type becomes a mistake of that key. A nil error stays nil.
func In(field string, err error) error {
	var out []error
	for _, e := range Fields(err) {
		out = append(out, &FieldError{Field: join(field, e.Field), Msg: e.Msg})
	}
	return errors.Join(out...)
}

// Index is the path of a list's item, from 0.
func Index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// Member is the path of a value in a mapping whose keys are free.
func Member(field, key string) string { return fmt.Sprintf("%s[%q]", field, key) }

func join(outer, inner string) string {
	switch {
	case outer == "" || inner == "" || inner[0] == '[':
		return outer + inner
	}
	return outer + "." + inner
}

// Fields lists the mistakes that an error holds, through errors.Join. An error
// of another type counts as a mistake of the whole struct.
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
	var one *FieldError
	if errors.As(err, &one) {
		return []*FieldError{one}
	}
	return []*FieldError{{Msg: err.Error()}}
}
