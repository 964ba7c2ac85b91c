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

// owners are schemas of servers, of extensions and of tools for schema changes.
var owners = map[string]bool{
	"pg_catalog": true, "information_schema": true, "mysql": true, "sys": true, "performance_schema": true,
	"pgroll": true, "_timescaledb_internal": true, "_timescaledb_catalog": true, "sentinel": true,
}

// alterable refuses what is not a plain table of the user's own.
func (a *Table) alterable(here *warehouse.Table) error {
	switch {
	case here.Kind != warehouse.BaseTable && here.Kind != warehouse.PartitionedTable:
		return &repair.RefusedError{Why: "it is a " + strings.ReplaceAll(string(here.Kind), "_", " ")}
	case here.Unreadable&(warehouse.Columns|warehouse.Keys) != 0 || len(here.Columns) == 0:
		return errors.New("its columns could not be read: an empty list is never taken for a table without columns")
	case len(here.Partitions) > a.MaxPartitions:
		return repair.Refuse("it has %d partitions, and an ALTER locks them all: more than max_partitions %d",
			len(here.Partitions), a.MaxPartitions)
	}
	if owners[here.Schema] {
		return &repair.RefusedError{Why: "it is in the schema " + here.Schema +
			", which belongs to the server or to another tool"}
	}
	for _, suffix := range []string{"_gho", "_ghc", "_del", "_new", "_old"} {
		if strings.HasPrefix(here.Name, "_") && strings.HasSuffix(here.Name, suffix) {
			return &repair.RefusedError{Why: "its name is that of a table under an online schema change"}
		}
	}
	return nil
}

// surroundings reads them on engines whose server refuses or blocks an ALTER for
// them. Others refuse by themselves, and name what is in the way.
func (a *Table) surroundings(
	ctx context.Context, t *repair.Target, here *warehouse.Table,
) (s repair.Surroundings, err error) {
	locker, ok := t.Read.Dialect.(warehouse.TableLocker)
	if !ok {
		return s, nil
	}
	rows, err := repair.Query(ctx, t.Read, warehouse.Statement{SQL: locker.Surroundings(), Args: []any{here.ID}})
	if err != nil {
		return s, repair.Transient(err)
	}
	s.OnColumn = map[string][]string{}
	for _, r := range rows {
		switch kind, name, column := r[0].Text, r[1].Text, r[2].Text; kind {
		case "depends":
			if column != "" {
				s.OnColumn[column] = append(s.OnColumn[column], name)
			}
			if !slices.Contains(s.Around, name) {
				s.Around = append(s.Around, name)
			}
		case "published":
			s.Published = append(s.Published, name)
		case "extension":
			s.Extension = name
		case "privileges":
			s.Privileges = name
		case "version":
			s.Version = name
		}
	}
	if s.Version == "" {
		return s, errors.New("the catalog does not say what depends on the table: nothing is altered unseen")
	}
	return s, nil
}

// allow refuses a change that what is around forbids, lists what hangs on the
// table, and leaves to a person what others must do first.
func allow(s repair.Surroundings, c alteration, plan *sentinel.Plan) error {
	switch {
	case s.Extension != "":
		return &repair.RefusedError{Why: "it belongs to the extension " + s.Extension}
	case c.Kind == sentinel.TypeWidened && len(s.OnColumn[c.Column]) > 0:
		return &repair.RefusedError{Why: "what depends on the column forbids it: " +
			strings.Join(s.OnColumn[c.Column], "; ")}
	}
	if len(s.Around) > 0 {
		plan.Hazards = append(plan.Hazards, "depends on the table, and stays as it is: "+strings.Join(s.Around, "; "))
	}
	if len(s.Published) > 0 && plan.Class == sentinel.ClassAuto {
		plan.Class, plan.Why = sentinel.ClassApprove, "it is published ("+strings.Join(s.Published,
			", ")+"): subscribers need the change first"
	}
	return nil
}

// lagTooLong is how far behind a standby may be.
const lagTooLong = time.Minute

// quiet puts an ALTER off while its lock would not come soon: a long transaction
// or a vacuum against wraparound holds the table, or standbys are behind. What
// the account may not see is not known; the lock_timeout holds all the same.
func (a *Table) quiet(ctx context.Context, r *repair.Run) error {
	locker, ok := r.Target.Write.Dialect.(warehouse.TableLocker)
	if !ok {
		return nil
	}
	name, err := r.Target.Write.Name(warehouse.TableName{Schema: r.Repair.Table.Schema, Name: r.Repair.Table.Name})
	if err != nil {
		return err
	}
	var reason string
	err = r.Target.Write.DB.QueryRowContext(ctx, locker.TableInUse(),
		name, fmt.Sprintf("%d microseconds", a.Held.Microseconds()), fmt.Sprintf("%d seconds",
			int(lagTooLong.Seconds()))).Scan(&reason)
	if err != nil {
		return r.Target.Write.Classed("looking who uses the table", err)
	}
	if reason != "" {
		return &repair.TransientError{Err: errors.New("the table is in use: " + reason)}
	}
	return nil
}
