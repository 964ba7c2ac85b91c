package reload

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// parquetRows reads a Parquet file row by row. Decimals keep all digits. Instants are
// written in UTC, and local times without a zone. It skips nested columns, as if the
// file did not have them. Files beyond the limits are refused. The library panics on some
// damaged files; parquetRows returns such a panic as an error of the file.
func parquetRows(ctx context.Context, f *os.File) (reader rowReader, err error) {
	defer recoverDamaged(&err)
	file, err := openParquet(f)
	if err != nil {
		return reader, err
	}
	info, err := f.Stat()
	if err != nil {
		return reader, err
	}
	reader.types = map[string]warehouse.Type{}
	rows := &parquetFileRows{f: f, file: file, group: -1, left: max(parquetTotal, parquetRatio*info.Size())}
	for _, field := range file.Schema().Fields() {
		leaf, ok := file.Schema().Lookup(field.Name())
		if !ok || field.Repeated() {
			continue
		}
		t := leaf.Node.Type()
		rows.columns = append(rows.columns, &parquetColumn{
			name: field.Name(), index: leaf.ColumnIndex, optional: field.Optional(), read: parquetReader(t),
		})
		reader.types[field.Name()] = parquetType(t)
	}
	reader.next = func() (row map[string]warehouse.Value, err error) {
		defer recoverDamaged(&err)
		return rows.next(ctx)
	}
	return reader, nil
}

func recoverDamaged(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the file is damaged: %v", p)
	}
}

// parquetType returns the type of a column: by its annotation, else by its storage. A
// column of bytes without an annotation may hold texts, as older writers do not mark them.
func parquetType(t parquet.Type) warehouse.Type {
	out := warehouse.Type{Native: t.String()}
	if annotation := t.LogicalType(); annotation != nil {
		switch a := annotation.Value.(type) {
		case *format.DecimalType:
			out.Family, out.Precision, out.Scale = warehouse.Decimal, int(a.Precision), int(a.Scale)
		case *format.DateType:
			out.Family = warehouse.Date
		case *format.TimeType: // the values are those of a clock, whatever IsAdjustedToUTC says
			out.Family, out.Precision = warehouse.Time, 10
		case *format.TimestampType:
			out.Family, out.Precision, out.Zoned = warehouse.Timestamp, 10, a.IsAdjustedToUTC
		case *format.IntType:
			out.Family, out.Bits, out.Unsigned = warehouse.Integer, int(a.BitWidth), !a.IsSigned
		case *format.UUIDType:
			out.Family = warehouse.UUID
		case *format.StringType, *format.EnumType:
			out.Family = warehouse.Text
		case *format.JsonType:
			out.Family = warehouse.JSON
		}
	}
	if out.Family != "" {
		return out
	}
	switch t.Kind() {
	case parquet.Boolean:
		out.Family = warehouse.Boolean
	case parquet.Int32:
		out.Family, out.Bits = warehouse.Integer, 32
	case parquet.Int64:
		out.Family, out.Bits = warehouse.Integer, 64
	case parquet.Int96:
		out.Family, out.Precision, out.Zoned = warehouse.Timestamp, 10, true
	case parquet.Float:
		out.Family, out.Bits = warehouse.FloatType, 32
	case parquet.Double:
		out.Family, out.Bits = warehouse.FloatType, 64
	default:
		out.Family = warehouse.Binary
	}
	return out
}

// parquetReader returns the function that reads the values of a type.
func parquetReader(t parquet.Type) func(parquet.Value) (warehouse.Value, error) {
	text := storedText
	if annotation := t.LogicalType(); annotation != nil {
		text = annotatedText(annotation.Value)
	}
	of := parquetType(t)
	of.Zoned = false // times are written in UTC, without their zone
	zoned := parquetType(t).Zoned
	return func(v parquet.Value) (warehouse.Value, error) {
		cell, err := text(v)
		if err != nil {
			return warehouse.Value{}, err
		}
		value, err := warehouse.StandardValue(warehouse.Cell{Text: cell}, of)
		if zoned {
			value.Kind = warehouse.InstantValue
		}
		return value, err
	}
}

// annotatedText returns the function that writes values of an annotated type.
func annotatedText(annotation any) func(parquet.Value) (string, error) {
	switch a := annotation.(type) {
	case *format.DecimalType:
		return func(v parquet.Value) (string, error) { return decimalText(v, int(a.Scale)) }
	case *format.DateType:
		return func(v parquet.Value) (string, error) {
			return time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly), nil
		}
	case *format.TimeType:
		return func(v parquet.Value) (string, error) {
			return timeInUnit(v, a.Unit).Format("15:04:05.999999999"), nil
		}
	case *format.TimestampType:
		return func(v parquet.Value) (string, error) { return timeInUnit(v, a.Unit).Format(parquetTime), nil }
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
	return storedText
}

// parquetTime is the form of a time, with all digits of the finest unit.
const parquetTime = "2006-01-02 15:04:05.999999999"

// storedText writes a value of a type without a more specific annotation.
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
	case parquet.Int96: // timestamps of older writers: nanoseconds of the day, then the Julian day
		i := v.Int96()
		nanos, day := int64(i[1])<<32|int64(i[0]), int64(i[2])-julianEpoch
		return time.Unix(day*86400, nanos).UTC().Format(parquetTime), nil
	}
	return string(v.ByteArray()), nil
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

// decimalText formats a decimal with all its digits.
func decimalText(v parquet.Value, scale int) (string, error) {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default: // two's complement, the highest byte first
		b := v.ByteArray()
		if len(b) > decimalBytes {
			return "", fmt.Errorf("a decimal has %d bytes: want %d at most", len(b), decimalBytes)
		}
		n.SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b)*8)))
		}
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return new(big.Rat).SetFrac(n, ten).FloatString(scale), nil
}
