package config

import "testing"

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]byteSize{
		"20GB": 20_000_000_000, "1.5 TB": 1_500_000_000_000, "500MB": 500_000_000, "10kB": 10_000, "12KB": 12_000, "7B": 7,
	} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "20", "GB", "-1GB", "0MB", "NaN GB", "Inf GB", "1e300TB", "20 gigs", "20GBs"} {
		if err := new(byteSize).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
