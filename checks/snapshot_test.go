package checks_test

import (
	"encoding/json"
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
		"empty lists":  {Columns: []warehouse.Column{}, Unique: []warehouse.Key{{Columns: []string{}}}, PartitionKey: []string{}},
		"zero members": {Columns: make([]warehouse.Column, 2), PrimaryKey: &warehouse.Key{}, ForeignKeys: make([]warehouse.ForeignKey, 1), Indexes: make([]warehouse.Index, 1), Partitions: make([]warehouse.Partition, 1)},
		"negative":     {Columns: []warehouse.Column{{Position: -1, Type: warehouse.Type{Values: []string{}}}}},
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
	default:
		panic("a field of kind " + v.Kind().String())
	}
}
