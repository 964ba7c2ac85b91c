package checks

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	shortCount     = regexp.MustCompile(`^row_count\s*(.+)$`)
	shortFreshness = regexp.MustCompile(`^freshness\s*(?:\(\s*([^)]+?)\s*\)|using\s+(\S+))\s*<=?\s*(\S+)$`)
)

// ShortForm reads SodaCL's one-line checks, which say what must be true:
//
//	row_count > 0
//	row_count between 10 and 1000
//	freshness(created_at) < 1d6h
func ShortForm(s string) (kind string, c Check, err error) {
	text := strings.TrimSpace(s)
	if m := shortFreshness.FindStringSubmatch(text); m != nil {
		d, err := ParseDuration(m[3])
		if err != nil {
			return "", nil, err
		}
		return "freshness", &Freshness{Column: m[1] + m[2], Fail: d}, nil
	}
	if m := shortCount.FindStringSubmatch(text); m != nil {
		b, err := ParseBound(m[1])
		if err != nil {
			return "", nil, err
		}
		return "row_count", &RowCount{Fail: b.Not()}, nil
	}
	return "", nil, fmt.Errorf("check %q: want `row_count > 0`, `row_count between 10 and 1000`, `freshness(column) < 1d`, or one of %s with its fields", s, strings.Join(Kinds(), ", "))
}
