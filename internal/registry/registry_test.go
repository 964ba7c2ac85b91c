package registry_test

import (
	"slices"
	"testing"

	"github.com/sentinel-dq/sentinel/internal/registry"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	r := registry.New[int]("number")
	r.Add("two", 2)
	r.Add("one", 1)
	if v, err := r.Get("two"); v != 2 || err != nil || !r.Has("one") || r.Has("three") {
		t.Error(v, err)
	}
	if got := r.Names(); !slices.Equal(got, []string{"one", "two"}) {
		t.Error(got)
	}
	for name, want := range map[string]string{
		"tow":    `unknown number "tow": did you mean "two"?`,
		"eleven": `unknown number "eleven": want one of one, two`,
	} {
		if _, err := r.Get(name); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	defer func() {
		if p := recover(); p != "number registered twice: one" {
			t.Error(p)
		}
	}()
	r.Add("one", 11)
}
