package checks

import (
	"slices"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// mergedGroups is one statement for questions that divide the same rows in the same way.
type mergedGroups struct {
	Groups
	questions []question
	values    [][]int  // of each question, the places of its values in Groups.Values
	known     []string // identities of Groups.Values
}

// mergeGroups adds a question to the statement that divides the same rows, or to a new one.
func mergeGroups(d warehouse.Dialect, all []*mergedGroups, q question) []*mergedGroups {
	at := slices.IndexFunc(all, func(m *mergedGroups) bool {
		return m.Groups.sameRows(q.ask.Groups) && len(m.known)+len(q.ask.Groups.Values) <= mostOutputs &&
			visibleRows(m.questions[0].from.check) == visibleRows(q.from.check)
	})
	if at < 0 {
		at = len(all)
		all = append(all, &mergedGroups{Groups: *q.ask.Groups})
		all[at].Values = nil // those of the questions follow, each once
	}
	m := all[at]
	m.Totals = m.Totals || q.ask.Groups.Totals
	var places []int
	for _, v := range q.ask.Groups.Values {
		same, err := v.identity(d, false)
		k := slices.Index(m.known, same)
		if k < 0 || err != nil { // compileGroups returns the error
			k = len(m.known)
			m.known, m.Values = append(m.known, same), append(m.Values, v)
		}
		places = append(places, k)
	}
	m.questions, m.values = append(m.questions, q), append(m.values, places)
	return all
}

// of returns the answer to one of the questions.
func (m *mergedGroups) of(all Answer, question int) Answer {
	if all.Err != nil {
		return all
	}
	pick := func(g Group) Group {
		values := g.Values
		g.Values = nil
		for _, k := range m.values[question] {
			if k < len(values) {
				g.Values = append(g.Values, values[k])
			}
		}
		return g
	}
	groups := all.Groups
	all.Groups = make([]Group, len(groups))
	for i, g := range groups {
		all.Groups[i] = pick(g)
	}
	if all.Other != nil {
		other := pick(*all.Other)
		all.Other = &other
	}
	return all
}
