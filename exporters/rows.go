package exporters

import (
	"bufio"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// rows keeps samples as text: one row a check or a dataset. Ten thousand of
// them take little memory that way, and a scrape copies them.
type rows struct {
	metrics []Metric // 26 at most: each has a letter, the first one a

	mu     sync.Mutex
	byID   map[string]*row
	sorted []*row // by labels; nil once a row has come or gone
	text   []byte // memory for a row that is being written
}

// row is what is exported of one check or dataset. Its lines are in the order
// of their metrics: a letter, further labels, a blank, the value, a newline.
type row struct {
	labels string // warehouse="shop",dataset="public.orders"
	lines  string // b,kind="freshness" 0
}

func newRows(metrics []Metric) *rows { return &rows{metrics: metrics, byID: map[string]*row{}} }

// letter begins the lines of a metric.
func (k *rows) letter(name string) byte {
	return byte('a' + slices.IndexFunc(k.metrics, func(m Metric) bool { return m.Name == name }))
}

// change replaces a row, which is empty when it is new, by what is appended to b:
// its labels, so many bytes, and its lines. A row left without lines goes.
func (k *rows) change(id string, to func(b []byte, old row) (_ []byte, labels int)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.byID[id]
	if r == nil {
		r = &row{}
		k.byID[id], k.sorted = r, nil
	}
	b, labels := to(k.text[:0], *r)
	k.text = b
	if len(b) == labels {
		delete(k.byID, id)
		k.sorted = nil
		return
	}
	text := string(b) // side by side: they are read together
	*r = row{text[:labels], text[labels:]}
}

// keep drops the rows of which it is not said that they stay.
func (k *rows) keep(stays func(id string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := len(k.byID)
	maps.DeleteFunc(k.byID, func(id string, _ *row) bool { return !stays(id) })
	if len(k.byID) < before {
		k.sorted = nil
	}
}

// all copies the rows, so that they are written while others change.
func (k *rows) all() []row {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sorted == nil {
		k.sorted = slices.AppendSeq(make([]*row, 0, len(k.byID)), maps.Values(k.byID))
		slices.SortFunc(k.sorted, func(a, b *row) int { return strings.Compare(a.labels, b.labels) })
	}
	out := make([]row, len(k.sorted))
	for i, r := range k.sorted {
		out[i] = *r
	}
	return out
}

// write writes rows in the text format, all of a metric together: each row is
// read once, from line to line, and used up. What cannot be written, w's Flush
// tells.
func (k *rows) write(w *bufio.Writer, all []row, openMetrics bool) {
	for i, m := range k.metrics {
		begun := false
		for j := range all {
			r := &all[j]
			for r.lines != "" && r.lines[0] == byte('a'+i) {
				if !begun {
					begun = true
					header(w, m, openMetrics)
				}
				line, rest, _ := strings.Cut(r.lines[1:], "\n")
				r.lines = rest
				value := strings.LastIndexByte(line, ' ')
				b := append(w.AvailableBuffer(), m.Name...)
				b = append(b, '{')
				b = append(b, r.labels...)
				b = append(b, line[:value]...)
				b = append(b, '}')
				b = append(b, line[value:]...)
				w.Write(append(b, '\n'))
			}
		}
	}
}

// header begins a metric. OpenMetrics calls a counter by its name without _total.
func header(w *bufio.Writer, m Metric, openMetrics bool) {
	name := m.Name
	if openMetrics && m.Type == "counter" {
		name = strings.TrimSuffix(name, "_total")
	}
	w.WriteString("# HELP " + name + " " + m.Help + "\n# TYPE " + name + " " + m.Type + "\n")
}

// appendValue appends the row's lines with the value of one sample changed, 0 when
// there was none; nil takes the sample out. key is how its line begins.
func (r row) appendValue(b []byte, key string, change func(float64) float64) []byte {
	at := 0
	for at < len(r.lines) && r.lines[at:] < key {
		at += strings.IndexByte(r.lines[at:], '\n') + 1
	}
	b, after, old := append(b, r.lines[:at]...), r.lines[at:], 0.0
	if strings.HasPrefix(after, key) {
		var text string
		text, after, _ = strings.Cut(after[len(key):], "\n")
		if v, err := strconv.ParseFloat(text, 64); err == nil { // appendFloat wrote it
			old = v
		}
	}
	if change != nil {
		b = append(appendFloat(append(b, key...), change(old)), '\n')
	}
	return append(b, after...)
}
