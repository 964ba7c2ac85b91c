package reload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// checkDependents refuses a reload that would delete rows of other tables. It
// leaves one that sets triggers off, or may, to a person.
func checkDependents(
	ctx context.Context, db *warehouse.DB, target *warehouse.Table, noTriggers bool, plan *sentinel.Plan,
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
	if !slices.Contains(grants, "TRIGGER") && !noTriggers {
		needApproval(plan, "the reading account may not see whether the table has triggers: say no_triggers where "+
			"it has none, GRANT TRIGGER, or approve")
	}
	return nil
}

// needApproval leaves a plan that could go ahead alone to a person.
func needApproval(plan *sentinel.Plan, why string) {
	if plan.Class == sentinel.ClassAuto {
		plan.Class, plan.Why = sentinel.ClassApprove, why
	}
}

// namesFor returns the answer to one of [warehouse.DependentQueries]; "" asks
// nothing.
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
