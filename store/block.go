package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// sample is one value of a series: microseconds since 1970, and what was there.
type sample struct {
	at    int64
	value sentinel.Number
}

// A row of the table block holds so many values at most: with more it would not
// stay on its page. Fewer than fewSamples join the values before them instead of
// becoming a row.
const blockSamples, fewSamples = 24, 8

// appendSamples appends samples as a row of block holds them.
func appendSamples(b []byte, all []sample) []byte {
	b = append(b, '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '['), s.at-all[0].at, 10)
		b = append(appendValue(append(b, ','), s.value), ']')
	}
	return append(b, ']')
}

// appendValue appends a number with all its digits; what is absent or not finite is
// null.
func appendValue(b []byte, n sentinel.Number) []byte {
	if v, ok := n.Int64(); ok {
		return strconv.AppendInt(b, v, 10)
	}
	if !n.Finite() {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, n.Float64(), 'g', -1, 64)
}

// samplesOf reads what appendSamples wrote.
func samplesOf(text string, first int64) (all []sample, err error) {
	all = make([]sample, 0, min(strings.Count(text, ","), blockSamples))
	err = eachTuple(text, func(r *tuple) {
		at := first + r.integer()
		r.need(',')
		all = append(all, sample{at, r.number()})
	})
	return all, err
}

// appendRecent appends one value as a row of recent holds it, without what
// separates it from others.
func appendRecent(b []byte, series, offset int64, value sentinel.Number) []byte {
	b = strconv.AppendInt(append(b, '['), series, 10)
	b = strconv.AppendInt(append(b, ','), offset, 10)
	return append(appendValue(append(b, ','), value), ']')
}

// eachRecent reads a row of recent.
func eachRecent(text string, at int64, do func(series int64, s sample)) error {
	return eachTuple(text, func(r *tuple) {
		series := r.integer()
		r.need(',')
		at := at + r.integer()
		r.need(',')
		do(series, sample{at, r.number()})
	})
}

// recentOf appends the values of one series in a row of recent, whose others are
// passed over unread.
func recentOf(all []sample, text string, at, series int64) ([]sample, error) {
	key := string(append(strconv.AppendInt([]byte{'['}, series, 10), ','))
	for {
		_, rest, more := strings.Cut(text, key)
		if !more {
			return all, nil
		}
		r := tuple{rest: rest}
		s := sample{at: at + r.integer()}
		r.need(',')
		s.value = r.number()
		if r.err != nil {
			return all, fmt.Errorf("%w: %w", ErrDamaged, r.err)
		}
		all, text = append(all, s), r.rest
	}
}

// tuple is a JSON array of numbers that is being read.
type tuple struct {
	rest string
	err  error
}

var errTuple = errors.New("not a list of lists of numbers")

// eachTuple reads a JSON array of arrays of numbers. do reads one array's.
func eachTuple(text string, do func(*tuple)) error {
	t := &tuple{rest: text}
	t.need('[')
	for n := 0; !t.skip(']') && t.err == nil; n++ {
		if n > 0 {
			t.need(',')
		}
		t.need('[')
		do(t)
		t.need(']')
	}
	if t.err == nil && t.rest != "" {
		t.err = errTuple
	}
	if t.err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, t.err)
	}
	return nil
}

func (t *tuple) skip(c byte) bool {
	if t.rest == "" || t.rest[0] != c {
		return false
	}
	t.rest = t.rest[1:]
	return true
}

func (t *tuple) need(c byte) {
	if !t.skip(c) && t.err == nil {
		t.err = errTuple
	}
}

// word is the text of the next number.
func (t *tuple) word() string {
	end := 0
	for end < len(t.rest) && t.rest[end] != ',' && t.rest[end] != ']' {
		end++
	}
	word := t.rest[:end]
	t.rest = t.rest[end:]
	return word
}

func (t *tuple) integer() int64 {
	v, err := strconv.ParseInt(t.word(), 10, 64)
	if t.err == nil {
		t.err = err
	}
	return v
}

func (t *tuple) number() sentinel.Number {
	word := t.word()
	if word == "" && t.err == nil {
		t.err = errTuple
	}
	n, err := sentinel.ParseNumber(word)
	if t.err == nil {
		t.err = err
	}
	return n
}

// inOrder sorts samples by time, and keeps the last of those of one instant.
func inOrder(all []sample) []sample {
	slices.SortStableFunc(all, func(a, b sample) int { return cmp.Compare(a.at, b.at) })
	kept := all[:0]
	for i, s := range all {
		if i+1 == len(all) || all[i+1].at != s.at {
			kept = append(kept, s)
		}
	}
	return kept
}
