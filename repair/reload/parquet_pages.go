package reload

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// chunkCheck checks the pages of a column before the library reads them. The library
// trusts what a page says of its size, and of the number of its values.
type chunkCheck struct {
	f        *os.File
	meta     *format.ColumnMetaData
	optional bool
	left     *int64 // decompressed bytes that the file may still have
}

// pageHeader is what counts of a page's header.
type pageHeader struct {
	kind, size, packed  int64 // bytes, and bytes in the file
	values, encoding    int64
	definitions, levels int64 // bytes of levels before the values, in version 2
	unpacked            bool  // not compressed, whatever the column's codec is
}

// check walks over the pages of the column.
func (c chunkCheck) check(ctx context.Context) error {
	at := c.meta.DataPageOffset
	if d := c.meta.DictionaryPageOffset; d > 0 && d < at {
		at = d
	}
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	end := at + c.meta.TotalCompressedSize
	if at < 0 || c.meta.TotalCompressedSize < 0 || end > info.Size() {
		return errors.New("its pages are not within the file")
	}
	for seen := int64(0); seen < c.meta.NumValues; {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, n, err := c.header(at, end)
		if err != nil {
			return err
		}
		if err := c.page(h, at+n); err != nil {
			return err
		}
		if at += n + h.packed; h.kind != int64(format.DictionaryPage) {
			seen += h.values
		}
	}
	return nil
}

// header reads a page's header, and returns its length.
func (c chunkCheck) header(at, end int64) (h pageHeader, n int64, err error) {
	for _, size := range []int64{4 << 10, parquetHeader} {
		b := make([]byte, min(size, end-at))
		if _, err := c.f.ReadAt(b, at); err != nil {
			return h, 0, err
		}
		h, t := pageHeader{kind: -1}, thrift{b: b}
		if err = h.read(&t); err == nil {
			return h, int64(t.at), h.check(end - at - int64(t.at))
		}
		if !errors.Is(err, errThriftShort) {
			break
		}
	}
	return h, 0, fmt.Errorf("the header of a page: %w", err)
}

func (h *pageHeader) read(t *thrift) error {
	return t.fields(0, func(id int64, kind byte) (done bool, err error) {
		switch {
		case id == 1 && kind == thriftI32:
			h.kind, err = t.int()
		case id == 2 && kind == thriftI32:
			h.size, err = t.int()
		case id == 3 && kind == thriftI32:
			h.packed, err = t.int()
		case (id == 5 || id == 7 || id == 8) && kind == thriftStruct:
			err = h.readKind(t, id)
		default:
			return false, nil
		}
		return true, err
	})
}

// readKind reads the part of a header that is for data pages (5), dictionaries (7), or
// data pages of version 2 (8).
func (h *pageHeader) readKind(t *thrift, part int64) error {
	return t.fields(1, func(id int64, kind byte) (done bool, err error) {
		encoding := int64(2)
		if part == 8 {
			encoding = 4
		}
		switch {
		case id == 1 && kind == thriftI32:
			h.values, err = t.int()
		case id == encoding && kind == thriftI32:
			h.encoding, err = t.int()
		case part == 8 && id == 5 && kind == thriftI32:
			h.definitions, err = t.int()
		case part == 8 && id == 6 && kind == thriftI32:
			h.levels, err = t.int()
		case part == 8 && id == 7:
			h.unpacked = kind == thriftFalse
			return false, nil
		default:
			return false, nil
		}
		return true, err
	})
}

func (h *pageHeader) check(left int64) error {
	switch {
	case h.size < 0 || h.size > parquetPage || h.packed > parquetPage:
		return fmt.Errorf("a page has %d bytes, %d in the file: want %d at most", h.size, h.packed, parquetPage)
	case h.packed < 0 || h.packed > left:
		return errors.New("a page is not within its column")
	case h.values < 0 || h.values > parquetValues:
		return fmt.Errorf("a page has %d values: want %d at most", h.values, parquetValues)
	case h.definitions < 0 || h.levels < 0 || h.definitions+h.levels > h.packed:
		return errors.New("the levels of a page are not within it")
	}
	return nil
}

// page checks the content of a page at a place of the file.
func (c chunkCheck) page(h pageHeader, at int64) error {
	if *c.left -= h.size; *c.left < 0 {
		return errors.New("it is too large when it is decompressed")
	}
	packed := make([]byte, h.packed)
	if _, err := c.f.ReadAt(packed, at); err != nil {
		return err
	}
	levels := packed[:h.definitions+h.levels]
	body := packed[len(levels):]
	if !h.unpacked {
		var err error
		if body, err = unpack(c.meta.Codec, body, h.size-int64(len(levels))); err != nil {
			return fmt.Errorf("a page: %w", err)
		}
	}
	switch format.PageType(h.kind) {
	case format.DictionaryPage:
		if h.encoding != int64(format.Plain) && h.encoding != int64(oldDictionary) {
			return errors.New("a dictionary is not plain")
		}
		return nil
	case format.DataPage:
		if !c.optional {
			return h.checkValues(body)
		}
		if len(body) < 4 {
			return errors.New("a page is too short")
		}
		n := binary.LittleEndian.Uint32(body)
		if int64(n) > int64(len(body)-4) {
			return errors.New("the levels of a page are not within it")
		}
		if err := checkRuns(body[4:4+n], 1, h.values); err != nil {
			return err
		}
		return h.checkValues(body[4+n:])
	case format.DataPageV2:
		if c.optional {
			if err := checkRuns(levels[h.levels:], 1, h.values); err != nil {
				return err
			}
		}
		return h.checkValues(body)
	}
	return fmt.Errorf("a page is of the kind %d", h.kind)
}

// oldDictionary is PLAIN_DICTIONARY, the encoding of dictionaries that older writers use.
const oldDictionary format.Encoding = 2

// checkValues checks encodings that say for themselves how many values there are.
func (h *pageHeader) checkValues(b []byte) error {
	switch format.Encoding(h.encoding) {
	case format.Plain, format.ByteStreamSplit:
		return nil
	case oldDictionary, format.RLEDictionary:
		if len(b) == 0 {
			return nil // all values are NULL
		}
		return checkRuns(b[1:], int(b[0]), h.values)
	case format.RLE:
		if len(b) < 4 {
			return nil
		}
		return checkRuns(b[4:], 1, h.values)
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray:
		t := thrift{b: b} // its numbers are those of the encoding too
		block, err := t.varint()
		if err != nil {
			return errors.New("a page is too short")
		}
		parts, err := t.varint()
		if err != nil {
			return errors.New("a page is too short")
		}
		values, err := t.varint()
		if err != nil || block > 1<<16 || parts == 0 || parts > block || values > uint64(h.values) {
			return errors.New("a page does not have the values that its encoding says")
		}
		return nil
	}
	return fmt.Errorf("the encoding %s is not read: write the file with plain or dictionary pages",
		format.Encoding(h.encoding))
}

// checkRuns checks that runs of values of some bits are not more than a page has. Writers
// fill the last run up.
func checkRuns(b []byte, bits int, values int64) error {
	if bits > 32 {
		return errors.New("a page has numbers of more than 32 bits for a dictionary")
	}
	t, n := thrift{b: b}, uint64(0)
	for t.at < len(b) {
		head, err := t.varint()
		if err != nil {
			return errors.New("the runs of a page are cut off")
		}
		size := uint64(bits+7) / 8
		if head&1 == 1 {
			n, size = n+8*min(head>>1, 1<<32), min(head>>1, 1<<32)*uint64(bits)
		} else {
			n += head >> 1
		}
		if n > 2*uint64(values)+4096 {
			return fmt.Errorf("a page has more than the %d values that its header says", values)
		}
		if size > uint64(len(b)-t.at) {
			size = uint64(len(b) - t.at) // of a last run that is not filled up
		}
		t.at += int(size)
	}
	return nil
}

// unpack decompresses a page of a known size.
func unpack(codec format.CompressionCodec, b []byte, size int64) ([]byte, error) {
	wrong := fmt.Errorf("it has not the %d bytes that its header says when it is decompressed", size)
	var r io.Reader
	switch codec {
	case format.Uncompressed:
		return b, nil
	case format.Snappy:
		if n, err := snappy.DecodedLen(b); err != nil || int64(n) != size {
			return nil, wrong
		}
		return snappy.Decode(nil, b)
	case format.Gzip:
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		r = z
	case format.Zstd:
		z, err := zstd.NewReader(bytes.NewReader(b), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(parquetPage), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	default:
		return nil, fmt.Errorf("pages compressed by %s are not read: write the file with ZSTD, SNAPPY or GZIP", codec)
	}
	if size < 0 {
		return nil, wrong
	}
	out := make([]byte, size)
	if _, err := io.ReadFull(r, out); err != nil && size > 0 {
		return nil, wrong
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || err == nil {
		return nil, wrong
	}
	return out, nil
}
