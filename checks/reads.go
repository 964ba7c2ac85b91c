package checks

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/settings"
)

// describing are the keys that say nothing about what a check reads.
var describing = []string{"id", "name", "schedule", "timezone", "owner", "tier", "runbook"}

// Reads reports whether a check reads a column of its table: as its time column, or
// because its configuration names it, also within SQL. The comparison ignores case.
func Reads(c Check, t Target, column string) bool {
	if column == "" {
		return false
	}
	if strings.EqualFold(c.Needs(t).Column, column) {
		return true
	}
	if r, is := c.(*Reconcile); is && len(r.Key) > 0 && len(r.Columns) == 0 {
		return true // it compares all columns
	}
	v := reflect.ValueOf(c).Elem()
	for _, k := range settings.Keys(v.Type()) {
		if !slices.Contains(describing, k.Name) && mentions(v.FieldByIndex(k.Index), column) {
			return true
		}
	}
	return false
}

// mentions reports whether a text within a value has a name as a word.
func mentions(v reflect.Value, name string) bool {
	switch v.Kind() {
	case reflect.String:
		return hasWord(v.String(), name)
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && mentions(v.Elem(), name)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if mentions(v.Index(i), name) {
				return true
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if mentions(k, name) || mentions(v.MapIndex(k), name) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && mentions(v.Field(i), name) {
				return true
			}
		}
	}
	return false
}

// hasWord reports whether a text has a name that no letter, digit or underscore adjoins.
func hasWord(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(name)
	for from := 0; ; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(name):])
		if !inName(before) && !inName(after) {
			return true
		}
		from = at + 1
	}
}

func inName(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}
