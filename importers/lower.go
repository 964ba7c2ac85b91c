package importers

// lower writes a function that `aggregate` does not have as its expression. A median lies
// between two values if the number of values is even. A percentile is the nearest rank, a value
// of the column, as in the statements of Soda and Great Expectations.
func lower(c Check) Check {
	if c.Kind != "aggregate" {
		return c
	}
	function := ""
	switch c.Keys.Get("function") {
	case "median":
		function = "percentile_cont(0.5)"
	case "percentile":
		function = "percentile_disc(" + c.Keys.Get("percentile") + ")"
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
