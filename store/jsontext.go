package store

import (
	"bytes"
	"encoding/json"
	"strings"
)

// appendJSONText appends s as a JSON text. Invalid UTF-8 is replaced.
func appendJSONText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string always encodes
	}
	return append(b, text...)
}

// mayName reports whether a JSON body may hold the text. It is exact but for texts
// with <, > or &, which states hold in two spellings.
func mayName(body []byte, text string) bool {
	return strings.ContainsAny(text, "<>&") || bytes.Contains(body, appendJSONText(nil, text))
}
