package settings

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Complete sets the default of every field of the struct that v points to if the field
// is zero. It checks the fields that have a list of words. It does the same for nested
// structs. The error holds [FieldError] values. Complete panics if a default does not
// match the type of its field.
func Complete(v any) error {
	Defaults(v)
	return CheckWords(v)
}

// Defaults sets defaults as [Complete] does.
func Defaults(v any) { defaults(reflect.ValueOf(v).Elem()) }

// CheckWords checks words as [Complete] does.
func CheckWords(v any) error { return words(reflect.ValueOf(v).Elem()) }

// Default returns a new struct with the defaults of its fields.
func Default[T any]() T {
	var v T
	if err := Complete(&v); err != nil {
		panic(fmt.Sprintf("settings: a default of %T is not allowed: %v", v, err)) // a mistake in a tag
	}
	return v
}

func defaults(v reflect.Value) {
	for _, k := range Keys(v.Type()) {
		f := v.FieldByIndex(k.Index)
		if k.Default != "" && f.IsZero() {
			if err := set(f, k.Default); err != nil {
				panic(fmt.Sprintf("settings: default of %s in %s: %v", k.Name, v.Type(), err)) // a mistake in a tag
			}
		}
		if nested, ok := structIn(f); ok {
			defaults(nested)
		}
	}
}

func words(v reflect.Value) error {
	var wrong []error
	for _, k := range Keys(v.Type()) {
		f := v.FieldByIndex(k.Index)
		if len(k.Words) > 0 {
			wrong = append(wrong, checkWords(k, f))
		}
		if nested, ok := structIn(f); ok {
			wrong = append(wrong, In(k.Name, words(nested)))
		}
	}
	return errors.Join(wrong...)
}

// structIn returns the configuration struct that a field holds or points to. ok is false
// for a struct with a Validate method, which completes itself.
func structIn(f reflect.Value) (reflect.Value, bool) {
	if f.Kind() == reflect.Pointer && !f.IsNil() {
		f = f.Elem()
	}
	if f.Kind() != reflect.Struct || len(Keys(f.Type())) == 0 {
		return f, false
	}
	_, itself := f.Addr().Interface().(interface{ Validate() error })
	return f, !itself
}

func checkWords(k Key, f reflect.Value) error {
	if f.Kind() == reflect.String && f.String() != "" && !slices.Contains(k.Words, f.String()) {
		return Wrong(k.Name, "%s", UnknownWord("word", f.String(), k.Words))
	}
	if f.Kind() != reflect.Slice {
		return nil
	}
	var wrong []error
	for i := range f.Len() {
		if word := f.Index(i).String(); !slices.Contains(k.Words, word) {
			wrong = append(wrong, Wrong(Index(k.Name, i), "%s", UnknownWord("word", word, k.Words)))
		}
	}
	return errors.Join(wrong...)
}

// set sets a field to a default in the form of a tag.
func set(f reflect.Value, text string) (err error) {
	if f.Kind() == reflect.Pointer {
		f.Set(reflect.New(f.Type().Elem()))
		return set(f.Elem(), text)
	}
	if f.Type() == reflect.TypeFor[time.Duration]() {
		d, err := ParseDuration(text)
		f.SetInt(int64(d))
		return err
	}
	if f.Type() == reflect.TypeFor[sentinel.Secret]() {
		f.Set(reflect.ValueOf(sentinel.NewSecret(text)))
		return nil
	}
	if t, ok := f.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return t.UnmarshalText([]byte(text))
	}
	if f.Kind() != reflect.Slice {
		_, err = SetScalar(f, text)
		return err
	}
	words := strings.Split(text, ",")
	f.Set(reflect.MakeSlice(f.Type(), len(words), len(words)))
	for i, word := range words {
		if err := set(f.Index(i), word); err != nil {
			return err
		}
	}
	return nil
}

// SetScalar parses a text and sets a field of a scalar kind. want names the kind, such as
// "a whole number".
func SetScalar(f reflect.Value, text string) (want string, err error) {
	digits := strings.ReplaceAll(text, "_", "")
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
		return "a text", nil
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		f.SetBool(b)
		return "true or false", err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var i int64
		i, err = strconv.ParseInt(digits, 10, f.Type().Bits())
		f.SetInt(i)
		return "a whole number", err
	case reflect.Float64, reflect.Float32:
		var n float64
		n, err = strconv.ParseFloat(digits, 64)
		f.SetFloat(n)
		return "a number", err
	}
	return "nothing", fmt.Errorf("%s cannot be configured", f.Type())
}
