package settings_test

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/settings"
)

type common struct {
	Tier string `yaml:"tier" enum:"low,high"`
}

type nested struct {
	Over int `yaml:"over" default:"7"`
}

type example struct {
	common  `yaml:",inline"`
	Timeout time.Duration  `yaml:"timeout" default:"1d6h" doc:"Longest wait."`
	Repeat  *time.Duration `yaml:"repeat" default:"4h"`
	By      []string       `yaml:"by" default:"a,b" enum:"a,b,c"`
	Nested  *nested        `yaml:"nested"`
	Hidden  string         `yaml:"-"`
}

func TestKeysOfAStruct(t *testing.T) {
	t.Parallel()
	var names []string
	for _, k := range settings.Keys(reflect.TypeFor[example]()) {
		names = append(names, k.Name)
	}
	if got := fmt.Sprint(names); got != "[tier timeout repeat by nested]" {
		t.Error(got)
	}
}

func TestCompleteFillsInWhatIsMissing(t *testing.T) {
	t.Parallel()
	v := example{Nested: &nested{}}
	if err := settings.Complete(&v); err != nil {
		t.Fatal(err)
	}
	if v.Timeout != 30*time.Hour || *v.Repeat != 4*time.Hour || len(v.By) != 2 || v.Nested.Over != 7 {
		t.Errorf("%+v", v)
	}
	zero := time.Duration(0)
	v = example{Repeat: &zero, Nested: &nested{Over: 3}}
	if err := settings.Complete(&v); err != nil || *v.Repeat != 0 || v.Nested.Over != 3 {
		t.Errorf("%+v, %v: what is given stays", v, err)
	}
}

func TestWordsAreNamedByTheirPath(t *testing.T) {
	t.Parallel()
	err := settings.In("outer", settings.Complete(&example{common: common{"hihg"}, By: []string{"a", "x"}}))
	var got []string
	for _, e := range settings.Fields(err) {
		got = append(got, e.Error())
	}
	want := []string{
		`outer.tier: unknown word "hihg": did you mean "high"?`,
		`outer.by[1]: unknown word "x": did you mean "a"?`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestFieldsOfOtherErrors(t *testing.T) {
	t.Parallel()
	plain := errors.New("no such file")
	got := settings.Fields(errors.Join(plain, settings.In(settings.Member("env", "A.B"), plain), nil))
	if len(got) != 2 || got[0].Field != "" || got[1].Field != `env["A.B"]` || got[1].Msg != "no such file" {
		t.Errorf("%+v", got)
	}
	if settings.In("x", nil) != nil {
		t.Error("no mistake is none")
	}
}

// TestLongDurationsAreRefused holds that a duration is what is written, or refused: none
// runs over.
func TestLongDurationsAreRefused(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"ms", "s", "m", "h", "d", "w"} {
		one, err := settings.ParseDuration("1" + unit)
		if err != nil {
			t.Fatal(err)
		}
		for n, digits := int64(1), 1; digits <= 18; n, digits = n*10, digits+1 {
			text := strconv.FormatInt(n, 10) + unit
			d, err := settings.ParseDuration(text)
			fits := float64(n)*float64(one) <= float64(36525*24*time.Hour)
			if fits != (err == nil) || fits && d != time.Duration(n)*one {
				t.Errorf("%s: %v, %v", text, d, err)
			}
		}
	}
	if d, err := settings.ParseDuration("36525d1s"); err == nil {
		t.Errorf("longer than a century: %v", d)
	}
}
