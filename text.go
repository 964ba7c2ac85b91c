package sentinel

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// LongestText is the number of bytes that a text from a database keeps in messages,
// names of segments, the state and notices.
const LongestText = 1 << 10

// Clip cuts a text to LongestText bytes, at the beginning of a character, and says how long it was.
// What is no valid UTF-8 is replaced.
func Clip(s string) string {
	if len(s) <= LongestText {
		return strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	mark := fmt.Sprintf("... (%d bytes)", len(s))
	cut := LongestText - len(mark)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strings.ToValidUTF8(s[:cut], string(utf8.RuneError)) + mark
}
