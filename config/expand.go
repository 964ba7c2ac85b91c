package config

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Wild reports whether a table's name contains a wildcard.
func Wild(t sentinel.Table) bool { return strings.ContainsAny(t.Schema+t.Name, "*%") }

// Resolve returns the datasets of a catalog that match d. It matches a name exactly, or
// else without regard to case. A pattern yields one dataset per table. A name that does
// not exist stays unchanged, and its checks report it.
func (d Dataset) Resolve(c *warehouse.Catalog) ([]Dataset, error) {
	written := d.Table
	d.DependsOn = slices.Clone(d.DependsOn)
	for i, up := range d.DependsOn {
		if up.Schema == "" && up.Warehouse == d.Table.Warehouse {
			d.DependsOn[i].Schema = c.DefaultSchema
		}
	}
	if d.Table.Schema == "" {
		d.Table.Schema = c.DefaultSchema
	}
	if !Wild(d.Table) {
		name, err := find(c, d.Table)
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
		return strings.Compare(a.Schema+"\x00"+a.Name, b.Schema+"\x00"+b.Name)
	}) {
		if !matches(d.Table.Schema, name.Schema) || !matches(d.Table.Name, name.Name) ||
			slices.ContainsFunc(
				d.Exclude,
				func(p string) bool { return matches(p, name.Name) || matches(p, name.Schema+"."+name.Name) },
			) {
			continue
		}
		one := d
		one.ofPattern = true
		one.Table = sentinel.Table{Warehouse: d.Table.Warehouse, Schema: name.Schema, Name: name.Name}
		one.Checks = nil
		for _, check := range d.Checks {
			one.Checks = append(one.Checks, check.on(written, one.Table))
		}
		one.Repairs = nil
		for _, p := range d.Repairs {
			mine := *p
			mine.Table = one.Table
			mine.ID = strings.Replace(p.ID, written.String(), one.Table.String(), 1)
			one.Repairs = append(one.Repairs, &mine)
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s matches no table", d.Table)
	}
	return out, nil
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
	d.TimeColumn = cmp.Or(d.TimeColumn, other.TimeColumn)
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
func (c Check) on(pattern, table sentinel.Table) Check {
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

func matches(pattern, name string) bool {
	escape := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `?`, `\?`, "%", "*")
	ok, err := path.Match(escape.Replace(pattern), name)
	return ok && err == nil
}

func find(c *warehouse.Catalog, t sentinel.Table) (warehouse.TableName, error) {
	exact := warehouse.TableName{Schema: t.Schema, Name: t.Name}
	if c.Tables[exact] != nil {
		return exact, nil
	}
	var folded []warehouse.TableName
	for name := range c.Tables {
		if strings.EqualFold(name.Schema, t.Schema) && strings.EqualFold(name.Name, t.Name) {
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

// Match reports whether a whole name matches a pattern with * and %.
func Match(pattern, name string) bool { return pattern == name || matches(pattern, name) }
