package checks

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// snapshotVersion is the version of the stored form of snapshots.
const snapshotVersion = 1

type snapshotForm struct {
	Version int
	Table   *warehouse.Table
}

// EncodeSnapshot encodes a table's schema as JSON for the store, without what changes
// with its rows. Equal schemas give equal bytes, so that their digests can be compared. The bytes follow the tags of
// [warehouse.Table]; stored states hold digests of them, so a tag that is there must
// not change.
func EncodeSnapshot(t *warehouse.Table) []byte {
	shape := *t
	shape.Rows, shape.Bytes, shape.Written = 0, 0, 0
	shape.Modified, shape.Analyzed = time.Time{}, time.Time{}
	shape.Partitions = slices.Clone(shape.Partitions)
	for i := range shape.Partitions {
		shape.Partitions[i].Rows = 0
	}
	b, err := json.Marshal(snapshotForm{snapshotVersion, &shape})
	if err != nil {
		// A table holds texts, numbers and lists of them, and zero times: none can fail.
		panic(fmt.Sprintf("checks: encoding a schema snapshot of %s: %v", t.Name, err))
	}
	return b
}

// DecodeSnapshot reads what EncodeSnapshot wrote.
func DecodeSnapshot(b []byte) (*warehouse.Table, error) {
	var s snapshotForm
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("decoding a schema snapshot: %w", err)
	}
	if s.Version != snapshotVersion || s.Table == nil {
		return nil, fmt.Errorf("decoding a schema snapshot: this version does not support format %d", s.Version)
	}
	return s.Table, nil
}

// DecodeSnapshots decodes the snapshots of several checks. It leaves out damaged ones
// and names them in the error.
func DecodeSnapshots(encoded map[string][]byte) (map[string]*warehouse.Table, error) {
	out := make(map[string]*warehouse.Table, len(encoded))
	var damaged []error
	for id, data := range encoded {
		t, err := DecodeSnapshot(data)
		if err != nil {
			damaged = append(damaged, fmt.Errorf("check %s: %w", id, err))
			continue
		}
		out[id] = t
	}
	return out, errors.Join(damaged...)
}
