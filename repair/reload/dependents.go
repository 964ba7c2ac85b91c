package reload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// checkDependents refuses a reload that would delete rows of other tables, or that
// something on the table would falsify. A reload that fires triggers, or may fire them,
// needs the approval of a person.
func (a *Partition) checkDependents(
	ctx context.Context, db *warehouse.DB, target *warehouse.Table, details planDetails, plan *sentinel.Plan,
) error {
	dialect, err := repair.WriteDialect(db)
	if err != nil {
		return err
	}
	queries := dialect.DependentQueries()
	cascadingTables, err := namesFor(ctx, db, queries.Cascading, target)
	if err != nil {
		return err
	}
	if len(cascadingTables) > 0 {
		return &repair.RefusedError{Why: "deleting its rows would delete or empty those of " +
			strings.Join(cascadingTables, ", ") + ", because of their foreign keys (ON DELETE), or because this " +
			"account cannot read the foreign keys"}
	}
	if err := a.checkObstacles(ctx, db, target, details, plan); err != nil {
		return err
	}
	triggers, err := namesFor(ctx, db, queries.Triggers, target)
	if err != nil {
		return err
	}
	if len(triggers) > 0 {
		plan.Hazards = append(plan.Hazards, "triggers run for every row: "+strings.Join(triggers, ", "))
		needApproval(plan, "the table has triggers ("+strings.Join(triggers, ", ")+
			"), and their effects are not rolled back")
	}
	if queries.Grants == "" {
		return nil
	}
	grants, err := namesFor(ctx, db, queries.Grants, target)
	if err != nil {
		return err
	}
	if !slices.Contains(grants, "SELECT") {
		needApproval(plan, "the reading account may not see which tables refer to this one: GRANT SELECT ON the "+
			"whole schema, or approve")
	}
	if !slices.Contains(grants, "TRIGGER") && !a.NoTriggers {
		needApproval(plan, "the reading account may not see whether the table has triggers: say no_triggers where "+
			"it has none, GRANT TRIGGER, or approve")
	}
	return nil
}

// checkObstacles refuses a reload, or leaves it to a person, because of what else lies on
// the table.
func (a *Partition) checkObstacles(
	ctx context.Context, db *warehouse.DB, target *warehouse.Table, details planDetails, plan *sentinel.Plan,
) error {
	dialect, err := repair.WriteDialect(db)
	if err != nil {
		return err
	}
	query := dialect.DependentQueries().Obstacles
	if query == "" {
		return nil
	}
	rows, err := repair.Query(ctx, db, warehouse.Statement{SQL: query, Args: []any{target.Schema, target.Name}})
	if err != nil {
		return repair.Transient(fmt.Errorf("reading what lies on the table: %w", err))
	}
	var refused []string
	for _, row := range rows {
		o := warehouse.Obstacle{Method: row[0].Text, Effect: row[1].Text, Column: row[2].Text, Why: row[3].Text}
		// Only columns beside the key are updated.
		updated := slices.Contains(details.Columns, o.Column) && !slices.Contains(details.Key, o.Column)
		switch {
		case o.Method != "" && o.Method != a.Method || o.Column != "" && !updated:
		case o.Effect == "approve":
			plan.Hazards = append(plan.Hazards, o.Why)
			needApproval(plan, o.Why)
		default:
			refused = append(refused, o.Why)
		}
	}
	if len(refused) > 0 {
		return &repair.RefusedError{Why: strings.Join(refused, "; ")}
	}
	return nil
}

// needApproval makes a plan that could run alone wait for the approval of a person.
func needApproval(plan *sentinel.Plan, why string) {
	if plan.Class == sentinel.ClassAuto {
		plan.Class, plan.Why = sentinel.ClassApprove, why
	}
}

// namesFor returns the result of one of [warehouse.DependentQueries]. An empty query
// returns no names.
func namesFor(ctx context.Context, db *warehouse.DB, query string, target *warehouse.Table) ([]string, error) {
	if query == "" {
		return nil, nil
	}
	rows, err := repair.Query(ctx, db, warehouse.Statement{SQL: query, Args: []any{target.Schema, target.Name}})
	if err != nil {
		return nil, repair.Transient(fmt.Errorf("reading what depends on the rows: %w", err))
	}
	var names []string
	for _, row := range rows {
		names = append(names, row[0].Text)
	}
	return names, nil
}

// checkUnchanged compares the table, and what lies on it, with what the plan was made for.
// A table that was created again or altered needs a new plan. A rollback compares the rows
// in place of the table, and only refuses what has come to lie on the table since. It
// returns the table as it is now.
func (a *Partition) checkUnchanged(
	ctx context.Context, run *repair.Run, details planDetails, step string,
) (*warehouse.Table, error) {
	target, err := repair.ReadTable(ctx, run.Target.Read, run.Repair.Table)
	if err != nil {
		return nil, err
	}
	plan := run.Repair.Plan
	if step == "apply" && plan.Fingerprint != "" && repair.Fingerprint(target, repair.Dependencies{}) != plan.Fingerprint {
		return nil, &repair.ChangedError{What: "it was created again, or its columns, keys or partitions have changed"}
	}
	now := sentinel.Plan{Class: sentinel.ClassAuto}
	err = a.checkDependents(ctx, run.Target.Read, target, details, &now)
	var refused *repair.RefusedError
	var added string
	switch i := slices.IndexFunc(now.Hazards, func(h string) bool { return !slices.Contains(plan.Hazards, h) }); {
	case errors.As(err, &refused):
		added = refused.Why
	case err != nil:
		return nil, err
	case i >= 0:
		added = now.Hazards[i]
	case now.Class != sentinel.ClassAuto && plan.Class == sentinel.ClassAuto && step == "apply":
		added = now.Why
	default:
		return target, nil
	}
	if step == "rollback" {
		return nil, &repair.RefusedError{Why: "since the plan was made, the table has got what forbids to write it again: " +
			added}
	}
	return nil, &repair.ChangedError{What: added}
}
