package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Resolve returns the datasets of a catalog that match d. It matches a name exactly, or
// else, if it is not in quotes, without regard to case. A pattern yields one dataset per
// table. A name that does not exist stays unchanged, and its checks report it.
func (d Dataset) Resolve(c *warehouse.Catalog) ([]Dataset, error) {
	d.DependsOn = slices.Clone(d.DependsOn)
	for i, up := range d.DependsOn {
		if up.Schema == "" && up.Warehouse == d.Table.Warehouse {
			d.DependsOn[i].Schema = c.DefaultSchema
		}
	}
	if d.Table.Schema == "" {
		d.Table.Schema = c.DefaultSchema
	}
	if !d.Pattern.Wild() {
		name, err := find(c, d.Table, d.Pattern)
		if err != nil {
			return nil, err
		}
		d.Table.Schema, d.Table.Name = name.Schema, name.Name
		d.Repairs = slices.Clone(d.Repairs)
		for i, p := range d.Repairs {
			mine := *p
			mine.Table = d.Table
			d.Repairs[i] = &mine
		}
		return []Dataset{d}, nil
	}
	var out []Dataset
	for _, name := range slices.SortedFunc(maps.Keys(c.Tables), func(a, b warehouse.TableName) int {
		return cmp.Or(strings.Compare(a.Schema, b.Schema), strings.Compare(a.Name, b.Name))
	}) {
		table := sentinel.Table{Warehouse: d.Table.Warehouse, Schema: name.Schema, Name: name.Name}
		if d.Selects(table, c.DefaultSchema) {
			out = append(out, d.Of(table))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s matches no table", d.Pattern)
	}
	return out, nil
}

// OfPattern reports whether the dataset is one of a pattern alone.
func (d Dataset) OfPattern() bool { return d.ofPattern }

// Selects reports whether the pattern matches a table and no exclude does.
func (d Dataset) Selects(t sentinel.Table, defaultSchema string) bool {
	p := d.Pattern
	if p.Schema == "" {
		p.Schema = defaultSchema
	}
	return p.Matches(t) && !slices.ContainsFunc(d.Exclude, func(e string) bool {
		return sentinel.MatchFold(e, t.Name) || sentinel.MatchFold(e, t.Schema, t.Name)
	})
}

// Names reports whether the entry is about a table: it names it, or its pattern matches.
// A name without a schema is about the table of any schema, because the default one is
// not known without a catalog.
func (d Dataset) Names(t sentinel.Table) bool {
	p := d.Pattern
	if p.Wild() {
		return d.Selects(t, t.Schema)
	}
	return p.Names(t)
}

// CheckIDs returns the ids of the entry's checks for a table that it is about.
func (d Dataset) CheckIDs(t sentinel.Table) (ids []string) {
	if d.Pattern.Wild() {
		d = d.Of(t)
	}
	for _, c := range d.Checks {
		ids = append(ids, c.Common().ID)
	}
	return ids
}

// Of returns the dataset of one table of the pattern.
func (d Dataset) Of(t sentinel.Table) Dataset {
	one := d
	one.ofPattern = true
	one.Table = t
	one.Checks = nil
	for _, check := range d.Checks {
		one.Checks = append(one.Checks, check.on(d.Pattern, t))
	}
	one.Repairs = nil
	for _, p := range d.Repairs {
		mine := *p
		mine.Table = t
		mine.ID = strings.Replace(p.ID, d.Pattern.String(), t.String(), 1)
		one.Repairs = append(one.Repairs, &mine)
	}
	return one
}

// Together merges datasets of the same table. The result has the checks, repairs and
// upstreams of all. Single values, such as the time column or a check of an id, are those
// of the entry that names the table, else those of the first pattern.
func Together(datasets []Dataset) []Dataset {
	at := make(map[sentinel.Table]int, len(datasets))
	out := datasets[:0]
	for _, d := range datasets {
		i, there := at[d.Table]
		switch {
		case !there:
			at[d.Table] = len(out)
			out = append(out, d)
		case out[i].ofPattern && !d.ofPattern:
			out[i] = d.and(out[i])
		default:
			out[i] = out[i].and(d)
		}
	}
	return out
}

// and adds what another dataset of the same table has besides.
func (d Dataset) and(other Dataset) Dataset {
	if d.TimeColumn == "" && d.Time == nil {
		d.TimeColumn, d.Time = other.TimeColumn, other.Time
	}
	d.Location = cmp.Or(d.Location, other.Location)
	d.Checks, d.Repairs, d.DependsOn = slices.Clone(d.Checks), slices.Clone(d.Repairs), slices.Clone(d.DependsOn)
	place := make([]int, len(other.Checks)) // index in d of each check of other
	for i, c := range other.Checks {
		id := c.Common().ID
		if place[i] = slices.IndexFunc(d.Checks, func(c Check) bool { return c.Common().ID == id }); place[i] < 0 {
			place[i] = len(d.Checks)
			d.Checks = append(d.Checks, c)
		}
	}
	for _, p := range other.Repairs {
		if !slices.ContainsFunc(d.Repairs, func(own *repair.Policy) bool { return own.ID == p.ID }) {
			d.Repairs = append(d.Repairs, p)
		}
	}
	for _, up := range other.DependsOn {
		if !slices.Contains(d.DependsOn, up) {
			d.DependsOn = append(d.DependsOn, up)
		}
	}
	if d.Risk == nil && other.Risk != nil {
		risk := *other.Risk
		risk.Check = place[risk.Check]
		d.Risk = &risk
	}
	return d
}

// on copies a pattern's check for one table, and gives it an id.
func (c Check) on(pattern sentinel.Pattern, table sentinel.Table) Check {
	clone := reflect.New(reflect.TypeOf(c.Check).Elem())
	clone.Elem().Set(reflect.ValueOf(c.Check).Elem())
	c.Check = clone.Interface().(checks.Check)
	o := c.Common()
	if rest, ok := strings.CutPrefix(o.ID, pattern.String()+"/"); ok {
		o.ID = table.String() + "/" + rest
	} else {
		o.ID += "/" + table.String()
	}
	return c
}

func find(c *warehouse.Catalog, t sentinel.Table, p sentinel.Pattern) (warehouse.TableName, error) {
	exact := warehouse.TableName{Schema: t.Schema, Name: t.Name}
	if c.Tables[exact] != nil {
		return exact, nil
	}
	var folded []warehouse.TableName
	for name := range c.Tables {
		named := sentinel.Table{Warehouse: t.Warehouse, Schema: name.Schema, Name: name.Name}
		if strings.EqualFold(name.Schema, t.Schema) && p.Names(named) {
			folded = append(folded, name)
		}
	}
	switch len(folded) {
	case 0:
		return exact, nil
	case 1:
		return folded[0], nil
	}
	return exact, fmt.Errorf(
		"%s is ambiguous: %d tables differ from it in case alone: write the name exactly",
		t,
		len(folded),
	)
}
