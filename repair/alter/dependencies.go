package alter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// reservedSchemas are schemas of servers, of extensions and of tools for schema changes.
var reservedSchemas = map[string]bool{
	"pg_catalog": true, "information_schema": true, "mysql": true, "sys": true, "performance_schema": true,
	"pgroll": true, "_timescaledb_internal": true, "_timescaledb_catalog": true, "sentinel": true,
}

// checkAlterable refuses everything but a plain table of the user.
func (a *Table) checkAlterable(target *warehouse.Table) error {
	switch {
	case target.Kind != warehouse.BaseTable && target.Kind != warehouse.PartitionedTable:
		return &repair.RefusedError{Why: "it is a " + strings.ReplaceAll(string(target.Kind), "_", " ")}
	case target.Unreadable&(warehouse.Columns|warehouse.Keys) != 0 || len(target.Columns) == 0:
		return errors.New("its columns could not be read: an empty list does not mean that the table has no columns")
	case len(target.Partitions) > a.MaxPartitions:
		return repair.Refuse("it has %d partitions, and an ALTER locks them all: more than max_partitions %d",
			len(target.Partitions), a.MaxPartitions)
	}
	if reservedSchemas[target.Schema] {
		return &repair.RefusedError{Why: "it is in the schema " + target.Schema +
			", which belongs to the server or to another tool"}
	}
	for _, suffix := range []string{"_gho", "_ghc", "_del", "_new", "_old"} {
		if strings.HasPrefix(target.Name, "_") && strings.HasSuffix(target.Name, suffix) {
			return &repair.RefusedError{Why: "its name is that of a table under an online schema change"}
		}
	}
	return nil
}

// dependencies reads the objects that depend on the table, on engines whose server
// refuses or blocks an ALTER because of them. Other engines refuse by themselves, and
// name the objects.
func (a *Table) dependencies(
	ctx context.Context, t *repair.Target, target *warehouse.Table,
) (s repair.Dependencies, err error) {
	locker, ok := t.Read.Dialect.(warehouse.TableLocker)
	if !ok {
		return s, nil
	}
	rows, err := repair.Query(ctx, t.Read, warehouse.Statement{SQL: locker.Dependencies(), Args: []any{target.ID}})
	if err != nil {
		return s, repair.Transient(err)
	}
	s.ByColumn = map[string][]string{}
	for _, r := range rows {
		switch kind, name, column := r[0].Text, r[1].Text, r[2].Text; kind {
		case "depends":
			if column != "" {
				s.ByColumn[column] = append(s.ByColumn[column], name)
			}
			if !slices.Contains(s.All, name) {
				s.All = append(s.All, name)
			}
		case "published":
			s.Publications = append(s.Publications, name)
		case "extension":
			s.Extension = name
		case "privileges":
			s.Privileges = name
		case "version":
			s.Version = name
		}
	}
	if s.Version == "" {
		return s, errors.New("the catalog does not show what depends on the table: it is not altered")
	}
	return s, nil
}

// checkDependencies refuses a change that dependent objects forbid. It lists the
// objects that depend on the table. A change that needs work on other objects first is
// left to a person.
func checkDependencies(s repair.Dependencies, change alteration, plan *sentinel.Plan) error {
	switch {
	case s.Extension != "":
		return &repair.RefusedError{Why: "it belongs to the extension " + s.Extension}
	case change.Kind == sentinel.TypeWidened && len(s.ByColumn[change.Column]) > 0:
		return &repair.RefusedError{Why: "what depends on the column forbids it: " +
			strings.Join(s.ByColumn[change.Column], "; ")}
	}
	if len(s.All) > 0 {
		plan.Hazards = append(plan.Hazards, "depends on the table, and stays as it is: "+strings.Join(s.All, "; "))
	}
	if len(s.Publications) > 0 && plan.Class == sentinel.ClassAuto {
		plan.Class, plan.Why = sentinel.ClassApprove, "it is published ("+strings.Join(s.Publications,
			", ")+"): subscribers need the change first"
	}
	return nil
}

// maxStandbyLag is the lag of a standby beyond which an ALTER is postponed.
const maxStandbyLag = time.Minute

// checkNotInUse postpones an ALTER while its lock would take long: a long transaction
// or a vacuum against wraparound holds the table, or standbys are behind. It cannot
// know what the account may not see; lock_timeout bounds the wait all the same.
func (a *Table) checkNotInUse(ctx context.Context, run *repair.Run) error {
	locker, ok := run.Target.Write.Dialect.(warehouse.TableLocker)
	if !ok {
		return nil
	}
	name, err := run.Target.Write.Name(warehouse.TableName{Schema: run.Repair.Table.Schema, Name: run.Repair.Table.Name})
	if err != nil {
		return err
	}
	var reason string
	err = run.Target.Write.DB.QueryRowContext(ctx, locker.TableInUse(),
		name, fmt.Sprintf("%d microseconds", a.PutOffAfter.Microseconds()), fmt.Sprintf("%d seconds",
			int(maxStandbyLag.Seconds()))).Scan(&reason)
	if err != nil {
		return run.Target.Write.WrapError("reading who uses the table", err)
	}
	if reason != "" {
		return &repair.TransientError{Err: errors.New("the table is in use: " + reason)}
	}
	return nil
}
