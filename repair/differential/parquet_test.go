package differential_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
)

// parquetType is a type of a column of a Parquet file.
type parquetType struct {
	node   parquet.Node
	meant  string
	values []fileValue
}

func parquetValue(kind seenKind, text string, v parquet.Value) fileValue {
	if kind == seenText {
		return fileValue{textValue(text), v}
	}
	return fileValue{seenValue{kind, text}, v}
}

// wholes are integers as values of a type.
func wholes(kind seenKind, write func(n int64) parquet.Value, of ...int64) (values []fileValue) {
	for _, n := range of {
		values = append(values, parquetValue(kind, fmt.Sprint(n), write(n)))
	}
	return values
}

func as32(n int64) parquet.Value { return parquet.Int32Value(int32(n)) }

// moments are times as values of a type that counts units since 1970.
func moments(unit time.Duration, of ...string) (values []fileValue) {
	for _, text := range of {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			panic(err)
		}
		n := at.UnixNano() / int64(unit)
		if unit == time.Millisecond {
			n = at.UnixMilli()
		}
		if unit == time.Microsecond {
			n = at.UnixMicro()
		}
		values = append(values, parquetValue(seenMoment, text, parquet.Int64Value(n)))
	}
	return values
}

// twosComplement is a number as 16 bytes, the highest first.
func twosComplement(text string) parquet.Value {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		panic(text)
	}
	out := make([]byte, 16)
	n.Add(n, new(big.Int).Lsh(big.NewInt(1), 128)).And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128),
		big.NewInt(1))).FillBytes(out)
	return parquet.FixedLenByteArrayValue(out)
}

func texts(kind seenKind, of ...string) (values []fileValue) {
	for _, text := range of {
		seen := text
		if kind == seenBytes {
			seen = fmt.Sprintf("%x", text)
		}
		values = append(values, parquetValue(kind, seen, parquet.ByteArrayValue([]byte(text))))
	}
	return values
}

var parquetTypes = []parquetType{
	{parquet.Int(8), "number", wholes(seenNumber, as32, 1, -128, 127)},
	{parquet.Int(16), "number", wholes(seenNumber, as32, 1, -32768)},
	{parquet.Int(32), "number", wholes(seenNumber, as32, 7, math.MinInt32, math.MaxInt32)},
	{parquet.Int(64), "number", wholes(seenNumber, parquet.Int64Value, 7, math.MinInt64, 9007199254740993)},
	{parquet.Uint(32), "number", []fileValue{parquetValue(seenNumber, "7", as32(7)), parquetValue(seenNumber,
		"4294967295", as32(-1))}},
	{parquet.Uint(64), "number", []fileValue{parquetValue(seenNumber, "7", parquet.Int64Value(7)),
		parquetValue(seenNumber, "18446744073709551615", parquet.Int64Value(-1))}},
	{parquet.Leaf(parquet.Int64Type), "number", wholes(seenNumber, parquet.Int64Value, 7, -1)},
	{parquet.Decimal(2, 9, parquet.Int32Type), "number", []fileValue{parquetValue(seenNumber, "1.5", as32(150)),
		parquetValue(seenNumber, "-0.01", as32(-1)), parquetValue(seenNumber, "9999999.99", as32(999999999))}},
	{parquet.Decimal(4, 18, parquet.Int64Type), "number", []fileValue{parquetValue(seenNumber, "1.5",
		parquet.Int64Value(15000)),
		parquetValue(seenNumber, "-1.2345", parquet.Int64Value(-12345))}},
	{parquet.Decimal(3, 38, parquet.FixedLenByteArrayType(16)), "number", []fileValue{
		parquetValue(seenNumber, "1.5", twosComplement("1500")),
		parquetValue(seenNumber, "-1234567890123456789012.345", twosComplement("-1234567890123456789012345"))}},
	{parquet.Decimal(0, 9, parquet.Int32Type), "number", []fileValue{parquetValue(seenNumber, "7", as32(7))}},
	{parquet.Leaf(parquet.DoubleType), "float", []fileValue{parquetValue(seenFloat, "2.5", parquet.DoubleValue(2.5)),
		parquetValue(seenFloat, "0.30000000000000004", parquet.DoubleValue(0.30000000000000004)),
		parquetValue(seenFloat, "NaN", parquet.DoubleValue(math.NaN())), parquetValue(seenFloat, "-0",
			parquet.DoubleValue(math.Copysign(0, -1))),
		parquetValue(seenFloat, "5e-324", parquet.DoubleValue(5e-324)), parquetValue(seenFloat, "-Inf",
			parquet.DoubleValue(math.Inf(-1)))}},
	{parquet.Leaf(parquet.FloatType), "float", []fileValue{parquetValue(seenFloat32, "2.5", parquet.FloatValue(2.5)),
		parquetValue(seenFloat32, "0.1", parquet.FloatValue(0.1)), parquetValue(seenFloat32, "1e-45",
			parquet.FloatValue(1e-45))}},
	{parquet.Leaf(parquet.BooleanType), "boolean", []fileValue{parquetValue(seenBoolean, "true",
		parquet.BooleanValue(true)),
		parquetValue(seenBoolean, "false", parquet.BooleanValue(false))}},
	{parquet.String(), "text", texts(seenText, "a", "", "a  ", "ü€😀", "a,\"b\"\r\n\t", "\x01", strings.Repeat("x",
		70000), "NULL", "a\x00b", "ok")},
	{parquet.Enum(), "text", texts(seenText, "a", "ok", "ü; DROP")},
	{parquet.String(), "text", texts(seenText, "a\xff")}, // no UTF-8
	{parquet.Leaf(parquet.ByteArrayType), "bytes", texts(seenBytes, "a", "", "\x00\xff'", "\\x41")},
	{parquet.Leaf(parquet.ByteArrayType), "text", texts(seenText, "a", "ü")},
	{parquet.Leaf(parquet.FixedLenByteArrayType(4)), "bytes", []fileValue{
		parquetValue(seenBytes, "00ff2700", parquet.FixedLenByteArrayValue([]byte("\x00\xff'\x00")))}},
	{parquet.Date(), "date", []fileValue{parquetValue(seenTime, "2026-02-28", as32(20512)), parquetValue(seenTime,
		"1969-12-31", as32(-1)),
		parquetValue(seenTime, "9999-12-31", as32(2932896))}},
	{parquet.Time(parquet.Millisecond), "time", []fileValue{parquetValue(seenMoment, "01:02:03", as32(3723000)),
		parquetValue(seenMoment, "23:59:59.999", as32(86399999))}},
	{parquet.Time(parquet.Microsecond), "time", []fileValue{parquetValue(seenMoment, "01:02:03",
		parquet.Int64Value(3723000000)),
		parquetValue(seenMoment, "23:59:59.999999", parquet.Int64Value(86399999999))}},
	{parquet.Time(parquet.Nanosecond), "time", []fileValue{parquetValue(seenMoment, "01:02:03",
		parquet.Int64Value(3723000000000)),
		parquetValue(seenMoment, "00:00:00.000000001", parquet.Int64Value(1))}},
	{parquet.Timestamp(parquet.Millisecond), "timestamptz", moments(time.Millisecond, "2026-03-11T01:02:03Z",
		"1969-12-31T23:59:59.999Z",
		"9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z")},
	{parquet.Timestamp(parquet.Microsecond), "timestamptz", moments(time.Microsecond, "2026-03-11T01:02:03Z",
		"2026-10-25T01:30:00.000001Z")},
	{parquet.Timestamp(parquet.Nanosecond), "timestamptz", moments(1, "2026-03-11T01:02:03Z",
		"2026-10-25T01:30:00.000000001Z")},
	{parquet.TimestampAdjusted(parquet.Microsecond, false), "timestamp", moments(time.Microsecond, "2026-03-11T01:02:03Z",
		"2026-03-29T02:30:00.123456Z", "1900-01-01T00:00:00Z")},
	{parquet.Leaf(parquet.Int96Type), "timestamptz", []fileValue{parquetValue(seenMoment, "2026-03-11T01:00:00Z",
		parquet.Int96Value(deprecated.Int96{3_600_000_000_000 & 0xffffffff, 3_600_000_000_000 >> 32, 2440588 + 20523}))}},
	{parquet.JSON(), "json", texts(seenJSON, `{"a": 1}`, `{"b":1,"a":[1.100,null]}`, `[]`, `{"a":1,"a":2}`)},
	{parquet.UUID(), "uuid", []fileValue{parquetValue(seenText, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		parquet.FixedLenByteArrayValue([]byte("\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11")))}},
}

type parquetFormat struct{}

func (parquetFormat) column(r *rand.Rand, c column) fileColumn {
	if ofID(c) {
		return parquetKey(c)
	}
	near := slices.DeleteFunc(slices.Clone(parquetTypes), func(t parquetType) bool {
		return t.meant != c.meant() && t.meant+"tz" != c.meant() && t.meant != c.meant()+"tz"
	})
	if len(near) == 0 || chance(r, 14) {
		near = parquetTypes
	}
	t := pick(r, near)
	out := fileColumn{parquet: t, values: slices.Clone(t.values)}
	if (c.sql == "" || c.sql == "any") && t.node.Type() == parquet.ByteArrayType {
		for i := range out.values { // nothing says that they are texts
			out.values[i].seen.kind = seenBytes
		}
	}
	return out
}

// parquetKey is a column whose values belong to the id.
func parquetKey(c column) fileColumn {
	of := keyTexts(c)
	if c.name != "k" {
		return fileColumn{parquet: parquetType{node: parquet.Int(32)}, of: func(r *rand.Rand, id int) fileValue {
			v := of(r, id)
			n, ok := new(big.Int).SetString(v.written.(string), 10)
			if !ok {
				panic(v.written)
			}
			return parquetValue(seenNumber, n.String(), as32(n.Int64()))
		}}
	}
	return fileColumn{parquet: parquetType{node: parquet.String()}, of: func(r *rand.Rand, id int) fileValue {
		v := of(r, id)
		text, _ := v.written.(string)
		return fileValue{v.seen, parquet.ByteArrayValue([]byte(text))}
	}}
}

func (parquetFormat) write(f *fileSource) (err error) {
	group := parquet.Group{"id": parquet.Int(64), "at": parquet.Timestamp(parquet.Microsecond)}
	if f.clock == day {
		group["at"] = parquet.Date()
	}
	if f.clock == wall {
		group["at"] = parquet.TimestampAdjusted(parquet.Millisecond, false)
	}
	if f.clock == epoch {
		group["at"] = parquet.Int(64)
	}
	for _, c := range f.columns {
		group[c.name] = parquet.Optional(c.parquet.node)
	}
	schema := parquet.NewSchema("rows", group)
	var rows []parquet.Row
	for _, one := range f.current {
		rows = append(rows, f.parquetRow(schema, one))
	}
	out, err := os.Create(f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := parquet.NewGenericWriter[any](out, schema, parquet.MaxRowsPerRowGroup(7))
	if _, err := w.WriteRows(rows); err != nil {
		return err
	}
	return w.Close()
}

// parquetRow returns a row in the order of the schema.
func (f *fileSource) parquetRow(schema *parquet.Schema, one fileRow) parquet.Row {
	out := make(parquet.Row, len(f.columns)+2)
	set := func(name string, v parquet.Value, definition int) {
		leaf, _ := schema.Lookup(name)
		out[leaf.ColumnIndex] = v.Level(0, definition, leaf.ColumnIndex)
	}
	at := time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC).Add(one.offset)
	set("id", parquet.Int64Value(int64(one.id)), 0)
	switch f.clock {
	case day:
		set("at", as32(at.Unix()/86400), 0)
	case wall, epoch:
		set("at", parquet.Int64Value(at.UnixMilli()), 0)
	default:
		set("at", parquet.Int64Value(at.UnixMicro()), 0)
	}
	for i, v := range one.values {
		if written, some := v.written.(parquet.Value); some {
			set(f.columns[i].name, written, 1)
		} else {
			set(f.columns[i].name, parquet.Value{}, 0)
		}
	}
	return out
}
