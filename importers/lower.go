package importers

import (
	"strconv"
	"strings"
)

// lower writes a function that `aggregate` does not have as its expression. The median of other
// tools lies between two values if the number of values is even, and that of `aggregate` is the
// lower of them. A percentile is the nearest rank everywhere, a value of the column.
func lower(c Check) Check {
	if c.Kind != "aggregate" {
		return c
	}
	function, percentile := "", c.Keys.Get("percentile")
	switch c.Keys.Get("function") {
	case "median":
		function = "percentile_cont(0.5)"
	case "percentile":
		if ofAggregate(percentile) {
			return c
		}
		function = "percentile_disc(" + percentile + ")"
	default:
		return c
	}
	out := c
	out.Keys = nil
	out.Keys.Set("name", c.What)
	column := Column(c.Keys.Get("column"))
	out.Keys.Set("expression", function+" WITHIN GROUP (ORDER BY "+column+")")
	out.Keys.Set("where", c.Keys.Get("where"))
	return out
}

// ofAggregate reports whether `aggregate` has a percentile.
func ofAggregate(percentile string) bool {
	p, err := strconv.ParseFloat(percentile, 64)
	_, decimals, _ := strings.Cut(percentile, ".")
	return err == nil && p > 0 && p <= 1 && len(decimals) <= 6 && !strings.ContainsAny(percentile, "eEx_")
}
