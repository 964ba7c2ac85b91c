package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Columns of the rows that a Groups ask with Rank or Keys divides.
const (
	// rankName is the rank of the last row that has a value within its group: the number of rows
	// with this or a smaller one.
	rankName = "sentinel_rank"
	// rankedName is the number of rows with a value in the group.
	rankedName = "sentinel_ranked"
	// timesName is the number of rows that have a key or value.
	timesName = "sentinel_times"
	// stepName is the step of time.
	stepName = "sentinel_step"
)

// groupedRows is what a Groups ask divides: rows of a table, or what is made of them.
type groupedRows struct {
	from    string   // with its conditions
	columns []string // that the rows are divided by
}

// rows writes the rows that are divided.
func (g *Groups) rows(d warehouse.Dialect, of source, args *[]any) (out groupedRows, err error) {
	var step []string
	if g.Every > 0 {
		one, err := g.Window.Time.step(d, g.Every, g.Offset)
		if err != nil {
			return out, err
		}
		step = []string{one}
	}
	var by []string
	for _, c := range g.By {
		column, err := d.Quote(c)
		if err != nil {
			return out, err
		}
		by = append(by, column)
	}
	table, err := of.from(d, args)
	if err != nil {
		return out, err
	}
	conditions, err := g.Window.conditions(d, args)
	if err != nil {
		return out, err
	}
	equal, err := g.equalTo(d, args)
	if err != nil {
		return out, err
	}
	conditions = append(conditions, equal...)
	if g.Where != "" {
		conditions = append(conditions, filterText(g.Where))
	}
	if g.Rank == nil && g.Keys == nil {
		return groupedRows{table + whereClause(conditions), append(step, by...)}, nil
	}
	var outputs []string
	if out.columns = by; g.Every > 0 {
		outputs = append(outputs, step[0]+" AS "+stepName)
		out.columns = append([]string{stepName}, by...)
	}
	if g.Keys != nil {
		out.from, err = g.keyed(d, append(outputs, by...), append(step, by...), table, conditions)
	} else {
		out.from, err = g.ranked(d, append(outputs, by...), append(step, by...), table+whereClause(conditions))
	}
	return out, err
}

// ranked writes the different values of each group with the number of rows that have them, and
// their ranks. Values that are no finite numbers have ranks of their own, and rankedName is 0 there.
func (g *Groups) ranked(d warehouse.Dialect, outputs, same []string, rows string) (string, error) {
	tester, ok := d.(warehouse.ValueTester)
	if !ok {
		return "", fmt.Errorf("the dialect %s cannot test values of columns: use sql", d.Name())
	}
	value, err := d.Quote(g.Rank.Name)
	if err != nil {
		return "", err
	}
	group := append([]string{}, outputs...) // their names in the rows that are counted
	if g.Every > 0 {
		group[0] = stepName
	}
	names := append([]string{}, group...)
	if !slices.Contains(outputs, value) {
		outputs, same, names = append(outputs, value), append(same, value), append(names, value)
	}
	counted := value + " IS NOT NULL"
	if infinite := tester.IsNotFinite(value, g.Rank.Type); infinite != "" {
		counted += " AND NOT (" + infinite + ")"
	}
	window := "PARTITION BY " + strings.Join(append(group, "CASE WHEN "+counted+" THEN 1 ELSE 0 END"), ", ")
	names = append(
		names,
		timesName,
		fmt.Sprintf("sum(%s) OVER (%s ORDER BY %s) AS %s", timesName, window, value, rankName),
		fmt.Sprintf("sum(CASE WHEN %s THEN %s ELSE 0 END) OVER (%s) AS %s", counted, timesName, window, rankedName),
	)
	return fmt.Sprintf("(SELECT %s FROM (SELECT %s, count(*) AS %s FROM %s GROUP BY %s) v) r", strings.Join(names, ", "),
		strings.Join(outputs, ", "), timesName, rows, strings.Join(same, ", ")), nil
}

// keyed writes the keys of the rows with the number of rows that have each.
func (g *Groups) keyed(d warehouse.Dialect, outputs, same []string, table string, conditions []string) (string, error) {
	texts, err := keyTexts(d, g.Keys.Columns, g.Keys.ByText)
	if err != nil {
		return "", err
	}
	for _, c := range g.Keys.Columns {
		column, err := d.Quote(c.Name)
		if err != nil {
			return "", err
		}
		if !g.Keys.IncludeNull {
			conditions = append(conditions, column+" IS NOT NULL")
		}
	}
	outputs = append(outputs, "count(*) AS "+timesName)
	return fmt.Sprintf("(SELECT %s FROM %s%s GROUP BY %s) r", strings.Join(outputs, ", "), table, whereClause(conditions),
		strings.Join(append(same, texts...), ", ")), nil
}

// sameRows reports whether two questions have the same groups of the same rows. Totals are
// sums of counts: questions with other values share no statement with those.
func (g *Groups) sameRows(h *Groups) bool {
	apart := func(g, h *Groups) bool { return g.Totals && len(h.Values) > 0 && !h.Totals }
	return !apart(g, h) && !apart(h, g) && g.sameRank(h) && g.sameKeys(h) && g.Every == h.Every && g.Offset == h.Offset &&
		g.Limit == h.Limit && g.Where == h.Where && g.Window.equal(h.Window) && slices.Equal(g.By, h.By) &&
		slices.Equal(g.Equal, h.Equal)
}

func (g *Groups) sameRank(h *Groups) bool {
	if g.Rank == nil || h.Rank == nil {
		return g.Rank == h.Rank
	}
	return g.Rank.Name == h.Rank.Name
}

func (g *Groups) sameKeys(h *Groups) bool {
	if g.Keys == nil || h.Keys == nil {
		return g.Keys == h.Keys
	}
	name := func(a, b warehouse.Column) bool { return a.Name == b.Name }
	return g.Keys.ByText == h.Keys.ByText && g.Keys.IncludeNull == h.Keys.IncludeNull &&
		slices.EqualFunc(g.Keys.Columns, h.Keys.Columns, name)
}
