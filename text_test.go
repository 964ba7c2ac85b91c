package sentinel_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel"
)

// TestClippedTextsAreBounded: a clipped text is no longer than it may be, is valid, says how long
// it was, and begins as it did.
func TestClippedTextsAreBounded(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"a", "é", "漢", "😀", "\xff", "a\xe6\xbc"} {
		for n := range 40 {
			text := strings.Repeat(unit, max(1, sentinel.LongestText/len(unit)-20+n))
			got := sentinel.Clip(text)
			cut, right := strings.Index(got, "... ("), utf8.ValidString(text)
			if len(got) > sentinel.LongestText || !utf8.ValidString(got) || cut < 0 && len(text) > sentinel.LongestText ||
				cut >= 0 && right && len(text) <= sentinel.LongestText {
				t.Fatalf("%d bytes of %q: %d, %q", len(text), unit, len(got), got)
			}
			if cut >= 0 && right && !strings.HasPrefix(text, got[:cut]) {
				t.Fatalf("%d bytes of %q begin with %q", len(text), unit, got[:cut])
			}
		}
	}
}
