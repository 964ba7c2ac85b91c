package importers

// lower writes a function that `aggregate` does not have as its expression. A percentile is
// the nearest rank, a value of the column.
func lower(c Check) Check {
	if c.Kind != "aggregate" {
		return c
	}
	rank := ""
	switch c.Keys.Get("function") {
	case "median":
		rank = "0.5"
	case "percentile":
		rank = c.Keys.Get("percentile")
	default:
		return c
	}
	out := c
	out.Keys = nil
	out.Keys.Set("name", c.What)
	column := Column(c.Keys.Get("column"))
	out.Keys.Set("expression", "percentile_disc("+rank+") WITHIN GROUP (ORDER BY "+column+")")
	out.Keys.Set("where", c.Keys.Get("where"))
	return out
}
