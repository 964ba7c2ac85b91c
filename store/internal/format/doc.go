// Package format encodes observations and ticks for the state. Both engines
// store the same bytes. Begin with [AppendBlock] and [TickEncoder].
//
// All times are microseconds since 1970, UTC. A varint is the zigzag varint of
// [encoding/binary.AppendVarint]; a uvarint is that of
// [encoding/binary.AppendUvarint]. Differences wrap around at 64 bits.
//
// A block holds values of one series in the order of time:
//
//	uvarint  number of values
//	for each value:
//	  varint   for the first value: its time
//	           for the second:      its time minus the first time
//	           for each later one:  its step minus the step before it,
//	                                where a step is its time minus the time before it
//	  value    see below; the base is the newest integer before it in the block, 0 at first
//
// A bundle holds values of many series, in the order they came:
//
//	uvarint  number of values
//	for each value:
//	  varint   series id minus the id before it (0 at first)
//	  varint   time minus the time before it (0 at first)
//	  value    see below; the base is 0
//
// A value is one byte that says its kind, and what follows from the kind:
//
//	0  absent: nothing follows. SQL NULL, NaN and the infinities are absent.
//	1  integer: varint of the integer minus the base
//	2  float: the 8 bytes of its IEEE 754 bits, little-endian
//
// A tick is a JSON array of [Tick], compressed as a zlib stream (RFC 1950).
package format

import "errors"

// ErrDamaged says that bytes are not what this package wrote.
var ErrDamaged = errors.New("not a sentinel state, or damaged")
