package dialecttest

import (
	"reflect"
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// CheckTypes checks that read gives every type its canonical form, and keeps the
// engine's own words in Native. Native may be left out of want.
func CheckTypes(t *testing.T, read func(native string) warehouse.Type, want map[string]warehouse.Type) {
	t.Helper()
	for native, want := range want {
		got := read(native)
		if got.Native == "" && native != "" {
			t.Errorf("%q: the engine's own words are lost", native)
		}
		if want.Native == "" {
			want.Native = got.Native
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", native, got, want)
		}
	}
}
