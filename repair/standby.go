package repair

import (
	"context"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// plan makes a plan, unless a standby answers the reads: a standby may be behind what
// would be changed. A panic of the action is the plan's error.
func (p *Policy) plan(ctx context.Context, target *Target, why Trigger) (plan sentinel.Plan, err error) {
	defer recoverPanic("planning", &err)
	if target.Read != nil {
		if place := target.Read.Server(); place != "" {
			if err := checkPromoted(ctx, target, place); err != nil {
				return sentinel.Plan{}, err
			}
		}
	}
	return p.Action.Plan(ctx, target, why)
}

// checkPromoted refuses a server that checks have moved to in two cases: it is a
// standby, or repair_dsn leads to another server. A second server that can be written
// to is no proof of a promotion.
func checkPromoted(ctx context.Context, target *Target, place string) error {
	catalog, err := target.Read.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{}})
	if err != nil {
		return Transient(err)
	}
	if catalog.Standby {
		return &RefusedError{Why: "the primary does not answer, and " + place +
			" is what checks read now: nothing is repaired by what a standby says"}
	}
	if target.Write == nil {
		return nil // a hook: nothing is written by Sentinel
	}
	statement := target.Write.Dialect.ServerIdentity()
	rows, err := Query(ctx, target.Read, warehouse.Statement{SQL: statement})
	if err != nil {
		return Transient(err)
	}
	var written string
	if err := target.Write.DB.QueryRowContext(ctx, statement).Scan(&written); err != nil {
		return target.Write.WrapError("asking which server repair_dsn leads to", err)
	}
	if len(rows) != 1 || rows[0][0].Text != written {
		return Refuse("checks read %s, and repair_dsn leads to another server: let it name the one that was promoted", place)
	}
	return nil
}
