package reload

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Limits of one row of a text file, which bound the memory that a row takes.
const (
	rowBytes   = 32 << 20
	rowColumns = 10_000
)

// openText skips the byte order mark of a file.
func openText(f *os.File) *bufio.Reader {
	buffered := bufio.NewReader(f)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = buffered.Discard(3)
	}
	return buffered
}

// boundedCSV is a CSV file that ends with an error at a row beyond the limits, or when
// ctx ends. The parser of rows has no limits of its own. It also drops a carriage return
// before the end of a line, within quotes too, where it belongs to the value: there it
// gets two, and drops one.
type boundedCSV struct {
	ctx     context.Context
	r       io.Reader
	quoted  bool
	bytes   int    // of the row
	commas  int    // of the row
	last    byte   // that was read
	pending []byte // was read, and is to be handed out
	err     error  // that comes after it
}

// Read implements io.Reader.
func (b *boundedCSV) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if len(b.pending) == 0 && b.err == nil {
		b.fill()
	}
	n := copy(p, b.pending)
	if b.pending = b.pending[n:]; len(b.pending) > 0 {
		return n, nil
	}
	return n, b.err
}

// fill reads the next part of the file.
func (b *boundedCSV) fill() {
	part := make([]byte, 4096)
	n, err := b.r.Read(part)
	b.pending, b.err = make([]byte, 0, n), err
	for _, c := range part[:n] {
		if c == '\n' && b.last == '\r' && b.quoted {
			b.pending = append(b.pending, '\r')
		}
		b.pending = append(b.pending, c)
		b.last = c
		b.bytes++
		switch {
		case c == '"':
			b.quoted = !b.quoted
		case c == ',' && !b.quoted:
			b.commas++
		case c == '\n' && !b.quoted:
			b.bytes, b.commas = 0, 0
		}
	}
	switch {
	case b.bytes > rowBytes:
		b.pending, b.err = nil, fmt.Errorf("it is longer than %d bytes", rowBytes)
	case b.commas >= rowColumns:
		b.pending, b.err = nil, fmt.Errorf("it has more than %d columns", rowColumns)
	}
}

// csvRows reads comma-separated values under a header. An empty field is NULL.
func csvRows(ctx context.Context, f *os.File) (rowReader, error) {
	c := csv.NewReader(&boundedCSV{ctx: ctx, r: openText(f)})
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		return rowReader{next: func() (map[string]warehouse.Value, error) { return nil, io.EOF }}, nil
	}
	if err != nil {
		return rowReader{}, fmt.Errorf("its header: %w", err)
	}
	seen := map[string]bool{}
	for _, name := range header {
		if seen[name] && name != "" {
			return rowReader{}, fmt.Errorf("it has the column %q twice", name)
		}
		seen[name] = true
	}
	return rowReader{next: func() (map[string]warehouse.Value, error) {
		line, err := c.Read()
		if err != nil {
			return nil, err
		}
		row := make(map[string]warehouse.Value, len(line))
		for i, v := range line {
			if row[header[i]] = (warehouse.Value{}); v != "" {
				row[header[i]] = warehouse.Value{Kind: warehouse.TextValue, Text: v}
			}
		}
		return row, nil
	}}, nil
}

// boundedJSON is a file of JSON objects that ends with an error at one that is too long,
// or when ctx ends.
type boundedJSON struct {
	ctx   context.Context
	r     io.Reader
	begin int64 // of the object
	at    int64
}

// Read implements io.Reader.
func (b *boundedJSON) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.at-b.begin > rowBytes {
		return 0, fmt.Errorf("it is longer than %d bytes", rowBytes)
	}
	n, err := b.r.Read(p)
	b.at += int64(n)
	return n, err
}

// jsonRows reads one JSON object per line. Numbers keep all digits. Objects and lists
// stay JSON. A missing key is NULL.
func jsonRows(ctx context.Context, f *os.File) (rowReader, error) {
	b := &boundedJSON{ctx: ctx, r: openText(f)}
	d := json.NewDecoder(b)
	return rowReader{next: func() (map[string]warehouse.Value, error) {
		b.begin = d.InputOffset()
		var object json.RawMessage
		if err := d.Decode(&object); err != nil {
			return nil, err
		}
		return jsonRow(object)
	}}, nil
}

// jsonRow reads the members of an object.
func jsonRow(object []byte) (map[string]warehouse.Value, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return nil, errors.New("want a JSON object")
	}
	row := map[string]warehouse.Value{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if _, twice := row[name]; !ok || twice {
			return nil, fmt.Errorf("it has the key %q twice", key)
		}
		if len(row) == rowColumns {
			return nil, fmt.Errorf("it has more than %d keys", rowColumns)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		v := warehouse.Value{Kind: warehouse.TextValue, Text: string(raw)}
		switch {
		case v.Text == "null":
			v = warehouse.Value{}
		case raw[0] == '"':
			if v.Text, err = jsonText(raw); err != nil {
				return nil, fmt.Errorf("key %q: %w", name, err)
			}
		}
		row[name] = v
	}
	return row, nil
}

// jsonText decodes a JSON string. It refuses one that is no text: the decoder would replace
// what is no character by U+FFFD.
func jsonText(raw []byte) (text string, err error) {
	if !utf8.Valid(raw) {
		return "", errors.New("the text is not UTF-8")
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", err
	}
	const replaced = "\ufffd"
	spelled := strings.Count(string(raw), replaced) + strings.Count(strings.ToLower(string(raw)), `\ufffd`)
	if strings.Count(text, replaced) > spelled {
		return "", errors.New("the text has an escape that is no character")
	}
	return text, nil
}
