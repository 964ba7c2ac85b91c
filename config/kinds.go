package config

import (
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// registry is a set of kinds, each a struct whose fields are its keys.
type registry struct {
	word   string // noun for an unknown key in messages
	title  string // noun for a kind in the documentation
	page   string // folder of its page in docs/
	names  func() []string
	new    func(name string) (any, error)
	only   string // message for an entry of more than one key; empty: more keys are allowed
	second string // message for a second kind
}

var registries = map[reflect.Type]registry{
	reflect.TypeFor[checks.Check](): {
		word: "check", title: "check", page: "checks", names: checks.Kinds, new: maker(checks.New),
		only: "a check is one kind with its fields, such as `- row_count: {min: 1}`: indent the fields below the kind",
	},
	reflect.TypeFor[exporters.Exporter](): {
		word: "exporter", title: "exporter", page: "exporters", names: exporters.Kinds, new: maker(exporters.New),
		only: "an exporter is one kind with its fields, such as `- jsonl: {file: results.jsonl}`",
	},
	reflect.TypeFor[notify.Notifier](): {
		word: "channel", title: "channel", page: "notify", names: notify.Kinds, new: maker(notify.New),
		second: "a second kind: give it a name of its own",
	},
	reflect.TypeFor[repair.Action](): {
		word: "key", title: "repair action", page: "repair", names: repair.Actions, new: maker(repair.New),
		second: "a second action: give it an item of its own",
	},
}

// doc describes a kind in one sentence.
func (reg registry) doc(name string) string {
	return "Keys of the " + reg.title + " " + name + ": see docs/" + reg.page + "/" + name + ".md."
}

// maker adapts the New function of a registry to return any.
func maker[T any](create func(string) (T, error)) func(string) (any, error) {
	return func(name string) (any, error) { return create(name) }
}

// kind is one kind of the registry of T, under its name.
type kind[T any] struct {
	kindName string // name of the kind; empty: none was given
	fields   *yaml.Node
	it       T
}

// kinded is an entry that embeds a kind.
type kinded interface {
	registry() registry
	take(r *reader, f field)
}

func (*kind[T]) registry() registry { return registries[reflect.TypeFor[T]()] }

// take decodes a kind's fields.
func (k *kind[T]) take(r *reader, f field) {
	reg := k.registry()
	if k.kindName != "" {
		r.wrong(f.key, "%s", reg.second)
		return
	}
	made, err := reg.new(f.name)
	if err != nil {
		r.wrong(f.key, "%v", err)
		return
	}
	k.kindName, k.fields, k.it = r.shared(f.name), f.value, made.(T)
	if isNull(f.value) {
		return
	}
	if reg.word == "check" {
		r.aliases(f.name, f.value)
	}
	r.decode(f.value, made)
}

// decodeNode also takes the short form of a check, such as row_count > 0.
func (c *checkEntry) decodeNode(r *reader, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		if !c.sodaCheck(r, n) {
			r.structure(inOurWords(n), reflect.ValueOf(c).Elem())
		}
		return
	}
	c.place(n)
	text, ok := r.text(n)
	if !ok {
		return
	}
	name, check, err := checks.ShortForm(text)
	if err != nil {
		r.wrong(n, "%v", err)
		return
	}
	c.kindName, c.it, c.fields = r.shared(name), check, n
}

func (checkEntry) describe() description {
	return description{
		of:    reflect.TypeFor[checkEntry](),
		short: "Short form: row_count > 0, freshness(column) < 1d, missing_percent(column) < 1%, schema.",
	}
}

// unknown records that an entry has no such key or kind.
func (r *reader) unknown(f field, keys []settings.Key, kinds kinded, of any) {
	if place := placeOf(f.name, of); place != "" {
		r.wrong(f.key, "unknown key %q: %s", f.name, place)
		return
	}
	word := "key"
	var known []string
	for _, k := range keys {
		known = append(known, k.Name)
	}
	if kinds != nil {
		word = kinds.registry().word
		known = append(known, kinds.registry().names()...)
	}
	if near, ok := settings.Nearest(f.name, known); !ok || secretInside().MatchString(near+":") {
		r.hideValue(f.value)
	}
	r.wrong(f.key, "%s", settings.UnknownWord(word, f.name, known))
}

// placeOf says where a key belongs that stands in another struct; "" where it has no place.
func placeOf(name string, of any) string {
	inDataset := keyIn(reflect.TypeFor[datasetEntry](), name).Name != ""
	inWarehouse := keyIn(reflect.TypeFor[warehouseEntry](), name).Name != ""
	atTop := keyIn(reflect.TypeFor[file](), name).Name != ""
	isKind := slices.Contains(checks.Kinds(), name)
	switch of.(type) {
	case checks.Check:
		if inDataset {
			return "it belongs to the dataset, beside `checks:`"
		}
	case *checkEntry:
		switch {
		case inDataset:
			return "it belongs to the dataset, beside `checks:`"
		case ofCheck(name) && !isKind:
			return "it belongs to a check: indent it below the kind, as in `- row_count: {" + name + ": ...}`"
		}
	case *datasetEntry:
		switch {
		case isKind:
			return "it is a check: write `- " + name + ":` with its keys under `checks:`"
		case ofCheck(name):
			return "it belongs to a check: write it under `checks:`, as in `- row_count: {" + name + ": ...}`"
		case atTop:
			return "it belongs to the top of the file"
		}
	case *file:
		switch {
		case keyIn(reflect.TypeFor[inheritable](), name).Name != "":
			return "it belongs under `defaults:`, or to a dataset"
		case inDataset:
			return "it belongs to a dataset, an item of `datasets:`"
		case inWarehouse:
			return "it belongs to a warehouse, below its name under `warehouses:`"
		}
	case *inheritable:
		switch {
		case inDataset:
			return "it cannot be inherited: it belongs to each dataset"
		case atTop:
			return "it belongs to the top of the file"
		}
	case *warehouseEntry:
		switch {
		case slices.Contains([]string{"url", "uri", "host", "port", "user", "password", "database", "connection"}, name):
			return "write all of the connection as `dsn: ENGINE://USER:PASSWORD@HOST:PORT/DATABASE`"
		case slices.Contains([]string{"type", "engine", "driver"}, name):
			return "the scheme of the dsn names the engine, or `dialect:` does"
		case atTop:
			return "it belongs to the top of the file"
		}
	}
	return ""
}

// ofCheck reports whether some kind of check has a key.
func ofCheck(name string) bool {
	for _, kind := range checks.Kinds() {
		if c, err := checks.New(kind); err == nil && keyIn(reflect.TypeOf(c).Elem(), name).Name != "" {
			return true
		}
	}
	return false
}
