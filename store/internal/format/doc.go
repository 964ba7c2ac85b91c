// Package format encodes observations, ticks and results for the state. Both engines
// store the same bytes. Begin with [AppendBlock] and [TickEncoder].
//
// Times are microseconds since 1970, UTC, where nothing else is said. A varint is the zigzag varint of
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
// The ticks of one row come after one byte: 0, or 1 if what follows is a zlib stream
// (RFC 1950). Names of datasets and ids of checks are numbers of the table name. Values of
// one kind stand together, so that they compress well:
//
//	uvarint  number of ticks
//	for each tick:
//	  varint   number of the dataset minus that of the tick before (0 at first)
//	  uvarint  number of its runs
//	for each tick: the reason why it was skipped, a text; empty if it was run
//	for each run:  varint, number of the check minus that of the run before (0 at first)
//	for each run:  varint, status
//	for each run:  varint, microseconds
//	for each run:  uvarint, the place of its message among the distinct messages
//	for each distinct message, in the order in which they come first: a text
//
// The last results of a dataset come after one byte, 1. Those that versions before wrote are JSON,
// and begin with a bracket.
//
//	uvarint  number of results
//	for each result:
//	  text     id of the check
//	  text     its kind
//	  varint   nanoseconds that it took
//	  varint   status
//	  text     message
//	  text     source of the evidence
//	  text     confidence of the evidence
//	  time     of the evidence
//	  uvarint  number of observations
//	  for each observation:
//	    text     metric
//	    text     segment
//	    byte     1 if the segment has no rows any more, else 0
//	    time     bucket
//	    value    as above, with the base 0; or 3 and its text, for decimals and what is not finite
//	  text     what few results have, such as findings, as JSON; empty for nothing
//
// A text is a uvarint, the number of its bytes, and the bytes. A time is a varint, seconds since
// 1970, and a uvarint, nanoseconds after them. The zero time is in the year 1.
package format

import "errors"

// ErrDamaged says that bytes are not what this package wrote.
var ErrDamaged = errors.New("not a sentinel state, or damaged")
