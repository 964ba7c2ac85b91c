package reload

import (
	"errors"
	"fmt"
)

// Limits of the metadata of a Parquet file. The library that reads it trusts its counts.
const (
	thriftDepth = 32      // of structures in each other
	thriftItems = 250_000 // of all lists of a file's footer
)

// thrift reads the compact protocol of Apache Thrift from bytes, within limits.
type thrift struct {
	b     []byte
	at    int
	items int
}

var errThriftShort = errors.New("its metadata is cut off")

func (t *thrift) byte() (byte, error) {
	if t.at >= len(t.b) {
		return 0, errThriftShort
	}
	t.at++
	return t.b[t.at-1], nil
}

func (t *thrift) varint() (v uint64, err error) {
	for shift := 0; shift < 64; shift += 7 {
		b, err := t.byte()
		if err != nil {
			return 0, err
		}
		if v |= uint64(b&0x7f) << shift; b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("its metadata has a number of more than 64 bits")
}

func (t *thrift) int() (int64, error) {
	v, err := t.varint()
	return int64(v>>1) ^ -int64(v&1), err
}

func (t *thrift) advance(n uint64) error {
	if n > uint64(len(t.b)-t.at) {
		return errThriftShort
	}
	t.at += int(n)
	return nil
}

// Types of the compact protocol.
const (
	thriftTrue, thriftFalse, thriftByte            = 1, 2, 3
	thriftI16, thriftI32, thriftI64                = 4, 5, 6
	thriftDouble, thriftBinary                     = 7, 8
	thriftList, thriftSet, thriftMap, thriftStruct = 9, 10, 11, 12
)

// fields calls visit with each field of a structure. visit reads the field's value and
// returns true, or leaves it.
func (t *thrift) fields(depth int, visit func(id int64, kind byte) (bool, error)) error {
	if depth > thriftDepth {
		return fmt.Errorf("its metadata is nested more than %d deep", thriftDepth)
	}
	for id := int64(0); ; {
		head, err := t.byte()
		if err != nil || head == 0 {
			return err
		}
		if delta := int64(head >> 4); delta > 0 {
			id += delta
		} else if id, err = t.int(); err != nil {
			return err
		}
		kind, done := head&15, false
		if visit != nil {
			if done, err = visit(id, kind); err != nil {
				return err
			}
		}
		if !done {
			if err := t.skip(kind, depth, false); err != nil {
				return err
			}
		}
	}
}

// skip passes over a value. A truth value takes a byte inside of a list only.
func (t *thrift) skip(kind byte, depth int, listed bool) (err error) {
	switch kind {
	case thriftTrue, thriftFalse:
		if listed {
			_, err = t.byte()
		}
	case thriftByte:
		_, err = t.byte()
	case thriftI16, thriftI32, thriftI64:
		_, err = t.varint()
	case thriftDouble:
		err = t.advance(8)
	case thriftBinary:
		var n uint64
		if n, err = t.varint(); err == nil {
			err = t.advance(n)
		}
	case thriftList, thriftSet, thriftMap:
		err = t.skipItems(kind, depth+1)
	case thriftStruct:
		err = t.fields(depth+1, nil)
	default:
		err = fmt.Errorf("its metadata has a value of the unknown kind %d", kind)
	}
	return err
}

func (t *thrift) skipItems(kind byte, depth int) error {
	if depth > thriftDepth {
		return fmt.Errorf("its metadata is nested more than %d deep", thriftDepth)
	}
	head, err := t.byte()
	if err != nil {
		return err
	}
	size, kinds := uint64(head>>4), []byte{head & 15}
	switch {
	case kind == thriftMap:
		t.at-- // the size comes first
		if size, err = t.varint(); err != nil || size == 0 {
			return err
		}
		if head, err = t.byte(); err != nil {
			return err
		}
		kinds = []byte{head >> 4, head & 15}
	case size == 15:
		if size, err = t.varint(); err != nil {
			return err
		}
	}
	if size > thriftItems || t.items+int(size) > thriftItems {
		return fmt.Errorf("its metadata has more than %d items", thriftItems)
	}
	t.items += int(size)
	for range size {
		for _, k := range kinds {
			if err := t.skip(k, depth, true); err != nil {
				return err
			}
		}
	}
	return nil
}
