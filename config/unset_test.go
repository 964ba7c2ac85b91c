package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/settings"
)

// decodeKey decodes a mapping of one key into a new struct with its defaults. It returns
// a pointer to the struct, and the mistakes.
func decodeKey(t *testing.T, of reflect.Type, key, value string) (any, []Mistake) {
	t.Helper()
	text := key + ": " + value + "\n"
	r := &reader{
		source: []byte(text),
		bad:    map[*yaml.Node]bool{},
		words:  map[string]string{},
		env:    func(string) (string, bool) { return "", false },
	}
	root := r.parse([]byte(text))
	if root == nil {
		t.Fatalf("%s: %+v", text, r.mistakes)
	}
	v := reflect.New(of)
	if of != reflect.TypeFor[checks.Confirm]() { // it also has a short form, and completes itself
		settings.Defaults(v.Interface())
	}
	for _, f := range r.fields(root, "a mapping") {
		for _, k := range settings.Keys(of) {
			if k.Name == f.name {
				r.value(f.value, v.Elem().FieldByIndex(k.Index))
				r.refuseZero(f, k, v.Elem().FieldByIndex(k.Index))
			}
		}
	}
	return v.Interface(), r.mistakes
}

// TestNullIsDefault gives every key a null. The value is then that of a file without the
// key. An inheritable key is another: its null disables the inherited value.
func TestNullIsDefault(t *testing.T) {
	t.Parallel()
	inherits := map[string]bool{}
	for _, k := range settings.Keys(reflect.TypeFor[inheritable]()) {
		inherits[k.Name] = true
	}
	walkStructs(reflect.TypeFor[file](), map[reflect.Type]bool{}, func(of reflect.Type, k settings.Key) {
		if of == reflect.TypeFor[inheritable]() || of == reflect.TypeFor[datasetEntry]() && inherits[k.Name] {
			return
		}
		want, _ := decodeKey(t, of, "no_key", "null")
		if got, wrong := decodeKey(t, of, k.Name, "null"); !reflect.DeepEqual(got, want) || wrong != nil {
			t.Errorf("%s of %s: null sets %+v, want %+v; mistakes %+v", k.Name, of, got, want, wrong)
		}
	})
}

// TestZeroIsNoDefault gives every number and duration with a default a zero. It is kept
// or refused.
func TestZeroIsNoDefault(t *testing.T) {
	t.Parallel()
	swept := 0
	walkStructs(reflect.TypeFor[file](), map[reflect.Type]bool{}, func(of reflect.Type, k settings.Key) {
		kind := k.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if probe := reflect.Zero(kind); k.Default == "" || !probe.CanInt() && !probe.CanFloat() {
			return
		}
		swept++
		for _, zero := range []string{"0", "0s", "0%"} {
			v, wrong := decodeKey(t, of, k.Name, zero)
			if len(wrong) > 0 {
				continue
			}
			settings.Defaults(v)
			field := reflect.ValueOf(v).Elem().FieldByIndex(k.Index)
			if field.Kind() != reflect.Pointer || !field.Elem().IsZero() {
				t.Errorf("%s of %s: %s becomes a default", k.Name, of, zero)
			}
		}
	})
	if swept < 20 {
		t.Errorf("%d keys have a default that is a number, want more", swept)
	}
}

func parseText(text string) (*Config, error) {
	return Parse("f.yaml", []byte(text), func(string) (string, bool) { return "", false })
}

// TestBlockOfCommentsIsNotSet parses files whose blocks have nothing but comments.
func TestBlockOfCommentsIsNotSet(t *testing.T) {
	t.Parallel()
	const plain = "warehouses: {shop: {dsn: \"sqlite:x.db\"}}\nnotify: {team: {log: {}}}\n" +
		"datasets:\n  - table: shop.t\n    checks: [row_count > 0, {freshness: {column: at, expected: \"0 6 * * *\"}}]\n"
	want, err := parseText(plain)
	if err != nil {
		t.Fatal(err)
	}
	empty := ""
	for _, k := range settings.Keys(reflect.TypeFor[file]()) {
		if !k.Required && k.Name != "notify" {
			empty += k.Name + ":\n  # all of it is a comment\n"
		}
	}
	got, err := parseText(plain + "    risk:\n    repair:\n" + empty)
	if err != nil {
		t.Fatal(err)
	}
	got.digest, want.digest, got.sum = nil, nil, want.sum
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Datasets[0].Checks[0].Tier != "warning" || got.Listen == "" || len(got.Routes) == 0 {
		t.Errorf("a default is lost: %+v", got)
	}
	for _, key := range []string{"warehouses", "datasets"} {
		var mistakes *Errors
		if _, err := parseText(strings.Replace(plain, key+":", key+":\nnone:", 1)); !errors.As(err, &mistakes) {
			t.Errorf("%s without a value is taken", key)
		}
	}
	if _, err := parseText(plain + "listen: \"\"\n"); err == nil {
		t.Error("an empty address is taken")
	}
}

// TestZeroRolloutRepairsNothing parses a policy whose limits are zero.
func TestZeroRolloutRepairsNothing(t *testing.T) {
	t.Parallel()
	policy := func(limits string) string {
		return FileWithExample("repair", "- on: [row_count]\n  sql: {do: [select 1]}\n  "+limits)
	}
	c, err := parseText(policy("rollout: 0%\n  cooldown: 0s\n  flap_window: 0s\n  retries: 0"))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Datasets[0].Repairs[0]
	if *p.Rollout != 0 || *p.Cooldown != 0 || *p.FlapWindow != 0 || *p.Retries != 0 {
		t.Errorf("%+v, want zeros", p)
	}
	for _, limits := range []string{"window: 0s", "attempts: 0", "max_rows: 0", "approval_within: 0s"} {
		if _, err := parseText(policy(limits)); err == nil || !strings.Contains(err.Error(), "want more than 0") {
			t.Errorf("%s: %v", limits, err)
		}
	}
}
