package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a number of bytes, written with a unit. Zero: not said.
type byteSize int64

// sizeUnits are powers of 1000. The last one is the suffix of the others.
var sizeUnits = []struct {
	name  string
	bytes float64
}{{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}}

// UnmarshalText reads 20GB.
func (s *byteSize) UnmarshalText(text []byte) error {
	wrong := fmt.Errorf("%q: want a size with its unit, such as 20GB", text)
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(n > 0) || n*unit.bytes > math.MaxInt64/2 {
			return wrong
		}
		*s = byteSize(n * unit.bytes)
		return nil
	}
	return wrong
}
