package config

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/settings"
)

// decode reads a node into the value that v points to. It finds fields by their yaml
// tags. An unknown key and a value of the wrong type are mistakes, each recorded at its
// position. A null leaves the value as it is. decode reports whether there were no
// mistakes.
func (r *reader) decode(n *yaml.Node, v any) bool {
	before := len(r.mistakes)
	r.value(n, reflect.ValueOf(v).Elem())
	return len(r.mistakes) == before
}

// nodeDecoder is a type that reads its node itself.
type nodeDecoder interface {
	decodeNode(r *reader, n *yaml.Node)
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

func (r *reader) value(n *yaml.Node, v reflect.Value) {
	if d, ok := v.Addr().Interface().(nodeDecoder); ok {
		d.decodeNode(r, n)
		return
	}
	if isNull(n) {
		return // the key is not set: a default stays
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		r.value(n, v.Elem())
		return
	}
	switch t := v.Addr().Interface().(type) {
	case *checks.Duration, *time.Duration:
		v.SetInt(int64(r.duration(n)))
		return
	case *checks.DeclaredColumns:
		*t = r.columns(n)
		return
	case *checks.ValueList:
		*t = r.values(n)
		return
	case *sentinel.Secret:
		if s, skipped := r.skipText(n); skipped {
			*t = s
		} else if text, ok := r.text(n); ok {
			if !strings.HasPrefix(text, "sqlite:") { // the path of a file is no secret
				r.secrets = append(r.secrets, text)
			}
			*t = sentinel.NewSecret(text)
		}
		return
	case *settings.Command:
		*t = r.command(n)
		return
	case encoding.TextUnmarshaler:
		if text, ok := r.text(n); ok {
			if err := t.UnmarshalText([]byte(text)); err != nil {
				r.wrong(n, "%v", err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.structure(n, v)
	case reflect.Slice:
		r.list(n, v)
	case reflect.Map:
		r.mapping(n, v)
	case reflect.Interface:
		v.Set(reflect.ValueOf(r.anything(n)))
	default:
		r.scalar(n, v)
	}
}

func (r *reader) structure(n *yaml.Node, v reflect.Value) {
	if l, ok := v.Addr().Interface().(interface{ place(n *yaml.Node) }); ok {
		l.place(n)
	}
	kinds, _ := v.Addr().Interface().(kinded)
	if kinds != nil && kinds.registry().only != "" && (n.Kind != yaml.MappingNode || len(n.Content) != 2) {
		r.wrong(n, "%s", kinds.registry().only)
		return
	}
	keys := settings.AllKeys(v.Type())
	fields := r.fields(n, wantMapping(keys, kinds))
	for _, f := range fields {
		if n == r.root {
			r.key = f.name
		}
		i := slices.IndexFunc(keys, func(k settings.Key) bool { return k.Name == f.name })
		switch {
		case i >= 0 && keys[i].ValueOf != "": // below, when the values that stand in the file are known
		case i >= 0:
			r.value(f.value, v.FieldByIndex(keys[i].Index))
			r.refuseZero(f, keys[i], v.FieldByIndex(keys[i].Index))
		case kinds != nil && slices.Contains(kinds.registry().names(), f.name):
			kinds.take(r, f)
		default:
			r.unknown(f, keys, kinds, v.Addr().Interface())
		}
	}
	for _, k := range keys {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == k.Name })
		if k.ValueOf != "" && i >= 0 && !isNull(fields[i].value) {
			if n == r.root {
				r.key = k.ValueOf
			}
			r.sourceKey(n, fields[i], k, v.FieldByIndex(k.Index))
		}
	}
}

// refuseZero refuses an explicit zero of a number or duration that would become the
// default. The field of a key for which zero means something is a pointer.
func (r *reader) refuseZero(f field, k settings.Key, v reflect.Value) {
	number := v.CanInt() || v.CanFloat()
	if number && v.IsZero() && k.Default != "" && !isNull(f.value) && !r.isWrong(f.value) {
		r.wrong(f.value, "%s: want more than 0: without this key it is %s", k.Name, k.Default)
	}
}

// wantMapping says which mapping was expected.
func wantMapping(keys []settings.Key, kinds kinded) string {
	if kinds != nil {
		return "a kind such as `" + kinds.registry().names()[0] + ":` with its fields"
	}
	var names []string
	for _, k := range keys {
		if k.ValueOf == "" && len(names) < 3 {
			names = append(names, k.Name)
		}
	}
	return "a mapping with keys such as " + strings.Join(names, ", ")
}

// list reads a list. It also accepts a single text as a list of one.
func (r *reader) list(n *yaml.Node, v reflect.Value) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	} else if n.Kind != yaml.ScalarNode || !oneText(v.Type().Elem()) {
		r.wrong(n, "want a list: begin each item with `- `")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		r.value(item, v.Index(i))
	}
}

// oneText reports whether the YAML of a type is a single text.
func oneText(t reflect.Type) bool {
	return t.Kind() != reflect.Struct || t == reflect.TypeFor[sentinel.Secret]() ||
		reflect.PointerTo(t).Implements(textType)
}

func (r *reader) mapping(n *yaml.Node, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	for _, f := range r.fields(n, "a mapping of names: write each name and a colon, without a dash, and its keys below") {
		item := reflect.New(v.Type().Elem()).Elem()
		r.value(f.value, item)
		v.SetMapIndex(reflect.ValueOf(f.name).Convert(v.Type().Key()), item)
	}
}

// anything reads a value without a fixed type, such as a hook's JSON body.
func (r *reader) anything(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for _, f := range r.fields(n, "a mapping") {
			out[f.name] = nil
			if !isNull(f.value) {
				out[f.name] = r.anything(f.value)
			}
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			out[i] = r.anything(item)
		}
		return out
	}
	text, _ := r.text(n)
	switch n.ShortTag() {
	case "!!int":
		if i, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 64); err == nil {
			return i
		}
	case "!!float":
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case "!!bool":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

func (r *reader) scalar(n *yaml.Node, v reflect.Value) {
	text, ok := r.text(n)
	if !ok {
		return
	}
	want, err := settings.SetScalar(v, text)
	if err != nil {
		r.wrong(n, "%q: want %s", r.mask(text), want)
	}
}

// counted is a duration in dbt's form.
type counted struct {
	Count  int    `yaml:"count" required:"true" doc:"How many."`
	Period string `yaml:"period" required:"true" enum:"minute,hour,day" doc:"Of what."`
}

// duration reads 1d6h, or dbt's {count: 12, period: hour}.
func (r *reader) duration(n *yaml.Node) time.Duration {
	if n.Kind != yaml.MappingNode {
		text, ok := r.text(n)
		d, err := settings.ParseDuration(text)
		if ok && err != nil {
			r.wrong(n, "%v", err)
		}
		return d
	}
	var dbt counted
	if !r.decode(n, &dbt) {
		return 0
	}
	d, err := checks.Periods(dbt.Count, dbt.Period)
	if err != nil {
		r.wrong(n, "%v", err)
	}
	return d
}

// columns reads a list of names, a map of name to type, or a list of
// {name, type, nullable}.
func (r *reader) columns(n *yaml.Node) (out checks.DeclaredColumns) {
	const want = "want a list of {name, type, nullable}, a list of names, or a map of name: type"
	switch n.Kind {
	case yaml.MappingNode:
		for _, f := range r.fields(n, want) {
			c := checks.DeclaredColumn{Name: f.name}
			if !isNull(f.value) {
				c.Type, _ = r.text(f.value)
			}
			out = append(out, c)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c := checks.DeclaredColumn{}
			if item.Kind == yaml.ScalarNode {
				c.Name, _ = r.text(item)
			} else {
				r.decode(item, &c)
			}
			out = append(out, c)
		}
	default:
		r.wrong(n, want)
	}
	return out
}
