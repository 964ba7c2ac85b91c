package page

import (
	"cmp"
	"slices"

	"github.com/sentinel-dq/sentinel/slo"
)

// mostLevels is how many service levels the overview shows: those with the least budget left.
const mostLevels = 8

// levels returns the service levels with the least budget left, and how many more there are.
func (s *Site) levels() (shown []slo.Report, more int) {
	all := slices.SortedStableFunc(slices.Values(s.Agent.ServiceLevels()), func(a, b slo.Report) int {
		return cmp.Or(cmp.Compare(a.Left, b.Left), a.Table.Compare(b.Table))
	})
	shown = all[:min(len(all), mostLevels)]
	return shown, len(all) - len(shown)
}
