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
	text := strings.ToValidUTF8(s[:min(len(s), LongestText+utf8.UTFMax)], string(utf8.RuneError))
	if len(s) <= LongestText && len(text) <= LongestText {
		return text
	}
	mark := fmt.Sprintf("... (%d bytes)", len(s))
	cut := min(len(text), LongestText-len(mark))
	for cut > 0 && cut < len(text) && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
