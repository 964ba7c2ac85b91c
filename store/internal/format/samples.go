package format

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/sentinel-dq/sentinel"
)

// Sample is one value of a series.
type Sample struct {
	At    int64 // microseconds since 1970
	Value sentinel.Number
}

// Observed is a sample together with the id of its series.
type Observed struct {
	Series int64
	Sample
}

// The kinds of a value.
const (
	kindAbsent = iota
	kindInteger
	kindFloat
)

// AppendBlock appends the samples of one series to b. The samples must be in
// the order of time.
func AppendBlock(b []byte, samples []Sample) []byte {
	b = binary.AppendUvarint(b, uint64(len(samples)))
	var at, step, base int64
	for i, s := range samples {
		next := s.At - at
		b = binary.AppendVarint(b, next-step)
		at = s.At
		if i > 0 {
			step = next
		}
		b = appendValue(b, s.Value, base)
		if v, ok := s.Value.Int64(); ok {
			base = v
		}
	}
	return b
}

// DecodeBlock decodes the output of [AppendBlock]. Its error is [ErrDamaged].
func DecodeBlock(b []byte) ([]Sample, error) {
	r := reader{rest: b}
	samples := make([]Sample, 0, r.count())
	var at, step, base int64
	for i := range cap(samples) {
		next := r.varint() + step
		at += next
		if i > 0 {
			step = next
		}
		value := r.value(base)
		if v, ok := value.Int64(); ok {
			base = v
		}
		samples = append(samples, Sample{At: at, Value: value})
	}
	return samples, r.end("block of observations")
}

// AppendBundle appends values of many series to b.
func AppendBundle(b []byte, values []Observed) []byte {
	b = binary.AppendUvarint(b, uint64(len(values)))
	var series, at int64
	for _, v := range values {
		b = binary.AppendVarint(b, v.Series-series)
		b = binary.AppendVarint(b, v.At-at)
		b = appendValue(b, v.Value, 0)
		series = v.Series
		at = v.At
	}
	return b
}

// EachInBundle calls do for every value of the output of [AppendBundle], in order. Its
// error is [ErrDamaged].
func EachInBundle(b []byte, do func(Observed)) error {
	r := reader{rest: b}
	var series, at int64
	for range r.count() {
		series += r.varint()
		at += r.varint()
		value := r.value(0)
		if r.damaged {
			break
		}
		do(Observed{Series: series, Sample: Sample{At: at, Value: value}})
	}
	return r.end("bundle of observations")
}

func appendValue(b []byte, n sentinel.Number, base int64) []byte {
	if v, ok := n.Int64(); ok {
		return binary.AppendVarint(append(b, kindInteger), v-base)
	}
	if !n.Finite() {
		return append(b, kindAbsent)
	}
	return binary.LittleEndian.AppendUint64(append(b, kindFloat), math.Float64bits(n.Float64()))
}

// reader reads from the front of rest. After the first error it returns zeros.
type reader struct {
	rest    []byte
	damaged bool
}

// count reads the number of values. A value takes two bytes at least. A larger number
// than fits into rest is damage, so that it cannot claim much memory.
func (r *reader) count() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)-size)/2 {
		r.damaged = true
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *reader) varint() int64 {
	v, size := binary.Varint(r.rest)
	if size <= 0 {
		r.damaged = true
		return 0
	}
	r.rest = r.rest[size:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.damaged = true
		return 0
	}
	r.rest = r.rest[size:]
	return v
}

// length reads a number of bytes or more that follow. A larger number than is left is
// damage.
func (r *reader) length() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.damaged = true
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.length()
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

func (r *reader) value(base int64) sentinel.Number {
	if len(r.rest) == 0 {
		r.damaged = true
		return sentinel.Number{}
	}
	kind := r.rest[0]
	r.rest = r.rest[1:]
	switch {
	case kind == kindAbsent:
		return sentinel.Number{}
	case kind == kindInteger:
		return sentinel.Int(base + r.varint())
	case kind == kindFloat && len(r.rest) >= 8:
		bits := binary.LittleEndian.Uint64(r.rest)
		r.rest = r.rest[8:]
		return sentinel.Float(math.Float64frombits(bits))
	}
	r.damaged = true
	return sentinel.Number{}
}

// end reports damage, including bytes that are left over.
func (r *reader) end(what string) error {
	if r.damaged || len(r.rest) > 0 {
		return fmt.Errorf("%w: a %s cannot be read", ErrDamaged, what)
	}
	return nil
}
