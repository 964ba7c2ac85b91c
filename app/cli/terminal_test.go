package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/sentinel-dq/sentinel"
)

func TestControlCharactersAreWrittenAsText(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for r := rune(0); r < 0x250; r++ {
		all.WriteRune(r)
	}
	var b bytes.Buffer
	text := "größe\t" + all.String() + "\x1b]0;title\x07\x1b[2J\x1b[31mfail\x1b[0m\r\n🙂"
	if n, err := (terminal{&b}).Write([]byte(text)); err != nil || n != len(text) {
		t.Fatal(n, err)
	}
	got := b.String()
	rest := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "", "\r\n", "", "\t", "", "\n", "").Replace(got)
	if i := strings.IndexFunc(rest, unicode.IsControl); i >= 0 {
		t.Errorf("%q", rest[i:])
	}
	if !strings.HasPrefix(got, "größe\t") || !strings.HasSuffix(got, `\u001b]0;title\u0007\u001b[2J`+"\x1b[31mfail\x1b[0m\r\n🙂") {
		t.Errorf("%q", got)
	}
	// JSON stays the same JSON.
	quoted, err := json.Marshal("a\x7fb\u0085c\x1b")
	if err != nil {
		t.Fatal(err)
	}
	var back string
	if err := json.Unmarshal(escapeControls(quoted), &back); err != nil || back != "a\x7fb\u0085c\x1b" {
		t.Errorf("%q, %v", back, err)
	}
}

// TestTextsOfAWarehouseStayInTheirCell holds that no text of a warehouse leaves its cell:
// whatever control characters it has, the output has the lines and cells of the format.
func TestTextsOfAWarehouseStayInTheirCell(t *testing.T) {
	t.Parallel()
	for r := rune(0); r < 0x250; r++ {
		hostile := "a" + string(r) + "b\x1b[31mred\x1b[0m"
		var b bytes.Buffer
		out := terminal{&b}
		if _, err := printf(out, "%s\t%s\t%v\t%s\n", sentinel.Table{Warehouse: "w", Schema: "s", Name: hostile},
			hostile, errors.New(hostile), marked("\x1b[32mpass\x1b[0m")); err != nil {
			t.Fatal(err)
		}
		line, ended := strings.CutSuffix(b.String(), "\t\x1b[32mpass\x1b[0m\n")
		if !ended || len(strings.Split(line, "\t")) != 3 {
			t.Fatalf("%U: %q", r, b.String())
		}
		if i := strings.IndexFunc(strings.ReplaceAll(line, "\t", ""), unicode.IsControl); i >= 0 {
			t.Fatalf("%U: %q", r, line)
		}
	}
}
