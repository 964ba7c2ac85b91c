package alter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/alter"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// hostile creates a role LOADER with functions that write down who runs them.
var hostile = []string{
	"CREATE ROLE LOADER",
	"CREATE TABLE caught (who text, why text)",
	"GRANT INSERT ON caught TO PUBLIC",
	"CREATE SCHEMA loading AUTHORIZATION LOADER",
	"GRANT CREATE ON SCHEMA public TO LOADER",
	"SET ROLE LOADER",
	`CREATE FUNCTION loading.catch(text) RETURNS integer LANGUAGE plpgsql VOLATILE AS
		$$ BEGIN INSERT INTO public.caught VALUES (current_user, $1); RETURN 1; END $$`,
	`CREATE FUNCTION loading.fine(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN PERFORM loading.catch($1); RETURN true; END $$`,
	`CREATE FUNCTION loading.odd(varchar, varchar) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN PERFORM loading.catch('operator'); RETURN false; END $$`,
}

// hostileTypes are columns that a loader adds to the source. Each may run its code.
var hostileTypes = map[string]struct {
	setUp []string
	typ   string // of the column c of the source
}{
	"default of a domain": {
		[]string{"CREATE DOMAIN public.d AS integer DEFAULT loading.catch('default')"}, "public.d"},
	"domain in another schema": {
		[]string{"CREATE DOMAIN loading.d AS integer DEFAULT loading.catch('default')"}, "loading.d"},
	"check of a domain": {
		[]string{"CREATE DOMAIN public.d AS text DEFAULT 'x' CHECK (loading.fine(VALUE))"}, "public.d"},
	"domain over a domain": {
		[]string{"CREATE DOMAIN loading.d AS integer DEFAULT loading.catch('inner')", "CREATE DOMAIN public.e AS loading.d"},
		"public.e"},
	"array of a domain": {
		[]string{"CREATE DOMAIN public.d AS text CHECK (loading.fine(VALUE))"}, "public.d[]"},
	"domain in a composite type": {
		[]string{"CREATE DOMAIN public.d AS text CHECK (loading.fine(VALUE))", "CREATE TYPE public.pair AS (a integer, b public.d)"},
		"public.pair"},
	"operator in the check of a domain": {
		[]string{"CREATE OPERATOR loading.=== (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = loading.odd)",
			"CREATE DOMAIN public.d AS varchar(9) DEFAULT 'x' CHECK (NOT VALUE OPERATOR(loading.===) 'y'::varchar)"}, "public.d"},
	"range over a domain": {
		[]string{"CREATE DOMAIN public.d AS integer CHECK (loading.fine(VALUE::text))", "CREATE TYPE public.span AS RANGE (SUBTYPE = public.d)"},
		"public.span"},
	"difference of a range": {
		[]string{`CREATE FUNCTION loading.minus(integer, integer) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS
			$$ BEGIN PERFORM loading.catch('range'); RETURN 1; END $$`,
			"CREATE TYPE public.span AS RANGE (SUBTYPE = integer, SUBTYPE_DIFF = loading.minus)"}, "public.span"},
	"enum": {
		[]string{"CREATE TYPE public.mood AS ENUM ('sad', 'ok')"}, "public.mood"},
	"composite type of a table": {
		[]string{"CREATE TABLE public.row_of (x integer)"}, "public.row_of"},
}

func hostileFixture(t *testing.T) (*repairtest.Fixture, func(...string)) {
	t.Helper()
	b := repairtest.New(t, "postgres")
	role := "loader_" + strings.Trim(repairtest.Query(t, b.Driver, b.Owner, "SELECT current_database()"), "|\n")
	exec := func(statements ...string) {
		t.Helper()
		b.Exec(strings.ReplaceAll(strings.Join(statements, ";\n"), "LOADER", role))
	}
	b.CreateOrders()
	exec(hostile...)
	t.Cleanup(func() { exec("DROP OWNED BY LOADER CASCADE", "DROP ROLE LOADER") })
	return b, exec
}

func caught(t *testing.T, b *repairtest.Fixture) string {
	t.Helper()
	return repairtest.Query(t, b.Driver, b.Owner, "SELECT DISTINCT who, why FROM caught")
}

func TestNewTypesOfOthersWaitForAPerson(t *testing.T) {
	t.Parallel()
	for name, c := range hostileTypes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, exec := hostileFixture(t)
			exec(append([]string{"SET ROLE LOADER"}, c.setUp...)...)
			exec("ALTER TABLE staging ADD COLUMN c " + c.typ)
			exec("DELETE FROM caught")
			r := b.RunRepair(b.Policy("alter_table", &alter.Table{}, repair.Auto), b.OpenIncident("column_added:c"))
			refused := r.State == sentinel.DeadLetter && strings.Contains(r.Message, "is not the server's own")
			asked := r.State == sentinel.AwaitingApproval && strings.Contains(r.Message, "the type is not the server's own")
			if !refused && !asked {
				t.Errorf("%s: %s", r.State, r.Message)
			}
			if got := caught(t, b); got != "" {
				t.Errorf("code of the loader ran: %s", got)
			}
		})
	}
}

// What was approved is what runs: a default that is put on a domain afterwards is not.
func TestApprovedTypeIsComparedAgain(t *testing.T) {
	t.Parallel()
	b, exec := hostileFixture(t)
	exec("SET ROLE LOADER", "CREATE DOMAIN public.d AS integer")
	exec("ALTER TABLE staging ADD COLUMN c d")
	p := b.Policy("alter_table", &alter.Table{}, repair.Auto)
	p.Attempts = 10
	r := b.RunRepair(p, b.OpenIncident("column_added:c"))
	if do := r.Plan.Steps[0].Do[0]; r.State != sentinel.AwaitingApproval || !strings.Contains(do, `"c" public.d`) {
		t.Fatalf("%s: %s: %s", r.State, r.Message, do)
	}
	ann := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}
	if _, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), 0); err != nil {
		t.Fatal(err)
	}
	exec("SET ROLE LOADER", "ALTER DOMAIN public.d SET DEFAULT loading.catch('late')")
	if r = b.AdvanceRepair(r.ID); r.State != sentinel.RepairCancelled || !strings.Contains(r.Message, "other code") {
		t.Errorf("%s: %s", r.State, r.Message)
	}
	if got := caught(t, b); got != "" {
		t.Errorf("code of the loader ran: %s", got)
	}
	r = b.RunRepair(p, b.OpenIncident("column_added:c"))
	if r.State != sentinel.AwaitingApproval || !strings.Contains(r.Message, "loading.catch of loader_") {
		t.Errorf("planned again: %s: %s", r.State, r.Message)
	}
	exec("CREATE DOMAIN public.e AS integer", "ALTER TABLE staging ADD COLUMN f public.e")
	r = b.RunRepair(p, b.OpenIncident("column_added:f"))
	if _, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), 0); err != nil {
		t.Fatal(err)
	}
	if r = b.AdvanceRepair(r.ID); r.State != sentinel.RepairSucceeded {
		t.Errorf("without any code: %s: %s", r.State, r.Message)
	}
}

// A change of type evaluates checks and indexes of the table again, and converts to and
// from types that others made.
func TestChangedTypesRunNoCodeOfOthers(t *testing.T) {
	t.Parallel()
	for name, setUp := range map[string][]string{
		"to a domain": {"SET ROLE LOADER", "CREATE DOMAIN public.d AS text CHECK (loading.fine(VALUE))", "RESET ROLE",
			"ALTER TABLE staging ALTER COLUMN note TYPE public.d"},
		"with a check":                     {"ALTER TABLE orders ADD CHECK (loading.fine(note))", "ALTER TABLE staging ALTER COLUMN note TYPE varchar(40)"},
		"with an index":                    {"CREATE INDEX ON orders ((loading.fine(note)))", "ALTER TABLE staging ALTER COLUMN note TYPE varchar(40)"},
		"with the check of another column": {"ALTER TABLE orders ADD CHECK (loading.fine(id::text || note))", "ALTER TABLE staging ALTER COLUMN note TYPE text"},
		"with an event trigger": {`CREATE FUNCTION loading.seen() RETURNS event_trigger LANGUAGE plpgsql AS
				$$ BEGIN INSERT INTO public.caught VALUES (current_user, tg_tag); END $$`,
			"ALTER FUNCTION loading.seen() OWNER TO LOADER",
			"ALTER TABLE staging ALTER COLUMN note TYPE varchar(40)",
			"CREATE EVENT TRIGGER seen ON ddl_command_end EXECUTE FUNCTION loading.seen()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, exec := hostileFixture(t)
			exec(setUp...)
			exec("DELETE FROM caught")
			r := b.RunRepair(b.Policy("alter_table", &alter.Table{}, repair.Auto), b.OpenIncident("type_widened:note"))
			if r.State != sentinel.AwaitingApproval || !strings.Contains(r.Message, "run as the account of repairs: loading.") {
				t.Errorf("%s: %s", r.State, r.Message)
			}
			if got := caught(t, b); got != "" {
				t.Errorf("code of the loader ran: %s", got)
			}
		})
	}
}

// A rollback asks whether the column is used. An operator that fits better than the
// server's own is not found, although it is on the search_path.
func TestRollbackUsesTheServersOperators(t *testing.T) {
	t.Parallel()
	b, exec := hostileFixture(t)
	exec("SET ROLE LOADER", "CREATE OPERATOR public.<> (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = loading.odd)")
	exec("ALTER TABLE staging ADD COLUMN status varchar(12) NOT NULL DEFAULT 'new'")
	b.StillBad = func(context.Context) (bool, error) {
		exec("UPDATE orders SET status = 'paid' WHERE id = 1")
		return true, nil
	}
	r := b.RunRepair(b.Policy("alter_table", &alter.Table{}, repair.Auto), b.OpenIncident("column_added:status"))
	if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "holds values by now") {
		t.Errorf("%s: %s", r.State, r.Message)
	}
	if got := caught(t, b); got != "" {
		t.Errorf("code of the loader ran: %s", got)
	}
}
