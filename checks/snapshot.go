package checks

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// snapshotVersion is the form of stored snapshots.
const snapshotVersion = 1

type snapshotForm struct {
	Version int
	Table   *warehouse.Table
}

// EncodeSnapshot writes a table's shape for the store, without what changes with
// its rows: the same shape is the same text.
func EncodeSnapshot(t *warehouse.Table) []byte {
	return appendSnapshot(make([]byte, 0, 256+128*(len(t.Columns)+len(t.Indexes))), t)
}

func appendSnapshot(b []byte, t *warehouse.Table) []byte {
	shape := *t
	shape.Rows, shape.Bytes, shape.Written, shape.Modified, shape.Analyzed = 0, 0, 0, time.Time{}, time.Time{}
	shape.Partitions = slices.Clone(shape.Partitions)
	for i := range shape.Partitions {
		shape.Partitions[i].Rows = 0
	}
	w := snapshotWriter{b}
	w.b = strconv.AppendInt(append(w.b, `{"Version":`...), snapshotVersion, 10)
	w.b = append(w.b, `,"Table":`...)
	w.table(&shape)
	return append(w.b, '}')
}

// DecodeSnapshot reads what EncodeSnapshot wrote.
func DecodeSnapshot(b []byte) (*warehouse.Table, error) {
	var s snapshotForm
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("decoding a schema snapshot: %w", err)
	}
	if s.Version != snapshotVersion || s.Table == nil {
		return nil, fmt.Errorf("decoding a schema snapshot: form %d is not known to this version", s.Version)
	}
	return s.Table, nil
}

// DecodeSnapshots decodes the snapshots of several checks; one that is damaged
// is left out and said in the error.
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

// snapshotWriter appends a table as encoding/json does, without reflection: every
// look at a table writes it anew, to see whether it is as it was accepted.
type snapshotWriter struct{ b []byte }

func (w *snapshotWriter) table(t *warehouse.Table) {
	w.object(func() {
		w.names(t.TableName)
		w.text("ID", t.ID)
		w.text("Kind", string(t.Kind))
		w.text("Comment", t.Comment)
		list(w, "Columns", t.Columns, w.column)
		if t.PrimaryKey != nil {
			w.key("PrimaryKey")
			w.keyOf(t.PrimaryKey)
		}
		list(w, "Unique", t.Unique, w.keyOf)
		list(w, "ForeignKeys", t.ForeignKeys, w.foreignKey)
		list(w, "Indexes", t.Indexes, w.index)
		w.texts("PartitionKey", t.PartitionKey)
		w.text("PartitionBy", t.PartitionBy)
		list(w, "Partitions", t.Partitions, w.partition)
		w.text("Definition", t.Definition)
		w.number("Unreadable", int(t.Unreadable))
	})
}

func (w *snapshotWriter) names(n warehouse.TableName) {
	w.key("Schema")
	w.value(n.Schema)
	w.key("Name")
	w.value(n.Name)
}

func (w *snapshotWriter) column(c *warehouse.Column) {
	w.object(func() {
		w.text("Name", c.Name)
		w.text("ID", c.ID)
		w.number("Position", c.Position)
		before := len(w.b)
		w.key("Type")
		if w.typed(&c.Type); w.b[len(w.b)-2] == '{' { // a type of which nothing is known is left out
			w.b = w.b[:before]
		}
		w.flag("Nullable", c.Nullable)
		w.text("Default", c.Default)
		w.text("Generated", c.Generated)
		w.text("Collation", c.Collation)
		w.text("Comment", c.Comment)
	})
}

func (w *snapshotWriter) typed(t *warehouse.Type) {
	w.object(func() {
		w.text("Native", t.Native)
		w.text("Family", string(t.Family))
		w.number("Length", t.Length)
		w.number("Precision", t.Precision)
		w.number("Scale", t.Scale)
		w.number("Bits", t.Bits)
		w.flag("Unsigned", t.Unsigned)
		w.flag("Zoned", t.Zoned)
		w.texts("Values", t.Values)
		if t.Element != nil {
			w.key("Element")
			w.typed(t.Element)
		}
	})
}

func (w *snapshotWriter) keyOf(k *warehouse.Key) {
	w.object(func() {
		w.text("Name", k.Name)
		w.texts("Columns", k.Columns)
	})
}

func (w *snapshotWriter) foreignKey(f *warehouse.ForeignKey) {
	w.object(func() {
		w.text("Name", f.Name)
		w.texts("Columns", f.Columns)
		if f.References != (warehouse.TableName{}) {
			w.key("References")
			w.object(func() { w.names(f.References) })
		}
		w.texts("RefColumns", f.RefColumns)
		w.text("OnUpdate", f.OnUpdate)
		w.text("OnDelete", f.OnDelete)
	})
}

func (w *snapshotWriter) index(x *warehouse.Index) {
	w.object(func() {
		w.text("Name", x.Name)
		w.texts("Columns", x.Columns)
		w.flag("Unique", x.Unique)
		w.text("Method", x.Method)
		w.text("Partial", x.Partial)
		w.flag("Invalid", x.Invalid)
		w.text("Definition", x.Definition)
	})
}

func (w *snapshotWriter) partition(p *warehouse.Partition) {
	w.object(func() {
		w.text("Name", p.Name)
		w.text("Bound", p.Bound)
		w.text("From", p.From)
		w.text("To", p.To)
		w.flag("IsRange", p.IsRange)
		w.flag("Default", p.Default)
	})
}

func (w *snapshotWriter) object(members func()) {
	w.b = append(w.b, '{')
	members()
	w.b = append(w.b, '}')
}

func (w *snapshotWriter) key(name string) {
	w.b = sentinel.AppendJSONKey(w.b, name)
}

// value appends a text, with <, > and & escaped.
func (w *snapshotWriter) value(s string) {
	if strings.ContainsAny(s, "<>&") {
		text, err := json.Marshal(s)
		if err != nil {
			panic(err) // of a text there is none
		}
		w.b = append(w.b, text...)
		return
	}
	w.b = sentinel.AppendJSONText(w.b, s)
}

func (w *snapshotWriter) text(name, s string) {
	if s != "" {
		w.key(name)
		w.value(s)
	}
}

func (w *snapshotWriter) number(name string, n int) {
	if n != 0 {
		w.key(name)
		w.b = strconv.AppendInt(w.b, int64(n), 10)
	}
}

func (w *snapshotWriter) flag(name string, set bool) {
	if set {
		w.key(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *snapshotWriter) texts(name string, all []string) {
	list(w, name, all, func(s *string) { w.value(*s) })
}

// list appends a list that is there: an empty one is not one that is missing.
func list[T any](w *snapshotWriter, name string, all []T, one func(*T)) {
	if all == nil {
		return
	}
	w.key(name)
	w.b = append(w.b, '[')
	for i := range all {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		one(&all[i])
	}
	w.b = append(w.b, ']')
}
