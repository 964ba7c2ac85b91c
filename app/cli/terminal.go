package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
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
