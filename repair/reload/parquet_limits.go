package reload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	compact "github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Limits of Parquet files. They bound the memory and the time that reading takes,
// whatever a file says of itself.
const (
	parquetFooter    = 16 << 20 // bytes of metadata
	parquetColumns   = 10_000
	parquetDepth     = 32       // of columns in each other
	parquetPrecision = 76       // digits of a decimal
	parquetPage      = 64 << 20 // bytes of a page, also decompressed
	parquetValues    = 4 << 20  // values of a page
	parquetHeader    = 1 << 20  // bytes of a page's header
	parquetTotal     = 4 << 30  // decompressed bytes of a file that is small
	parquetRatio     = 100      // decompressed bytes for each byte of a larger file
	decimalBytes     = 32       // of one value of a decimal
)

// openParquet opens a file whose metadata is within the limits.
func openParquet(f *os.File) (*parquet.File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	footer, err := readFooter(f, info.Size())
	if err != nil {
		return nil, err
	}
	scan := thrift{b: footer}
	if err := scan.fields(0, nil); err != nil {
		return nil, err
	}
	var metadata format.FileMetaData
	if err := compact.Unmarshal(&compact.CompactProtocol{}, footer, &metadata); err != nil {
		return nil, fmt.Errorf("its metadata: %w", err)
	}
	if err := checkParquetSchema(metadata.Schema); err != nil {
		return nil, err
	}
	return parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

// readFooter returns the metadata at the end of a file.
func readFooter(f *os.File, size int64) ([]byte, error) {
	var end [8]byte
	if size < 12 {
		return nil, errors.New("it is too short for a Parquet file")
	}
	if _, err := f.ReadAt(end[:], size-8); err != nil {
		return nil, err
	}
	if string(end[4:]) != "PAR1" {
		return nil, errors.New("it does not end like a Parquet file that is not encrypted")
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	switch {
	case n > size-12:
		return nil, errThriftShort
	case n > parquetFooter:
		return nil, fmt.Errorf("its metadata has %d bytes: want %d at most", n, parquetFooter)
	}
	footer := make([]byte, n)
	_, err := f.ReadAt(footer, size-8-n)
	return footer, err
}

// checkParquetSchema checks the columns of a file, which stand in the order of a tree.
func checkParquetSchema(schema []format.SchemaElement) error {
	if len(schema) == 0 || len(schema) > parquetColumns {
		return fmt.Errorf("it has %d columns: want 1 to %d", len(schema)-1, parquetColumns)
	}
	at, names := 1, map[string]bool{}
	var walk func(children int32, depth int) error
	walk = func(children int32, depth int) error {
		if depth > parquetDepth {
			return fmt.Errorf("its columns are nested more than %d deep", parquetDepth)
		}
		for range children {
			if at >= len(schema) {
				return errors.New("its schema lacks columns that it counts")
			}
			e := &schema[at]
			at++
			if depth == 1 && names[e.Name] {
				return fmt.Errorf("it has the column %s twice", e.Name)
			}
			if depth == 1 {
				names[e.Name] = true
			}
			if e.TypeLength.V < 0 || e.TypeLength.V > parquetHeader {
				return fmt.Errorf("column %s: values of %d bytes", e.Name, e.TypeLength.V)
			}
			if err := checkDecimal(e); err != nil {
				return fmt.Errorf("column %s: %w", e.Name, err)
			}
			if err := walk(e.NumChildren.V, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(schema[0].NumChildren.V, 1); err != nil {
		return err
	}
	if at < len(schema) {
		return errors.New("its schema has columns that it does not count")
	}
	return nil
}

// checkDecimal checks the digits of a decimal: the format wants a scale within the
// precision.
func checkDecimal(e *format.SchemaElement) error {
	check := func(precision, scale int32) error {
		if precision < 1 || precision > parquetPrecision || scale < 0 || scale > precision {
			return fmt.Errorf("decimal(%d,%d): want 1 to %d digits, and a scale of 0 to as many", precision, scale,
				parquetPrecision)
		}
		return nil
	}
	if d, ok := e.LogicalType.Value.(*format.DecimalType); ok {
		return check(d.Precision, d.Scale)
	}
	if e.ConvertedType.Valid && e.ConvertedType.V == deprecated.Decimal {
		return check(e.Precision.V, e.Scale.V)
	}
	return nil
}
