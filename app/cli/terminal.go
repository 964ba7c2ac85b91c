package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/sentinel-dq/sentinel"
)

// terminal is an output whose control characters are written as \u001b: names and values
// of a warehouse are texts of others, and a terminal obeys control characters. Tabs, line
// ends and Sentinel's own colours stay.
type terminal struct {
	w io.Writer
}

// Write implements io.Writer.
func (t terminal) Write(p []byte) (int, error) {
	if _, err := t.w.Write(escapeControls(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// file is the file that is written to; nil for other writers.
func (t terminal) file() *os.File {
	f, _ := t.w.(*os.File)
	return f
}

func escapeControls(p []byte) []byte {
	var b bytes.Buffer
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '\x1b' && colourAt(p[i:]) > 0:
			n := colourAt(p[i:])
			b.Write(p[i : i+n])
			i += n - 1
		case c == '\r' && i+1 < len(p) && p[i+1] == '\n', c == '\t', c == '\n':
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		case c == 0xc2 && i+1 < len(p) && p[i+1] >= 0x80 && p[i+1] < 0xa0: // U+0080 to U+009F
			i++
			fmt.Fprintf(&b, `\u%04x`, p[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.Bytes()
}

// colourAt returns the length of one of Sentinel's own colours at the start of a text.
func colourAt(p []byte) int {
	text := string(p[:min(len(p), 8)])
	for _, c := range colours {
		if strings.HasPrefix(text, c) {
			return len(c)
		}
	}
	if strings.HasPrefix(text, noColour) {
		return len(noColour)
	}
	return 0
}

// marked is a text with Sentinel's own colours.
type marked string

// printf writes as fmt.Fprintf does, with the control characters of texts among the
// arguments written as text: a name or value of a warehouse can neither move a table's
// columns, nor begin a line, nor colour one.
func printf(w io.Writer, format string, args ...any) (int, error) {
	plain := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case marked:
			plain[i] = string(v)
		case string:
			plain[i] = oneLine(v)
		case error:
			plain[i] = oneLine(v.Error())
		case sentinel.Table:
			plain[i] = oneLine(v.String())
		default:
			plain[i] = a
		}
	}
	return fmt.Fprintf(w, format, plain...)
}

// oneLine writes control characters as text: a line end as \n, others as \u001b.
func oneLine(s string) string {
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	return string(escapeControls([]byte(lineEnds.Replace(s))))
}

// lineEnds writes what the terminal lets through, the beginning of its colours included.
var lineEnds = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, "\x1b", `\u001b`)
