package config

import (
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// repairs reads a dataset's list under `repair:`.
func (r *reader) repairs(c *Config, d Dataset, n *yaml.Node) (out []*repair.Policy) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, "want a list of repairs such as `- on: [row_count]`")
		return nil
	}
	ids := map[string]bool{}
	for _, item := range n.Content {
		p := r.repair(d, item)
		if p == nil {
			continue
		}
		if p.ID == "" {
			p.ID = d.Table.String() + "/" + p.Kind
		}
		if ids[p.ID] {
			r.wrong(item, "the repair %q stands here twice: give one of them an `id:`", p.ID)
			continue
		}
		ids[p.ID] = true
		r.writable(c, d, p, item)
		out = append(out, p)
	}
	return out
}

// repair reads one item: an action by its name, and the keys of the policy.
func (r *reader) repair(d Dataset, n *yaml.Node) *repair.Policy {
	before, policyKeys := len(r.mistakes), fieldsOf(reflect.TypeFor[repair.Policy]()).names
	p := &repair.Policy{Table: d.Table}
	rest := &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}
	for _, f := range r.fields(n, "`on:` and an action such as `reload_partition:`") {
		if !slices.Contains(repair.Actions(), f.name) {
			if !slices.Contains(policyKeys, f.name) {
				r.wrong(f.key, "%s", settings.UnknownWord("key", f.name, slices.Concat(policyKeys, repair.Actions())))
				continue
			}
			rest.Content = append(rest.Content, f.key, f.value)
			continue
		}
		if p.Action != nil {
			r.wrong(f.key, "a second action: give it an item of its own")
			continue
		}
		a, err := repair.New(f.name)
		if err != nil {
			r.wrong(f.key, "%v", err)
			continue
		}
		if p.Action, p.Kind = a, f.name; !isNull(f.value) {
			r.decode(f.value, a)
		}
	}
	r.decode(rest, p)
	if len(r.mistakes) > before {
		return nil
	}
	if err := p.Validate(); err != nil {
		r.invalid(n, n, "repair", err)
		return nil
	}
	return p
}

// writable warns early of what can never be carried out: an action that writes
// to a warehouse without a repair_dsn.
func (r *reader) writable(c *Config, d Dataset, p *repair.Policy, n *yaml.Node) {
	if p.Kind != "reload_partition" && p.Kind != "alter_table" && p.Kind != "sql" {
		return
	}
	for _, w := range c.Warehouses {
		if w.Name == d.Table.Warehouse && w.RepairDSN == "" {
			r.wrong(n, "%s writes to warehouse %s, which has no `repair_dsn:`", p.Kind, w.Name)
		}
	}
}
