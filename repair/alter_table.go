package repair

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("alter_table", func() Action { return &AlterTable{} }) }

// AlterTable makes a table follow a schema: a column that its source has is
// added, a type that grew there grows here. One change a repair. Only changes
// of the catalog alone may go ahead without a person; what would rewrite the
// table, lose data or break readers is refused and said.
type AlterTable struct {
	// OwnerRole is taken on for the ALTER alone (PostgreSQL: only a table's owner
	// may alter it).
	OwnerRole string `yaml:"owner_role"`
	// MaxPartitions bounds how many leaves an ALTER of their root locks; default 1000.
	MaxPartitions int `yaml:"max_partitions"`
}

// Validate implements Action.
func (a *AlterTable) Validate() error {
	if a.MaxPartitions == 0 {
		a.MaxPartitions = 1000
	}
	if a.MaxPartitions < 1 {
		return errors.New("max_partitions must be positive")
	}
	return nil
}

// alteration is what a plan's Details hold.
type alteration struct {
	Kind    sentinel.DriftKind
	Column  string
	Type    string // wanted, as the engine spells it
	Forward string
	Reverse string // "" when there is none
	Role    string
}

// Plan implements Action.
func (a *AlterTable) Plan(ctx context.Context, t *Target, why Trigger) (plan sentinel.Plan, err error) {
	kind, column, _ := strings.Cut(why.Incident.Key, ":")
	plan = sentinel.Plan{
		Action: "alter_table", Table: why.Incident.Table, Finding: why.Incident.Key, Scope: "column " + column, Rows: 0, Class: sentinel.ClassAuto,
		Guarantee: sentinel.ExactlyOnce,
	}
	alter := map[sentinel.DriftKind]func(string, warehouse.Dialect, *warehouse.Table, warehouse.Column, *sentinel.Plan) (alteration, error){
		sentinel.ColumnAdded: addColumn, sentinel.TypeWidened: widen, sentinel.NullabilityLoosened: loosen,
	}[sentinel.DriftKind(kind)]
	if alter == nil {
		return plan, &RefusedError{fmt.Sprintf("%s is never altered by itself: it may lose data or break readers", kind)}
	}
	here, err := relation(ctx, t.Read, plan.Table)
	if err != nil {
		return plan, err
	}
	if err := a.alterable(here); err != nil {
		return plan, err
	}
	want, err := wanted(ctx, t, why, column)
	if err != nil {
		return plan, err
	}
	engine := t.Read.Config.Dialect
	change, err := alter(engine, t.Read.Dialect, here, want, &plan)
	if err != nil {
		return plan, err
	}
	change.Kind, change.Column, change.Role = sentinel.DriftKind(kind), want.Name, a.OwnerRole
	if err := a.dependents(ctx, t, here, change, &plan); err != nil {
		return plan, err
	}
	step := sentinel.Step{Name: "alter", Do: []string{change.Forward}}
	if change.Reverse != "" {
		step.Undo = []string{change.Reverse}
	} else {
		step.NoUndo = "going back would rewrite the table or lose values: " + kind + " stays"
	}
	plan.Steps, plan.Fingerprint = []sentinel.Step{step}, fingerprint(here)
	if engine == "mysql" {
		plan.Guarantee = sentinel.LookedUp // DDL commits by itself; the catalog tells whether it was done
	}
	plan.Summary = fmt.Sprintf("%s: %s", plan.Table, change.Forward)
	plan.Details, err = json.Marshal(change)
	return plan, err
}

// alterable refuses what is not a plain table of the user's own.
func (a *AlterTable) alterable(here *warehouse.Table) error {
	switch {
	case here.Kind != warehouse.BaseTable && here.Kind != warehouse.PartitionedTable:
		return &RefusedError{"it is a " + strings.ReplaceAll(string(here.Kind), "_", " ")}
	case here.Unreadable&(warehouse.Columns|warehouse.Keys) != 0 || len(here.Columns) == 0:
		return errors.New("its columns could not be read: an empty list is never taken for a table without columns")
	case len(here.Partitions) > a.MaxPartitions:
		return &RefusedError{fmt.Sprintf("it has %d partitions, and an ALTER locks them all: more than max_partitions %d", len(here.Partitions), a.MaxPartitions)}
	}
	for _, suffix := range []string{"_gho", "_ghc", "_del", "_new", "_old"} {
		if strings.HasPrefix(here.Name, "_") && strings.HasSuffix(here.Name, suffix) {
			return &RefusedError{"its name is that of a table under an online schema change"}
		}
	}
	return nil
}

// relation reads everything the catalog says of one table.
func relation(ctx context.Context, db *warehouse.DB, t sentinel.Table) (*warehouse.Table, error) {
	if db == nil {
		return nil, fmt.Errorf("warehouse %s is not configured", t.Warehouse)
	}
	name := warehouse.TableName{Schema: t.Schema, Name: t.Name}
	if name.Schema == "" {
		c, err := db.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{}})
		if err != nil {
			return nil, transient(err)
		}
		name.Schema = c.DefaultSchema
	}
	c, err := db.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{name}, Facts: warehouse.AllFacts &^ warehouse.Views})
	if err != nil {
		return nil, transient(err)
	}
	if c.Standby {
		return nil, &RefusedError{"the server is a standby"}
	}
	rel := c.Tables[name]
	if rel == nil {
		return nil, &RefusedError{fmt.Sprintf("%s does not exist", t)}
	}
	return rel, nil
}

// transient marks an error of a read-only session that may pass.
func transient(err error) error {
	var engine *warehouse.Error
	if errors.As(err, &engine) && engine.Temporary() {
		return &TransientError{Err: err}
	}
	return err
}

// wanted is the column as the source, or the configuration, has it.
func wanted(ctx context.Context, t *Target, why Trigger, name string) (warehouse.Column, error) {
	for _, c := range why.Declared {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
	}
	if why.Like == nil {
		return warehouse.Column{}, &RefusedError{"the check neither declares columns nor names a table to be like: what to alter to is not known"}
	}
	db, err := t.Warehouse(why.Like.Warehouse)
	if err != nil {
		return warehouse.Column{}, err
	}
	source, err := relation(ctx, db, *why.Like)
	if err != nil {
		return warehouse.Column{}, err
	}
	found := []warehouse.Column{}
	for _, c := range source.Columns {
		if strings.EqualFold(c.Name, name) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 0:
		return warehouse.Column{}, ErrNothing
	case len(found) > 1:
		return warehouse.Column{}, &RefusedError{fmt.Sprintf("%s has columns whose names differ from %q in case alone", why.Like, name)}
	}
	if db.Config.Dialect != t.Read.Config.Dialect {
		native, ok := spell(t.Read.Config.Dialect, found[0].Type)
		if !ok {
			return found[0], &RefusedError{fmt.Sprintf("%s of %s has no exact counterpart in %s", found[0].Type.Native, db.Config.Dialect, t.Read.Config.Dialect)}
		}
		found[0].Type = warehouse.ParseType(native)
		found[0].Type.Native = native
	}
	return found[0], nil
}

// plainType is what a type may look like that is put into a statement: a name
// with numbers, as the engine's own catalog spells it.
var plainType = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*( [A-Za-z]+)*(\([0-9]+(,[0-9]+)?\))?( [A-Za-z]+)*(\[\])*$`)

func checkType(native string) error {
	if !plainType.MatchString(native) {
		return &RefusedError{fmt.Sprintf("type %q is not one that is altered to by itself", native)}
	}
	return nil
}

func addColumn(engine string, d warehouse.Dialect, here *warehouse.Table, want warehouse.Column, plan *sentinel.Plan) (c alteration, err error) {
	if here.Column(want.Name) != nil {
		return c, ErrNothing
	}
	if err := checkType(want.Type.Native); err != nil {
		return c, err
	}
	table, column, err := quoted(d, here, want.Name)
	if err != nil {
		return c, &RefusedError{err.Error()}
	}
	c.Type = want.Type.Native
	c.Forward = fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", table, column, want.Type.Native)
	c.Reverse = fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", table, column)
	if engine == "mysql" {
		c.Forward += " NULL, ALGORITHM=INSTANT"
	}
	if !want.Nullable {
		plan.Hazards = append(plan.Hazards, "the source says NOT NULL; it is added as nullable, since old rows have no value")
	}
	if want.Generated != "" {
		plan.Hazards = append(plan.Hazards, "the source computes it; here it is a plain column")
	}
	if want.Type.Family == warehouse.Other || want.Type.Family == warehouse.Enum {
		plan.Class, plan.Why = sentinel.ClassApprove, "a type of the user's own may hide a constraint that rewrites the table"
	}
	plan.Hazards = append(plan.Hazards, "loaders that insert without naming columns fail; views of SELECT * keep the old list")
	return c, nil
}

func widen(engine string, d warehouse.Dialect, here *warehouse.Table, want warehouse.Column, plan *sentinel.Plan) (c alteration, err error) {
	have := here.Column(want.Name)
	switch {
	case have == nil:
		return c, ErrNothing
	case have.Type.Native == want.Type.Native:
		return c, ErrNothing
	case engine == "sqlite":
		return c, &RefusedError{"SQLite cannot change a column's type"}
	case have.Generated != "":
		return c, &RefusedError{"the column is generated"}
	}
	if err := checkType(want.Type.Native); err != nil {
		return c, err
	}
	for _, k := range here.PartitionKey {
		if k == want.Name {
			return c, &RefusedError{"the column is part of the partition key"}
		}
	}
	table, column, err := quoted(d, here, want.Name)
	if err != nil {
		return c, &RefusedError{err.Error()}
	}
	c.Type = want.Type.Native
	if engine == "mysql" {
		return mysqlWiden(c, table, column, have, want, plan)
	}
	c.Forward = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s", table, column, want.Type.Native)
	if !catalogOnly(have.Type, want.Type) {
		const cap = 256 << 20
		if here.Bytes < 0 || here.Bytes > cap {
			return c, &RefusedError{fmt.Sprintf("%s to %s rewrites the table and its indexes under a lock that stops all readers: add a new column and fill it in batches", have.Type.Native, want.Type.Native)}
		}
		plan.Class, plan.Why = sentinel.ClassApprove, fmt.Sprintf("%s to %s rewrites the table (%d MB) under a lock that stops all readers", have.Type.Native, want.Type.Native, here.Bytes>>20)
	}
	return c, nil
}

// catalogOnly reports whether PostgreSQL changes the type in its catalog alone,
// without a rewrite: measured, see docs/repair/alter_table.md.
func catalogOnly(from, to warehouse.Type) bool {
	varying := func(t warehouse.Type) bool {
		return t.Family == warehouse.Text && !strings.HasPrefix(t.Native, "character(")
	}
	switch {
	case varying(from) && varying(to):
		return to.Length == 0 || from.Length != 0 && from.Length <= to.Length
	case from.Family == warehouse.Decimal && to.Family == warehouse.Decimal:
		return to.Precision == 0 || from.Precision != 0 && from.Scale == to.Scale && from.Precision <= to.Precision
	case from.Family == to.Family && (from.Family == warehouse.Timestamp || from.Family == warehouse.Time || from.Family == warehouse.Interval):
		return from.Zoned == to.Zoned && (to.Precision == 0 || from.Precision != 0 && from.Precision <= to.Precision)
	}
	return false
}

// mysqlWiden repeats every attribute: MODIFY drops those it is not told.
func mysqlWiden(c alteration, table, column string, have *warehouse.Column, want warehouse.Column, plan *sentinel.Plan) (alteration, error) {
	bytes := func(t warehouse.Type) int { return t.Length * 4 } // utf8mb4, the widest
	from, to := have.Type, want.Type
	if from.Family != warehouse.Text || to.Family != warehouse.Text || from.Length == 0 || to.Length == 0 || !strings.HasPrefix(to.Native, "varchar") {
		return c, &RefusedError{fmt.Sprintf("%s to %s copies the table: hand it to gh-ost or pt-online-schema-change by a hook", from.Native, to.Native)}
	}
	if from.Length > 63 && bytes(from) <= 255 && bytes(to) > 255 {
		return c, &RefusedError{fmt.Sprintf("%s to %s crosses 255 bytes, which copies the table", from.Native, to.Native)}
	}
	c.Forward = fmt.Sprintf("ALTER TABLE %s MODIFY COLUMN %s %s", table, column, to.Native)
	if have.Collation != "" {
		if !plainType.MatchString(have.Collation) {
			return c, &RefusedError{"its collation has an odd name"}
		}
		c.Forward += " COLLATE " + have.Collation
	}
	if have.Nullable {
		c.Forward += " NULL"
	} else {
		c.Forward += " NOT NULL"
	}
	if have.Default != "" {
		c.Forward += " DEFAULT " + have.Default
	}
	if have.Comment != "" {
		c.Forward += " COMMENT '" + strings.ReplaceAll(strings.ReplaceAll(have.Comment, `\`, `\\`), "'", "''") + "'"
	}
	c.Forward += ", ALGORITHM=INPLACE, LOCK=NONE"
	plan.Class, plan.Why = sentinel.ClassApprove, "MODIFY repeats every attribute of the column: read it before it runs"
	return c, nil
}

func loosen(engine string, d warehouse.Dialect, here *warehouse.Table, want warehouse.Column, plan *sentinel.Plan) (c alteration, err error) {
	have := here.Column(want.Name)
	if have == nil || have.Nullable {
		return c, ErrNothing
	}
	if engine != "postgres" {
		return c, &RefusedError{"making a column nullable is done by itself on PostgreSQL only"}
	}
	table, column, err := quoted(d, here, want.Name)
	if err != nil {
		return c, &RefusedError{err.Error()}
	}
	c.Type = have.Type.Native
	c.Forward = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", table, column)
	c.Reverse = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", table, column)
	plan.Class, plan.Why = sentinel.ClassApprove, "it weakens what readers may rely on"
	return c, nil
}

func quoted(d warehouse.Dialect, here *warehouse.Table, column string) (t, c string, err error) {
	if t, err = warehouse.QuoteTable(d, here.TableName); err != nil {
		return "", "", err
	}
	c, err = d.Quote(column)
	return t, c, err
}

// spell writes a canonical type in an engine's words, where it has an exact one.
func spell(engine string, t warehouse.Type) (string, bool) {
	sized := func(name string) string {
		if t.Length > 0 {
			return fmt.Sprintf("%s(%d)", name, t.Length)
		}
		return "text"
	}
	switch t.Family {
	case warehouse.Boolean:
		return map[string]string{"postgres": "boolean", "mysql": "tinyint(1)", "sqlite": "boolean"}[engine], true
	case warehouse.Integer:
		if t.Unsigned {
			return "", false
		}
		return map[int]string{16: "smallint", 32: "integer", 64: "bigint"}[t.Bits], t.Bits >= 16 && t.Bits != 24
	case warehouse.Decimal:
		if t.Precision == 0 {
			return "numeric", engine != "mysql"
		}
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale), true
	case warehouse.FloatType:
		return "double precision", t.Bits == 64
	case warehouse.Text:
		return sized("varchar"), true
	case warehouse.Date:
		return "date", true
	case warehouse.Timestamp:
		if engine == "mysql" {
			return "datetime(6)", !t.Zoned
		}
		return map[bool]string{true: "timestamptz", false: "timestamp"}[t.Zoned], true
	case warehouse.UUID:
		return "uuid", engine == "postgres"
	case warehouse.JSON:
		return map[string]string{"postgres": "jsonb", "mysql": "json"}[engine], engine != "sqlite"
	}
	return "", false
}

// dependents lists what hangs on the column, and refuses a type change that the
// server would refuse.
func (a *AlterTable) dependents(ctx context.Context, t *Target, here *warehouse.Table, c alteration, plan *sentinel.Plan) error {
	if t.Read.Config.Dialect != "postgres" || c.Kind != sentinel.TypeWidened {
		return nil
	}
	rows, err := one(ctx, t.Read, warehouse.Statement{SQL: `SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1::oid AND a.attname = $2 AND d.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_attrdef'::regclass) AND d.deptype = 'n'`, Args: []any{here.ID, c.Column}})
	if err != nil {
		return transient(err)
	}
	var names []string
	for _, r := range rows {
		names = append(names, r[0].Text)
	}
	if len(names) > 0 {
		return &RefusedError{"what depends on the column forbids it: " + strings.Join(names, "; ")}
	}
	return nil
}

// one runs a single statement on a read-only session.
func one(ctx context.Context, db *warehouse.DB, st warehouse.Statement) (rows warehouse.Rows, err error) {
	db.Run(ctx, []warehouse.Statement{st}, func(_ int, r warehouse.Rows, e error) { rows, err = r, e })
	return rows, err
}

// fingerprint is of a table's identity, columns and partitions.
func fingerprint(t *warehouse.Table) string {
	data, err := json.Marshal(struct {
		ID         string
		Kind       warehouse.TableKind
		Columns    []warehouse.Column
		PrimaryKey *warehouse.Key
		Partitions int
	}{t.ID, t.Kind, t.Columns, t.PrimaryKey, len(t.Partitions)})
	if err != nil {
		panic(err) // plain values
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}

// Stage implements Action: there is nothing to prepare.
func (a *AlterTable) Stage(context.Context, *Run) error { return nil }

// Apply implements Action.
func (a *AlterTable) Apply(ctx context.Context, r *Run) error {
	return a.alter(ctx, r, "apply", r.Repair.Plan.Fingerprint, func(c alteration) string { return c.Forward })
}

// Rollback implements Action. A column is taken away only while nothing was
// ever put into it.
func (a *AlterTable) Rollback(ctx context.Context, r *Run) error {
	c, err := details(r)
	if err != nil {
		return err
	}
	if c.Reverse == "" {
		return &RefusedError{r.Repair.Plan.Steps[0].NoUndo}
	}
	if done, err := r.Target.Write.Done(ctx, r.Repair, "rollback"); done || err != nil {
		return err
	}
	here, err := relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if c.Kind == sentinel.ColumnAdded && here.Column(c.Column) == nil {
		return nil
	}
	return a.alter(ctx, r, "rollback", fingerprint(here), func(c alteration) string { return c.Reverse })
}

func details(r *Run) (c alteration, err error) {
	if r.Target.Write == nil {
		return c, &RefusedError{"no repair_dsn is configured for warehouse " + r.Repair.Table.Warehouse}
	}
	err = json.Unmarshal(r.Repair.Plan.Details, &c)
	return c, err
}

// alter runs one ALTER inside the envelope: the lock that keeps everybody else
// from changing the table, the same fingerprint as planned, the statement, and
// another look.
func (a *AlterTable) alter(ctx context.Context, r *Run, step, print string, statement func(alteration) string) error {
	c, err := details(r)
	if err != nil {
		return err
	}
	r.failpoint("before_" + step)
	if r.Target.Write.Engine == "mysql" {
		return a.alterMySQL(ctx, r, step, print, c, statement(c))
	}
	_, err = r.Target.Write.Commit(ctx, r, step, func(ctx context.Context, tx *sql.Tx) (int64, error) {
		if err := a.lockAndCompare(ctx, tx, r, c, print); err != nil {
			return 0, err
		}
		if step == "rollback" {
			if err := untouched(ctx, tx, r, c); err != nil {
				return 0, err
			}
		}
		_, err := tx.ExecContext(ctx, statement(c))
		return 0, err
	})
	return err
}

func (a *AlterTable) lockAndCompare(ctx context.Context, tx *sql.Tx, r *Run, c alteration, print string) error {
	table, err := r.Target.Write.Name(warehouse.TableName{Schema: r.Repair.Table.Schema, Name: r.Repair.Table.Name})
	if err != nil {
		return err
	}
	var statements []string
	if r.Target.Write.Engine == "postgres" {
		if c.Role != "" {
			role, err := r.Target.Write.Dialect.Quote(c.Role)
			if err != nil {
				return err
			}
			statements = append(statements, "SET LOCAL ROLE "+role)
		}
		statements = append(statements, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE")
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	here, err := relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if fingerprint(here) != print {
		return &ChangedError{"its columns, keys or partitions are others now"}
	}
	return nil
}

// untouched refuses to take a column away that somebody has written to.
func untouched(ctx context.Context, tx *sql.Tx, r *Run, c alteration) error {
	if c.Kind != sentinel.ColumnAdded {
		return nil
	}
	table, column, err := quoted(r.Target.Write.Dialect, &warehouse.Table{TableName: warehouse.TableName{Schema: r.Repair.Table.Schema, Name: r.Repair.Table.Name}}, c.Column)
	if err != nil {
		return err
	}
	var used bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+" WHERE "+column+" IS NOT NULL)").Scan(&used); err != nil {
		return err
	}
	if used {
		return &RefusedError{"the column " + c.Column + " holds values by now"}
	}
	return nil
}

// alterMySQL: DDL commits by itself, so intent and outcome are marked around
// it, and the catalog says whether an intent without an outcome was carried out.
func (a *AlterTable) alterMySQL(ctx context.Context, r *Run, step, print string, c alteration, statement string) error {
	w := r.Target.Write
	if done, err := w.Done(ctx, r.Repair, step); done || err != nil {
		return err
	}
	conn, err := w.DB.Conn(ctx)
	if err != nil {
		return w.classed("connecting", err)
	}
	defer conn.Close()
	lock := "sentinel/" + fenceKey(r.Repair)
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 2)", lock).Scan(&got); err != nil {
		return w.classed("locking", err)
	}
	if got.Int64 != 1 {
		return &TransientError{Err: errors.New("another repair of this table holds the lock")}
	}
	defer func() {
		unlock, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// The lock also ends with the session, whatever becomes of this.
		_, _ = conn.ExecContext(unlock, "SELECT RELEASE_LOCK(?)", lock)
	}()
	tried, err := w.Mark(ctx, r, step+"_intent")
	if err != nil {
		return err
	}
	here, err := relation(ctx, r.Target.Read, r.Repair.Table)
	if err != nil {
		return err
	}
	if !(tried && carriedOut(here, c, step)) {
		if fingerprint(here) != print {
			return &ChangedError{"its columns, keys or partitions are others now"}
		}
		if step == "rollback" {
			tx, err := w.DB.BeginTx(ctx, nil)
			if err != nil {
				return w.classed("looking at the column", err)
			}
			if err := errors.Join(untouched(ctx, tx, r, c), tx.Rollback()); err != nil {
				return w.classed("looking at the column", err)
			}
		}
		if _, err := conn.ExecContext(ctx, "/* sentinel/"+r.Repair.ID+" */ "+statement); err != nil {
			return w.classed("altering", err)
		}
	}
	r.failpoint("in_" + step + "_txn")
	_, err = w.Mark(ctx, r, step)
	r.failpoint("after_" + step + "_commit")
	return err
}

// carriedOut reports whether the table is as the statement would have made it.
func carriedOut(here *warehouse.Table, c alteration, step string) bool {
	column := here.Column(c.Column)
	if step == "rollback" {
		return column == nil
	}
	return column != nil && (c.Kind == sentinel.ColumnAdded || column.Type.Native == c.Type)
}
