package checks

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

var shortFreshness = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^freshness\s*(?:\(\s*([^)]+?)\s*\)|using\s+(\S+))\s*<=?\s*(\S+)$`)
})

// ShortForm reads a kind's name alone, and SodaCL's one-line checks, which say
// what must be true:
//
//	row_count > 0
//	row_count between 10 and 1000
//	freshness(created_at) < 1d6h
func ShortForm(s string) (kind string, c Check, err error) {
	if kinds.Has(s) {
		c, err := New(s)
		return s, c, err
	}
	text := strings.TrimSpace(s)
	if rest, is := strings.CutPrefix(text, "row_count"); is {
		if rest = strings.TrimLeft(rest, blanks); rest != "" && !strings.Contains(rest, "\n") {
			b, err := ParseBound(rest)
			if err != nil {
				return "", nil, err
			}
			return "row_count", &RowCount{Fail: b.Not()}, nil
		}
	}
	if strings.HasPrefix(text, "freshness") {
		if m := shortFreshness().FindStringSubmatch(text); m != nil {
			d, err := ParseDuration(m[3])
			if err != nil {
				return "", nil, err
			}
			return "freshness", &Freshness{Column: m[1] + m[2], Fail: d}, nil
		}
	}
	return "", nil, fmt.Errorf("check %q: want `row_count > 0`, `row_count between 10 and 1000`, "+
		"`freshness(column) < 1d`, or one of %s with its fields", s, strings.Join(Kinds(), ", "))
}
