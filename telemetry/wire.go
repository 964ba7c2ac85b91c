package telemetry

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protocol buffer that is being written, after the definitions of
// OTLP 1.x (opentelemetry-proto), whose field numbers never change. It is written by
// hand because the generated code, with the gRPC that comes with it, is a quarter
// of the memory of a small agent; tests read it back with the generated code.
// Zero values are left out, as proto3 has them.
type message []byte

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), s)
	}
}

func (m *message) raw(field protowire.Number, b []byte) {
	if len(b) > 0 {
		*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), b)
	}
}

func (m *message) number(field protowire.Number, v uint64) {
	if v != 0 {
		*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), v)
	}
}

func (m *message) fixed64(field protowire.Number, v uint64) {
	if v != 0 {
		m.always64(field, v)
	}
}

// always64 writes a number that is there even as zero: one of several, or optional.
func (m *message) always64(field protowire.Number, v uint64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), v)
}

func (m *message) double(field protowire.Number, v float64) { m.always64(field, math.Float64bits(v)) }

func (m *message) fixed32(field protowire.Number, v uint32) {
	if v != 0 {
		*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), v)
	}
}

func (m *message) time(field protowire.Number, t time.Time) {
	if !t.IsZero() {
		m.fixed64(field, uint64(t.UnixNano()))
	}
}

// sub writes a message in the message.
func (m *message) sub(field protowire.Number, write func(*message)) {
	var inner message
	write(&inner)
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), inner)
}

// packed writes a list of numbers of eight bytes.
func (m *message) packed(field protowire.Number, n int, at func(i int) uint64) {
	if n == 0 {
		return
	}
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.BytesType), uint64(8*n))
	for i := range n {
		*m = protowire.AppendFixed64(*m, at(i))
	}
}

func (m *message) attributes(field protowire.Number, list []attribute.KeyValue) {
	for _, a := range list {
		m.attribute(field, a)
	}
}

func (m *message) attribute(field protowire.Number, a attribute.KeyValue) {
	m.sub(field, func(kv *message) {
		kv.text(1, string(a.Key))
		kv.sub(2, func(v *message) { v.value(a.Value) })
	})
}

// value writes an AnyValue.
func (m *message) value(v attribute.Value) {
	list := func(n int, at func(i int) attribute.Value) {
		m.sub(5, func(array *message) {
			for i := range n {
				array.sub(1, func(item *message) { item.value(at(i)) })
			}
		})
	}
	switch v.Type() {
	case attribute.BOOL:
		m.flag(2, v.AsBool())
	case attribute.INT64:
		*m = protowire.AppendVarint(protowire.AppendTag(*m, 3, protowire.VarintType), uint64(v.AsInt64()))
	case attribute.FLOAT64:
		m.double(4, v.AsFloat64())
	case attribute.STRING:
		*m = protowire.AppendString(protowire.AppendTag(*m, 1, protowire.BytesType), v.AsString())
	case attribute.BOOLSLICE:
		s := v.AsBoolSlice()
		list(len(s), func(i int) attribute.Value { return attribute.BoolValue(s[i]) })
	case attribute.INT64SLICE:
		s := v.AsInt64Slice()
		list(len(s), func(i int) attribute.Value { return attribute.Int64Value(s[i]) })
	case attribute.FLOAT64SLICE:
		s := v.AsFloat64Slice()
		list(len(s), func(i int) attribute.Value { return attribute.Float64Value(s[i]) })
	case attribute.STRINGSLICE:
		s := v.AsStringSlice()
		list(len(s), func(i int) attribute.Value { return attribute.StringValue(s[i]) })
	case attribute.SLICE:
		s := v.AsSlice()
		list(len(s), func(i int) attribute.Value { return s[i] })
	case attribute.MAP:
		m.sub(6, func(pairs *message) { pairs.attributes(1, v.AsMap()) })
	case attribute.BYTESLICE:
		*m = protowire.AppendBytes(protowire.AppendTag(*m, 7, protowire.BytesType), v.AsByteSlice())
	case attribute.EMPTY: // a value that is none has no field
	}
}

// flag writes a boolean that is there even as false.
func (m *message) flag(field protowire.Number, v bool) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), protowire.EncodeBool(v))
}

func (m *message) resource(field protowire.Number, about *resource.Resource) {
	m.sub(field, func(r *message) { r.attributes(1, about.Attributes()) })
}

func (m *message) scope(field protowire.Number, s instrumentation.Scope) {
	m.sub(field, func(out *message) {
		out.text(1, s.Name)
		out.text(2, s.Version)
		out.attributes(3, s.Attributes.ToSlice())
	})
}
