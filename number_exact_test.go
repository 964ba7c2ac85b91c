package sentinel_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
)

// TestDecimalsAreExact compares decimals of any length as rationals do, and carries them
// through JSON.
func TestDecimalsAreExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		return b.String()
	}
	last := "0.3"
	for range 20000 {
		text := fmt.Sprintf("%s%s.%s", []string{"", "-", "+"}[r.IntN(3)], digits(1+r.IntN(18)), digits(1+r.IntN(30)))
		switch r.IntN(4) {
		case 0: // a neighbour of the last one
			text = last + digits(1+r.IntN(25))
		case 1:
			text = last + "00"
		}
		compareDecimals(t, last, text)
		last = "0.3"
		if strings.Contains(text, ".") && len(text) < 40 {
			last = text
		}
	}
	for _, pair := range [][2]string{
		{"0.3", "0.3000000000000000000001"}, {"1e-400", "0"}, {"0." + strings.Repeat("0", 399) + "1", "0"},
		{"123456789.123456789", "123456789.123456788"}, {"90071992547409.93", "90071992547409.94"},
		{"90071992547409931.00", "90071992547409931"}, {"90071992547409930.00", "90071992547409931"},
	} {
		compareDecimals(t, pair[0], pair[1])
	}
}

func compareDecimals(t *testing.T, a, b string) {
	t.Helper()
	x, err := sentinel.ParseNumber(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := sentinel.ParseNumber(b)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := new(big.Rat).SetString(a)
	q, _ := new(big.Rat).SetString(b)
	if got, want := x.Cmp(y), p.Cmp(q); got != want {
		t.Errorf("%s against %s: %d, want %d", a, b, got, want)
	}
	data, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var back sentinel.Number
	if err := json.Unmarshal(data, &back); err != nil || back.Cmp(x) != 0 {
		t.Errorf("%s: %s reads back as %s, %v", a, data, back, err)
	}
}
