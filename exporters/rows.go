package exporters

import (
	"bytes"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// rows keeps samples as text: one row a check or a dataset. Ten thousand of
// them take little memory that way, and a scrape copies them. The text of a row is
// written over by the next one: a tick takes no memory for it.
type rows struct {
	metrics []Metric // 26 at most: each has a letter, the first one a

	mu      sync.Mutex // guards what follows, and the rows
	byID    map[string]*row
	sorted  []*row // by labels, nil once a row has come or gone; not changed itself
	samples int    // lines of all rows
	text    []byte // memory for a row that is being written
}

// row is what is exported of one check or dataset: its labels, and its lines, which
// are in the order of their metrics: a letter, further labels, a blank, the value, a
// newline.
//
//	warehouse="shop",dataset="public.orders"
//	b,kind="freshness" 0
type row struct {
	text    []byte
	labels  uint32 // where the lines begin
	version uint32 // from 1, one more with every change
}

func (r *row) lines() []byte { return r.text[r.labels:] }

func newRows(metrics []Metric) *rows { return &rows{metrics: metrics, byID: map[string]*row{}} }

// letter begins the lines of a metric.
func (k *rows) letter(name string) byte {
	return byte('a' + slices.IndexFunc(k.metrics, func(m Metric) bool { return m.Name == name }))
}

// change replaces a row, whose lines are none when it is new, by what is appended to
// b: its labels, so many bytes, and its lines. A row left without lines goes.
func (k *rows) change(id string, to func(b, lines []byte) (_ []byte, labels int)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.byID[id]
	if r == nil {
		r = &row{}
		k.byID[id], k.sorted = r, nil
	}
	b, labels := to(k.text[:0], r.lines())
	k.text = b
	k.samples += lineCount(b[labels:]) - lineCount(r.lines())
	if len(b) == labels {
		delete(k.byID, id)
		k.sorted = nil
	}
	if len(b) > cap(r.text) || len(b) < cap(r.text)/4 {
		r.text = make([]byte, 0, len(b))
	}
	r.text, r.labels = append(r.text[:0], b...), uint32(labels)
	r.version++
}

func lineCount(lines []byte) int { return bytes.Count(lines, []byte{'\n'}) }

// keep drops the rows of which it is not said that they stay.
func (k *rows) keep(stays func(id string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.byID, func(id string, r *row) bool {
		if stays(id) {
			return false
		}
		k.samples -= lineCount(r.lines())
		k.sorted = nil
		return true
	})
}

// shown are rows as they are written: of the last one only so many lines.
type shown struct {
	rows    []*row
	most    int
	dropped int // lines that are not shown
}

// shown are the first rows, with so many lines at most.
func (k *rows) shown(limit int) shown {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sorted == nil {
		k.sorted = slices.AppendSeq(make([]*row, 0, len(k.byID)), maps.Values(k.byID))
		slices.SortFunc(k.sorted, func(a, b *row) int { return bytes.Compare(a.text[:a.labels], b.text[:b.labels]) })
	}
	s := shown{rows: k.sorted, most: math.MaxInt}
	if k.samples <= limit {
		return s
	}
	s.dropped = k.samples - limit
	for i, r := range k.sorted {
		n := lineCount(r.lines())
		if n > limit {
			s.rows, s.most = k.sorted[:i+1], limit
			break
		}
		limit -= n
	}
	return s
}

// piece is how much text is written at a time, between which rows may change.
const piece = 64 << 10

// write writes rows in the text format, all of a metric together. Of a row that
// changes meanwhile the metrics that it had are written as they are then.
func (k *rows) write(w io.Writer, s shown, openMetrics bool) error {
	read := make([]reading, len(s.rows))
	b := make([]byte, 0, piece+piece/8)
	for i, m := range k.metrics {
		begun := false
		for next := 0; next < len(s.rows); {
			b = b[:0]
			k.mu.Lock()
			for ; next < len(s.rows) && len(b) < piece; next++ {
				if read[next].next > byte('a'+i) {
					continue
				}
				r, lines := s.rows[next], s.rows[next].lines()
				if next == len(s.rows)-1 {
					lines = firstLines(lines, s.most)
				}
				for line := range read[next].of(r, lines, byte('a'+i)) {
					if !begun {
						begun = true
						b = appendHeader(b, m, openMetrics)
					}
					value := bytes.LastIndexByte(line, ' ')
					b = append(append(b, m.Name...), '{')
					b = append(append(b, r.text[:r.labels]...), line[:value]...)
					b = append(append(append(b, '}'), line[value:]...), '\n')
				}
			}
			k.mu.Unlock()
			if len(b) == 0 {
				continue
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// reading is how far a row has been read, so that each line is read once, and a row
// is not touched for metrics that it has not.
type reading struct {
	version, at uint32
	next        byte // the letter of the line there, 0xFF at the end
}

// of are the lines of the metric with a letter, without that and the newline. They
// are asked for in the order of the letters.
func (p *reading) of(r *row, lines []byte, letter byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if p.version != r.version {
			p.version, p.at = r.version, 0
		}
		for p.next = 0xFF; int(p.at) < len(lines); {
			line := lines[p.at:]
			if p.next = line[0]; p.next > letter {
				return
			}
			line = line[:bytes.IndexByte(line, '\n')]
			p.at += uint32(len(line)) + 1
			if line[0] == letter && !yield(line[1:]) {
				return
			}
		}
		p.next = 0xFF
	}
}

// firstLines are the first n lines.
func firstLines(lines []byte, n int) []byte {
	at := 0
	for ; n > 0 && at < len(lines); n-- {
		at += bytes.IndexByte(lines[at:], '\n') + 1
	}
	return lines[:at]
}

// appendHeader begins a metric. OpenMetrics calls a counter by its name without
// _total.
func appendHeader(b []byte, m Metric, openMetrics bool) []byte {
	name := m.Name
	if openMetrics && m.Type == "counter" {
		name = strings.TrimSuffix(name, "_total")
	}
	return append(b, "# HELP "+name+" "+m.Help+"\n# TYPE "+name+" "+m.Type+"\n"...)
}

// appendValue appends a row's lines with the value of one sample changed, 0 when
// there was none; nil takes the sample out. key is how its line begins.
func appendValue(b, lines []byte, key string, change func(float64) float64) []byte {
	at := 0
	for at < len(lines) && string(lines[at:]) < key {
		at += bytes.IndexByte(lines[at:], '\n') + 1
	}
	b, after, old := append(b, lines[:at]...), lines[at:], 0.0
	if rest, there := bytes.CutPrefix(after, []byte(key)); there {
		var text []byte
		text, after, _ = bytes.Cut(rest, []byte{'\n'})
		if v, err := strconv.ParseFloat(string(text), 64); err == nil { // appendFloat wrote it
			old = v
		}
	}
	if change != nil {
		b = append(appendFloat(append(b, key...), change(old)), '\n')
	}
	return append(b, after...)
}
