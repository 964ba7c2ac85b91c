package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
)

// Tick is one tick of one dataset: it was skipped, or it was run.
type Tick struct {
	Dataset int64  // the number of its name
	Skipped string // the reason why it was not run; "" for one that was
	Runs    []Run  // one for each check that was run
}

// Run is one run of one check.
type Run struct {
	Check    int64 // the number of its id
	Status   int   // a sentinel.Status
	Duration int64 // microseconds
	Message  string
}

// The first byte of encoded ticks says what follows.
const (
	plain = iota
	compressed
)

// level is as quick as zlib.BestSpeed for what a row holds, and saves a twelfth more.
const level = 3

// TickEncoder encodes ticks. Its zero value is ready to use. It may be reused, but is
// not safe for concurrent use.
type TickEncoder struct{ compressor *zlib.Writer }

// Encode returns the encoded ticks. The caller owns the result.
func (e *TickEncoder) Encode(ticks []Tick) ([]byte, error) {
	text := appendTicks([]byte{plain}, ticks)
	var out bytes.Buffer
	out.WriteByte(compressed)
	if e.compressor == nil {
		var err error
		if e.compressor, err = zlib.NewWriterLevel(&out, level); err != nil {
			return nil, err
		}
	} else {
		e.compressor.Reset(&out)
	}
	if _, err := e.compressor.Write(text[1:]); err != nil {
		return nil, err
	}
	if err := e.compressor.Close(); err != nil {
		return nil, err
	}
	if len(text) <= out.Len() {
		return text, nil
	}
	return out.Bytes(), nil
}

func appendTicks(b []byte, ticks []Tick) []byte {
	b = binary.AppendUvarint(b, uint64(len(ticks)))
	var before int64
	for _, t := range ticks {
		b = binary.AppendVarint(b, t.Dataset-before)
		b = binary.AppendUvarint(b, uint64(len(t.Runs)))
		before = t.Dataset
	}
	for _, t := range ticks {
		b = appendText(b, t.Skipped)
	}
	before = 0
	for r := range runsOf(ticks) {
		b = binary.AppendVarint(b, r.Check-before)
		before = r.Check
	}
	for r := range runsOf(ticks) {
		b = binary.AppendVarint(b, int64(r.Status))
	}
	for r := range runsOf(ticks) {
		b = binary.AppendVarint(b, r.Duration)
	}
	return appendMessages(b, ticks)
}

// appendMessages appends for each run the place of its message among the distinct ones,
// and those once where they are new.
func appendMessages(b []byte, ticks []Tick) []byte {
	places := map[string]uint64{}
	var texts []byte
	for r := range runsOf(ticks) {
		place, known := places[r.Message]
		if !known {
			place = uint64(len(places))
			places[r.Message] = place
			texts = appendText(texts, r.Message)
		}
		b = binary.AppendUvarint(b, place)
	}
	return append(b, texts...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// runsOf yields the runs of all ticks.
func runsOf(ticks []Tick) func(func(*Run) bool) {
	return func(yield func(*Run) bool) {
		for _, t := range ticks {
			for i := range t.Runs {
				if !yield(&t.Runs[i]) {
					return
				}
			}
		}
	}
}

// DecodeTicks decodes the output of [TickEncoder.Encode]. Its error is [ErrDamaged].
func DecodeTicks(b []byte) (ticks []Tick, err error) {
	if len(b) == 0 || b[0] > compressed {
		return nil, fmt.Errorf("%w: ticks of an unknown form", ErrDamaged)
	}
	text := b[1:]
	if b[0] == compressed {
		r, err := zlib.NewReader(bytes.NewReader(text))
		if err == nil {
			text, err = io.ReadAll(r)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: ticks: %w", ErrDamaged, err)
		}
	}
	r := reader{rest: text}
	ticks = r.ticks()
	return ticks, r.end("row of ticks")
}

func (r *reader) ticks() []Tick {
	ticks := make([]Tick, r.count())
	var before int64
	runs := 0
	for i := range ticks {
		before += r.varint()
		ticks[i].Dataset = before
		n := r.length()
		if runs += n; runs > len(r.rest)/4 { // a run takes four bytes at least
			r.damaged = true
			return nil
		}
		if n > 0 {
			ticks[i].Runs = make([]Run, n)
		}
	}
	for i := range ticks {
		ticks[i].Skipped = r.text()
	}
	before = 0
	for run := range runsOf(ticks) {
		before += r.varint()
		run.Check = before
	}
	for run := range runsOf(ticks) {
		run.Status = int(r.varint())
	}
	for run := range runsOf(ticks) {
		run.Duration = r.varint()
	}
	r.messages(ticks, runs)
	return ticks
}

// messages reads the messages of all runs.
func (r *reader) messages(ticks []Tick, runs int) {
	places := make([]uint64, 0, runs)
	distinct := uint64(0)
	for range runs {
		place := r.uvarint()
		if place > distinct {
			r.damaged = true
			return
		}
		if place == distinct {
			distinct++
		}
		places = append(places, place)
	}
	texts := make([]string, 0, distinct)
	for range distinct {
		texts = append(texts, r.text())
	}
	n := 0
	for run := range runsOf(ticks) {
		run.Message = texts[places[n]]
		n++
	}
}
