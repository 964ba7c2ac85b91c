package agent

import (
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
)

// meanOf is how many ticks the cost of a part is the mean of; older ones count less and less.
const meanOf = 8

// budgetPart is checks of one dataset and schedule that share statements, so that they are
// moved together. What the statements of all of them take is not divided among them.
type budgetPart struct {
	Schedule string               `json:"schedule"` // as configured
	Checks   []string             `json:"checks"`   // ids, sorted
	Last     bool                 `json:"last,omitempty"`
	Costs    map[string]*partCost `json:"costs"` // by the warehouse that statements were sent to

	rarest time.Duration // the longest stretch of which one tick may remain
	rates  []budget.Rate // nil: the part is not configured
}

// partCost is what the statements of one tick take in one warehouse.
type partCost struct {
	Mean  time.Duration `json:"mean"`
	Ticks int           `json:"ticks"`           // that it is the mean of, up to meanOf
	Every time.Duration `json:"every,omitempty"` // what this warehouse's budget asks for; 0: all ticks

	saved time.Duration // Mean as it was recorded last
}

// observe adds a tick to the mean.
func (c *partCost) observe(took time.Duration) {
	c.Ticks = min(c.Ticks+1, meanOf)
	c.Mean += (took - c.Mean) / time.Duration(c.Ticks)
}

// last reports whether a check is moved last: it says whether a dataset is late.
func last(c checks.Check) bool {
	_, arrivals := c.(checks.DeadlineCheck)
	return arrivals
}

// take counts what a dataset's statements took at a tick, by the checks that ran. A statement
// is of those of its checks that are not moved last, if there are any: the others alone would
// have cost less.
func (b *Budgets) take(t sentinel.Table, ran []*Check, spent []checks.Spent, now time.Time) {
	if len(spent) == 0 && len(b.parts[t]) == 0 {
		return
	}
	groups := make([][][]*Check, len(spent))
	for i, s := range spent {
		groups[i] = bearers(ran, s.Checks)
		for _, g := range groups[i] {
			b.join(t, g)
		}
	}
	costs := map[*budgetPart]map[string]time.Duration{}
	for i, s := range spent {
		b.day(s.Warehouse, now).add(s.Took)
		all := 0
		for _, g := range groups[i] {
			all += len(g)
		}
		for _, g := range groups[i] {
			p := b.partOf(t, g[0].Common().ID)
			if costs[p] == nil {
				costs[p] = map[string]time.Duration{}
			}
			costs[p][s.Warehouse] += s.Took * time.Duration(len(g)) / time.Duration(all)
		}
	}
	for _, p := range b.parts[t] {
		if slices.ContainsFunc(ran, func(c *Check) bool { return slices.Contains(p.Checks, c.Common().ID) }) {
			p.observe(costs[p])
			b.unsaved[t] = b.unsaved[t] || p.differs()
		}
	}
}

// observe adds a tick. A warehouse that nothing was sent to took no time: nobody had written to
// the table, for instance.
func (p *budgetPart) observe(took map[string]time.Duration) {
	for w := range took {
		if p.Costs[w] == nil {
			p.Costs[w] = &partCost{}
		}
	}
	for w, c := range p.Costs {
		c.observe(took[w])
	}
}

// differs reports whether a cost is another one by a tenth than what was recorded.
func (p *budgetPart) differs() bool {
	for _, c := range p.Costs {
		if d := (c.Mean - c.saved).Abs(); d > c.saved/10 {
			return true
		}
	}
	return false
}

// bearers returns the checks that a statement is counted for, by their schedule.
func bearers(ran []*Check, ids []string) (groups [][]*Check) {
	var bearing, others []*Check
	for _, c := range ran {
		switch {
		case !slices.Contains(ids, c.Common().ID):
		case last(c.Check):
			others = append(others, c)
		default:
			bearing = append(bearing, c)
		}
	}
	if len(bearing) == 0 {
		bearing = others
	}
	for _, c := range bearing {
		i := slices.IndexFunc(groups, func(g []*Check) bool { return configuredSchedule(g[0]) == configuredSchedule(c) })
		if i < 0 {
			i, groups = len(groups), append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

// configuredSchedule is the text of a check's schedule as it is in the configuration.
func configuredSchedule(c *Check) string { return c.Schedule.Configured().String() }

// partOf returns the part of a check; nil if it has none.
func (b *Budgets) partOf(t sentinel.Table, id string) *budgetPart {
	i := slices.IndexFunc(b.parts[t], func(p *budgetPart) bool { return slices.Contains(p.Checks, id) })
	if i < 0 {
		return nil
	}
	return b.parts[t][i]
}

// join makes one part of checks that share a statement.
func (b *Budgets) join(t sentinel.Table, group []*Check) {
	into := b.partOf(t, group[0].Common().ID)
	if into == nil {
		into = &budgetPart{
			Schedule: configuredSchedule(group[0]), Last: last(group[0].Check), Costs: map[string]*partCost{}, rarest: budget.Rarest,
		}
		b.parts[t] = append(b.parts[t], into)
	}
	for _, c := range group {
		id := c.Common().ID
		switch p := b.partOf(t, id); p {
		case into:
		case nil:
			into.Checks = append(into.Checks, id)
			into.limit(b, c)
		default:
			b.merge(t, into, p)
		}
	}
	slices.Sort(into.Checks)
}

// merge moves the checks of a part into another one. Each was measured with statements of its
// own, so that the sum is what both cost until the next tick tells.
func (b *Budgets) merge(t sentinel.Table, into, from *budgetPart) {
	into.Checks = append(into.Checks, from.Checks...)
	for w, c := range from.Costs {
		if into.Costs[w] == nil {
			into.Costs[w] = c
			continue
		}
		into.Costs[w].Mean += c.Mean
		into.Costs[w].Every = min(into.Costs[w].Every, c.Every)
	}
	into.rarest = min(into.rarest, from.rarest)
	if len(into.rates) == 0 {
		into.rates = slices.Clone(from.rates)
	}
	into.rates = slices.DeleteFunc(into.rates, func(r budget.Rate) bool { return r.Every > into.rarest })
	b.parts[t] = slices.DeleteFunc(b.parts[t], func(p *budgetPart) bool { return p == from })
	b.unsaved[t] = true
}

// limit takes into account how rarely a check may tick.
func (p *budgetPart) limit(b *Budgets, c *Check) {
	if rarest := checks.Rarest(c.Check, p.rarest); rarest < p.rarest || p.rates == nil {
		p.rarest = rarest
		p.rates = budget.Rates(rarest, func(every time.Duration) float64 {
			return b.perDay(c.Schedule.Configured().Rarer(every))
		})
	}
}

// aMonday is the first day of the week of which [Budgets.perDay] counts the ticks.
var aMonday = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// perDay returns how many ticks a schedule has in a day, as a mean.
func (b *Budgets) perDay(s schedule.Schedule) float64 {
	n, known := b.ticks[s.String()]
	if !known {
		n = s.PerDay(aMonday)
		b.ticks[s.String()] = n
	}
	return n
}

// adopt forgets checks that are not configured any more, or have another schedule. complete
// means that datasets are all that there are.
func (b *Budgets) adopt(datasets []Dataset, complete bool) {
	there := map[sentinel.Table]bool{}
	for i := range datasets {
		d := &datasets[i]
		there[d.Table] = true
		for _, p := range b.parts[d.Table] {
			p.adopt(b, d)
		}
		b.parts[d.Table] = slices.DeleteFunc(b.parts[d.Table], func(p *budgetPart) bool { return len(p.Checks) == 0 })
		if len(b.parts[d.Table]) == 0 {
			delete(b.parts, d.Table)
		}
	}
	for t := range b.parts {
		if complete && !there[t] {
			delete(b.parts, t)
		}
	}
}

func (p *budgetPart) adopt(b *Budgets, d *Dataset) {
	var ids []string
	p.rarest, p.rates = budget.Rarest, nil
	for i := range d.Checks {
		c := &d.Checks[i]
		if configuredSchedule(c) == p.Schedule && last(c.Check) == p.Last && slices.Contains(p.Checks, c.Common().ID) {
			ids = append(ids, c.Common().ID)
			p.limit(b, c)
		}
	}
	slices.Sort(ids)
	p.Checks = ids
}
