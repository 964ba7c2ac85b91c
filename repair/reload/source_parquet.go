package reload

import (
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// parquetRows reads a Parquet file row by row: decimals keep their digits,
// instants are written in UTC, local times without a zone. A nested column has
// no place in a table: it is left out, as if the file did not have it. The
// library panics on some damaged files; that is the file's error.
func parquetRows(f *os.File) (next rowReader, err error) {
	defer recoverDamaged(&err)
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, err
	}
	columns := make([]parquetColumn, len(file.Schema().Columns()))
	for _, field := range file.Schema().Fields() {
		leaf, ok := file.Schema().Lookup(field.Name())
		if !ok || field.Repeated() {
			continue
		}
		columns[leaf.ColumnIndex] = parquetColumn{field.Name(), parquetText(leaf.Node.Type())}
	}
	rows, buffer, have := parquet.MultiRowGroup(file.RowGroups()...).Rows(), make([]parquet.Row, 64), []parquet.Row(nil)
	return func() (row map[string]warehouse.Cell, err error) {
		defer recoverDamaged(&err)
		for len(have) == 0 {
			n, err := rows.ReadRows(buffer)
			if n == 0 && err == nil {
				err = io.ErrNoProgress
			}
			if n == 0 {
				return nil, errors.Join(err, rows.Close())
			}
			have = buffer[:n]
		}
		row, err = parquetRow(columns, have[0])
		have = have[1:]
		return row, err
	}, nil
}

func recoverDamaged(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the file is damaged: %v", p)
	}
}

// parquetColumn is a column of the file; text is nil for a nested one.
type parquetColumn struct {
	name string
	text func(parquet.Value) (string, error)
}

func parquetRow(columns []parquetColumn, values parquet.Row) (map[string]warehouse.Cell, error) {
	row := make(map[string]warehouse.Cell, len(columns))
	for _, v := range values {
		c := columns[v.Column()]
		if c.text == nil {
			continue
		}
		cell := warehouse.Cell{Null: v.IsNull()}
		if !cell.Null {
			var err error
			if cell.Text, err = c.text(v); err != nil {
				return nil, fmt.Errorf("column %s: %w", c.name, err)
			}
		}
		row[c.name] = cell
	}
	return row, nil
}

// parquetText tells how values of a type are written, by its annotation, else
// by how it is stored.
func parquetText(t parquet.Type) func(parquet.Value) (string, error) {
	if annotation := t.LogicalType(); annotation != nil {
		switch a := annotation.Value.(type) {
		case *format.DecimalType:
			return func(v parquet.Value) (string, error) { return decimalText(v, int(a.Scale)) }
		case *format.DateType:
			return func(v parquet.Value) (string, error) {
				return time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly), nil
			}
		case *format.TimeType:
			return func(v parquet.Value) (string, error) {
				return timeInUnit(v, a.Unit).Format("15:04:05.999999"), nil
			}
		case *format.TimestampType:
			layout := "2006-01-02 15:04:05.999999"
			if a.IsAdjustedToUTC {
				layout = time.RFC3339Nano
			}
			return func(v parquet.Value) (string, error) { return timeInUnit(v, a.Unit).Format(layout), nil }
		case *format.IntType:
			if !a.IsSigned {
				return func(v parquet.Value) (string, error) {
					if v.Kind() == parquet.Int32 {
						return strconv.FormatUint(uint64(v.Uint32()), 10), nil
					}
					return strconv.FormatUint(v.Uint64(), 10), nil
				}
			}
		case *format.UUIDType:
			return func(v parquet.Value) (string, error) {
				b := v.ByteArray()
				return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
			}
		}
	}
	return storedText
}

// storedText writes a value that has no annotation that says more.
func storedText(v parquet.Value) (string, error) {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.FormatBool(v.Boolean()), nil
	case parquet.Int32:
		return strconv.FormatInt(int64(v.Int32()), 10), nil
	case parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10), nil
	case parquet.Float:
		return strconv.FormatFloat(float64(v.Float()), 'g', -1, 32), nil
	case parquet.Double:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64), nil
	case parquet.Int96: // timestamps of older writers: nanoseconds of the day, and the Julian day
		i := v.Int96()
		nanos, day := int64(i[1])<<32|int64(i[0]), int64(i[2])-julianEpoch
		return time.Unix(day*86400, nanos).UTC().Format(time.RFC3339Nano), nil
	}
	if b := v.ByteArray(); utf8.Valid(b) {
		return string(b), nil
	}
	return "", errors.New("binary columns are not read from files")
}

// julianEpoch is the Julian day of 1970-01-01.
const julianEpoch = 2440588

func timeInUnit(v parquet.Value, unit format.TimeUnit) time.Time {
	n := int64(0)
	if v.Kind() == parquet.Int32 {
		n = int64(v.Int32())
	} else {
		n = v.Int64()
	}
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return time.UnixMilli(n).UTC()
	case *format.MicroSeconds:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

// decimalText writes a decimal with all its digits.
func decimalText(v parquet.Value, scale int) (string, error) {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default: // two's complement, the highest byte first
		b := v.ByteArray()
		n.SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b)*8)))
		}
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(n, ten).FloatString(scale), nil
}
