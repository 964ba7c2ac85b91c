package checks_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// A snapshot is what encoding/json makes of the table's tags: older states hold
// such, with their digests. Every field is set, so that a new one is not forgotten.
func TestASnapshotFollowsTheTags(t *testing.T) {
	t.Parallel()
	var full warehouse.Table
	fill(reflect.ValueOf(&full).Elem(), 2)
	tables := map[string]warehouse.Table{
		"zero": {}, "full": full,
		"empty lists": {
			Columns:      []warehouse.Column{},
			Unique:       []warehouse.Key{{Columns: []string{}}},
			PartitionKey: []string{},
		},
		"zero members": {
			Columns:     make([]warehouse.Column, 2),
			PrimaryKey:  &warehouse.Key{},
			ForeignKeys: make([]warehouse.ForeignKey, 1),
			Indexes:     make([]warehouse.Index, 1),
			Partitions:  make([]warehouse.Partition, 1),
		},
		"negative": {Columns: []warehouse.Column{{Position: -1, Type: warehouse.Type{Values: []string{}}}}},
	}
	for name, table := range tables {
		got := string(checks.EncodeSnapshot(&table))
		table.Rows, table.Bytes, table.Written, table.Modified, table.Analyzed = 0, 0, 0, time.Time{}, time.Time{}
		for i := range table.Partitions {
			table.Partitions[i].Rows = 0
		}
		want, err := json.Marshal(struct {
			Version int
			Table   *warehouse.Table
		}{1, &table})
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		back, err := checks.DecodeSnapshot([]byte(got))
		if err != nil {
			t.Fatal(err)
		}
		if again := string(checks.EncodeSnapshot(back)); again != got {
			t.Errorf("%s, read back:\n%s\nwant\n%s", name, again, got)
		}
	}
}

// fill sets every exported field, pointers to their own type to a depth.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("a \"b\" <c> & größe \u2028 \n")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint16:
		v.SetUint(5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), depth)
		}
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth)
			}
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf(errors.New("not stored")))
	default:
		panic("a field of kind " + v.Kind().String())
	}
}

// storedSnapshot is a snapshot as an earlier version stored it, and its digest.
const (
	storedSnapshot = `{"Version":1,"Table":{"Schema":"public","Name":"größe \u003c1\u003e","ID":"16385","Kind":"view",` +
		`"Comment":"a \u0026 b","Columns":[{"Name":"id","ID":"1","Position":1,"Type":{"Native":"bigint",` +
		`"Family":"integer","Bits":64}},{"Name":"mood","Position":2,"Type":{"Native":"mood","Family":"enum",` +
		`"Values":["sad","ok"]},"Nullable":true,"Default":"'ok'::mood"}],"PrimaryKey":{"Name":"pk","Columns":["id"]},` +
		`"Unique":[],"ForeignKeys":[{"Name":"fk","Columns":["id"],"References":{"Schema":"public","Name":"t"},` +
		`"RefColumns":["id"],"OnUpdate":"no action","OnDelete":"cascade"}],"Indexes":[{"Name":"ix",` +
		`"Columns":["mood"],"Method":"btree","Definition":"btree (mood) WHERE id \u003e 5"}],"PartitionKey":["id"],` +
		`"PartitionBy":"range","Partitions":[{"Name":"p1","Bound":"FOR VALUES FROM (1) TO (2)","From":"1","To":"2",` +
		`"IsRange":true}],"Definition":"SELECT \"x\" FROM t WHERE a \u003c 1\n"}}`
	storedDigest = "57af2090cda13c3ee2d58e1d8752852d5c2561557e41d3695b32c74295f39275"
)

// The digest of a schema is the one that an earlier version stored: the first run
// after an upgrade sees the same schema.
func TestAStoredSnapshotKeepsItsDigest(t *testing.T) {
	t.Parallel()
	table, err := checks.DecodeSnapshot([]byte(storedSnapshot))
	if err != nil {
		t.Fatal(err)
	}
	table.Rows, table.Written, table.Modified = 12, 3, time.Now() // what changes with the rows is left out
	table.Partitions[0].Rows = 7
	if got := fmt.Sprintf("%x", sha256.Sum256(checks.EncodeSnapshot(table))); got != storedDigest {
		t.Errorf("digest %s of\n%s\nwant %s", got, checks.EncodeSnapshot(table), storedDigest)
	}
}
