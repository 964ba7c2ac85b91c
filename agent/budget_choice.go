package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/store"
)

// The kinds of the states of budgets in the store: the parts of a dataset, by its table, and
// what a day's statements have taken, by warehouse.
const (
	budgetState    = "budget"
	budgetDayState = "budget-day"
)

// Budgets follows what the statements of checks take in warehouses with a budget, and chooses
// the checks that tick more rarely. It may not be used concurrently.
type Budgets struct {
	limits  map[string]time.Duration // by warehouse
	parts   map[sentinel.Table][]*budgetPart
	days    map[string]*budgetDay // by warehouse
	unsaved map[sentinel.Table]bool
	ticks   map[string]float64 // in a day, by schedule
}

// budgetDay is what statements took on one day.
type budgetDay struct {
	Day  string        `json:"day"` // in UTC
	Used time.Duration `json:"used"`

	unsaved bool
}

func (d *budgetDay) add(took time.Duration) {
	d.Used += took
	d.unsaved = true
}

// ReadBudgets reads what the statements took that an agent has sent. A nil store knows nothing.
// The error says which states are damaged: the rest is used.
func ReadBudgets(ctx context.Context, s *store.Store) (*Budgets, error) {
	b := &Budgets{
		parts: map[sentinel.Table][]*budgetPart{}, days: map[string]*budgetDay{},
		unsaved: map[sentinel.Table]bool{}, ticks: map[string]float64{},
	}
	if s == nil {
		return b, nil
	}
	var damaged []error
	parts, err := s.States(ctx, budgetState)
	if err != nil {
		return nil, err
	}
	for _, st := range parts {
		t, err := sentinel.ParseTable(st.Key)
		var list []*budgetPart
		if err = cmp.Or(err, json.Unmarshal(st.Data, &list)); err != nil {
			damaged = append(damaged, fmt.Errorf("what the checks of %s cost: %w", st.Key, err))
			continue
		}
		for _, p := range list {
			p.saved()
		}
		b.parts[t] = list
	}
	days, err := s.States(ctx, budgetDayState)
	if err != nil {
		return nil, err
	}
	for _, st := range days {
		d := &budgetDay{}
		if err := json.Unmarshal(st.Data, d); err != nil {
			damaged = append(damaged, fmt.Errorf("what statements took in %s: %w", st.Key, err))
			continue
		}
		b.days[st.Key] = d
	}
	return b, errors.Join(damaged...)
}

func (p *budgetPart) saved() {
	for _, c := range p.Costs {
		c.saved = c.Mean
	}
}

// states returns what has changed since it was called before.
func (b *Budgets) states() (out []store.State, err error) {
	var problems []error
	add := func(kind, key string, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			problems = append(problems, err)
			return
		}
		out = append(out, store.State{Kind: kind, Key: key, Data: data})
	}
	for t, changed := range b.unsaved {
		if !changed {
			continue
		}
		add(budgetState, t.String(), b.parts[t])
		for _, p := range b.parts[t] {
			p.saved()
		}
	}
	clear(b.unsaved)
	for w, d := range b.days {
		if d.unsaved {
			d.unsaved = false
			add(budgetDayState, w, d)
		}
	}
	return out, errors.Join(problems...)
}

// day returns what the statements of today have taken.
func (b *Budgets) day(warehouse string, now time.Time) *budgetDay {
	today := now.UTC().Format(time.DateOnly)
	d := b.days[warehouse]
	if d == nil || d.Day != today {
		d = &budgetDay{Day: today}
		b.days[warehouse] = d
	}
	return d
}

// Configure puts budgets in force, by warehouse, and datasets as they are configured. complete
// means that these are all datasets.
func (b *Budgets) Configure(limits map[string]time.Duration, datasets []Dataset, complete bool) {
	b.limits = limits
	b.adopt(datasets, complete)
}

// Choose chooses the checks that tick more rarely. It reports whether others do than before.
func (b *Budgets) Choose() (changed bool) {
	for name, limit := range b.limits {
		parts, list := b.partsIn(name)
		choice := budget.Fit(limit, list)
		for i, p := range parts {
			cost := p.part.Costs[name]
			if every := list[i].Rates[choice.At[i]].Every; every != cost.Every {
				cost.Every, changed, b.unsaved[p.table] = every, true, true
			}
		}
	}
	return changed
}

// located is a part with its table.
type locatedPart struct {
	table sentinel.Table
	part  *budgetPart
}

// partsIn returns the parts that cost a warehouse something, by table, and what [budget.Fit]
// must know of them.
func (b *Budgets) partsIn(name string) (parts []locatedPart, list []budget.Part) {
	for _, t := range slices.SortedFunc(maps.Keys(b.parts), sentinel.Table.Compare) {
		for _, p := range b.parts[t] {
			cost := p.Costs[name]
			if cost == nil || len(p.rates) == 0 {
				continue
			}
			parts = append(parts, locatedPart{t, p})
			at := slices.IndexFunc(p.rates, func(r budget.Rate) bool { return r.Every >= cost.Every })
			if at < 0 {
				at = len(p.rates) - 1
			}
			list = append(list, budget.Part{
				Key: t.String() + " " + p.Checks[0], Cost: cost.Mean, Rates: p.rates, Last: p.Last, At: at,
			})
		}
	}
	return parts, list
}

// every returns the stretch of which one tick of a part runs; 0: all ticks run.
func (b *Budgets) every(p *budgetPart) (every time.Duration) {
	for name, c := range p.Costs {
		if b.limits[name] > 0 {
			every = max(every, c.Every)
		}
	}
	return every
}

// Every returns the stretch of which one tick of a check is run by its budgets; 0: all are.
func (b *Budgets) Every(limits map[string]time.Duration, t sentinel.Table, id string) time.Duration {
	b.limits = limits
	if p := b.partOf(t, id); p != nil {
		return b.every(p)
	}
	return 0
}

// Rarer returns the datasets with the schedules that the budgets leave to their checks.
func (b *Budgets) Rarer(datasets []Dataset) []Dataset {
	out := slices.Clone(datasets)
	for i := range out {
		copied := false
		for _, p := range b.parts[out[i].Table] {
			every := b.every(p)
			if every == 0 {
				continue
			}
			if !copied {
				out[i].Checks, copied = slices.Clone(out[i].Checks), true
			}
			for k := range out[i].Checks {
				if c := &out[i].Checks[k]; slices.Contains(p.Checks, c.Common().ID) {
					c.Schedule = c.Schedule.Rarer(every)
				}
			}
		}
	}
	return out
}

// Reports says how the budgets stand, by warehouse.
func (b *Budgets) Reports(now time.Time) (out []budget.Report) {
	for _, name := range slices.Sorted(maps.Keys(b.limits)) {
		parts, list := b.partsIn(name)
		r := budget.Report{
			Warehouse: name, Budget: b.limits[name].Seconds(), Used: b.day(name, now).Used.Seconds(), Moved: []budget.Moved{},
		}
		canMove := false
		for i, p := range parts {
			every := b.every(p.part)
			at := slices.IndexFunc(list[i].Rates, func(r budget.Rate) bool { return r.Every >= every })
			if at < 0 {
				at = len(list[i].Rates) - 1
			}
			rate := list[i].Rates[at]
			r.Configured += list[i].Day(0).Seconds()
			r.Expected += list[i].Day(at).Seconds()
			canMove = canMove || list[i].Cost > 0 && at < len(list[i].Rates)-1
			if rate.Every > 0 {
				r.Moved = append(r.Moved, budget.Moved{
					Table: p.table.String(), Checks: slices.Clone(p.part.Checks), Schedule: p.part.Schedule,
					Every: rate.Every.Seconds(), Cost: list[i].Cost.Seconds(), Ticks: rate.Ticks, AllTicks: list[i].Rates[0].Ticks,
				})
			}
		}
		r.Over = r.Expected > r.Budget && !canMove
		out = append(out, r)
	}
	return out
}
