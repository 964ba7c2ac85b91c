package config

import (
	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/repair"
)

// repairs validates the items of a dataset's `repair:`.
func (r *reader) repairs(c *Config, d Dataset, entries []policyEntry) (out []*repair.Policy) {
	ids := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		if r.isWrong(e.node) {
			continue
		}
		p := &e.Policy
		p.Table = d.Table
		p.Action = e.it
		p.Kind = e.kindName
		p.Outbound = r.outbound(e.node, p.Outbound, c.Outbound)
		if err := p.Validate(); r.invalid(e.node, e.node, "repair", err) {
			continue
		}
		if p.ID == "" {
			p.ID = d.Pattern.String() + "/" + p.Kind
		}
		if ids[p.ID] {
			r.wrong(e.node, "the repair %q stands here twice: give one of them an `id:`", p.ID)
			continue
		}
		ids[p.ID] = true
		r.writable(c, d, p, e.node)
		out = append(out, p)
	}
	return out
}

// writable records a mistake for an action that writes to a warehouse without a
// repair_dsn, because it could never be applied.
func (r *reader) writable(c *Config, d Dataset, p *repair.Policy, n *yaml.Node) {
	if _, writes := p.Action.(repair.WarehouseWriter); !writes {
		return
	}
	for _, w := range c.Warehouses {
		wrong := r.isWrong(child(r.root, "warehouses")) // a repair_dsn with a mistake is not known
		if w.Name == d.Table.Warehouse && w.RepairDSN.IsZero() && !wrong {
			r.wrong(n, "%s writes to warehouse %s, which has no `repair_dsn:`", p.Kind, w.Name)
		}
	}
}
