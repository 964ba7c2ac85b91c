package rowvalues

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Digest stands for the values of a set of rows, in any order: the number of rows, and
// sums of hashes of their canonical encodings. It is a sum because an exclusive or cancels
// out a pair of equal rows. Its form is part of stored checkpoints.
type Digest struct {
	Rows    int64
	Sums    [2]uint64 // of the rows' hashes
	Columns []uint64  // of the hashes in each column; they only name the column that differs
}

// RowHash is the hash of a row, or of its key.
type RowHash [16]byte

// HashRow returns the hash of values. It calls each, if it is not nil, with the encoding
// of every value.
func HashRow(row []warehouse.Value, each func(i int, encoding []byte)) RowHash {
	var b []byte
	for i, v := range row {
		begin := len(b)
		b = AppendCanonical(b, v)
		if each != nil {
			each(i, b[begin:])
		}
	}
	sum := sha256.Sum256(b)
	return RowHash(sum[:])
}

// Add adds a row.
func (d *Digest) Add(row []warehouse.Value) RowHash {
	if d.Columns == nil {
		d.Columns = make([]uint64, len(row))
	}
	hash := HashRow(row, func(i int, encoding []byte) { d.Columns[i] += hashBytes(encoding) })
	d.Rows++
	d.Sums[0] += binary.BigEndian.Uint64(hash[:8])
	d.Sums[1] += binary.BigEndian.Uint64(hash[8:])
	return hash
}

// hashBytes is the hash FNV-1a, mixed so that sums of it spread.
func hashBytes(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	return h ^ h>>31
}

// Clone returns a copy to which rows can be added apart.
func (d Digest) Clone() Digest {
	d.Columns = slices.Clone(d.Columns)
	return d
}

// Equal reports whether both stand for the same rows.
func (d Digest) Equal(other Digest) bool { return d.Rows == other.Rows && d.Sums == other.Sums }

// Differing names the columns in which two sets of rows differ.
func (d Digest) Differing(other Digest, names []string) string {
	var out []string
	for i, name := range names {
		if i >= len(d.Columns) || i >= len(other.Columns) || d.Columns[i] != other.Columns[i] {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return "the rows hold the values in other combinations"
	}
	return "different in " + strings.Join(out, ", ")
}

// Index finds a row by its key, to name one that differs. It holds a bounded number of
// rows, and none without a key.
type Index struct {
	Key  []int // positions of the key's columns
	rows map[RowHash]RowHash
}

// indexedRows bounds an Index: 32 bytes each.
const indexedRows = 100_000

// NewIndex returns an empty index of rows with these columns.
func NewIndex(columns, key []string) *Index {
	x := &Index{rows: map[RowHash]RowHash{}}
	for _, k := range key {
		i := slices.Index(columns, k)
		if i < 0 {
			return &Index{}
		}
		x.Key = append(x.Key, i)
	}
	return x
}

// KeyOf returns the values of a row's key.
func (x *Index) KeyOf(row []warehouse.Value) []warehouse.Value {
	key := make([]warehouse.Value, len(x.Key))
	for i, at := range x.Key {
		key[i] = row[at]
	}
	return key
}

// Add adds a row with its hash.
func (x *Index) Add(row []warehouse.Value, hash RowHash) {
	if len(x.Key) == 0 || x.rows == nil {
		return
	}
	if len(x.rows) >= indexedRows {
		x.rows = nil // a part of the rows would name rows that do not differ
		return
	}
	x.rows[HashRow(x.KeyOf(row), nil)] = hash
}

// Differs reports whether the index knows the row's key, and another row under it.
func (x *Index) Differs(row []warehouse.Value) bool {
	if len(x.Key) == 0 || len(x.rows) == 0 {
		return false
	}
	known, found := x.rows[HashRow(x.KeyOf(row), nil)]
	return found && known != HashRow(row, nil)
}

// ShownKey names the row of a key in a message.
func ShownKey(columns []string, key []int, row []warehouse.Value) string {
	parts := make([]string, len(key))
	for i, at := range key {
		parts[i] = fmt.Sprintf("%s = %s", columns[at], Shown(row[at]))
	}
	return strings.Join(parts, ", ")
}
