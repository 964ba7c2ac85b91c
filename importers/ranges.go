package importers

import "strconv"

// Range is a range of numbers. An end of "" is none.
type Range struct {
	Low, High           string
	AboveLow, BelowHigh bool // the end is not in the range
}

// Outside returns the conditions under which a number is not in a range, or why they cannot
// be written.
func Outside(r Range) (bounds []string, why string) {
	for _, end := range []string{r.Low, r.High} {
		if _, err := strconv.ParseFloat(end, 64); end != "" && err != nil {
			return nil, "its end is no number: " + end
		}
	}
	switch {
	case r.Low == "" && r.High == "":
		return nil, "it has neither an upper nor a lower end"
	case r.Low != "" && r.High != "" && !r.AboveLow && !r.BelowHigh:
		return []string{"not between " + r.Low + " and " + r.High}, ""
	}
	if r.Low != "" {
		bounds = append(bounds, map[bool]string{false: "< ", true: "<= "}[r.AboveLow]+r.Low)
	}
	if r.High != "" {
		bounds = append(bounds, map[bool]string{false: "> ", true: ">= "}[r.BelowHigh]+r.High)
	}
	return bounds, ""
}
