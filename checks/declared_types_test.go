package checks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// typeSpellings are spellings of types that an engine takes.
var typeSpellings = map[string][]string{
	"postgres": {
		"int2", "int", "int4", "int8", "INTEGER", "int4[]", "_int4", "int[3]", "int[][]", "integer array", "bigint[]", "bool",
		"float", "float(24)", "float(25)", "float4", "real", "double precision", "dec(10,2)", "decimal(10)", "numeric",
		"numeric ( 12 , 2 )", "numeric(4,0)[]", "char", "char(5)", "character(5)", "bpchar", "bpchar(5)", "nchar(4)", `"char"`,
		"national character varying(5)", "varchar", "varchar(20)", "varchar[]", "varchar(20)[]", "_varchar", "varbit(4)",
		"bit varying", "bit", "bit(3)", "bit(3)[]", "timestamp", "timestamp(3)", "timestamptz(3)",
		"timestamp(3) with time zone", "timestamp without time zone", "timestamptz[]", "time(2)", "timetz", "timetz(1)",
		"interval", "interval(3)", "interval day to second(2)", "interval year to month", "name", "money", "inet", "cidr", "xml",
		"tsvector", "int4range", "json", "jsonb", "jsonb[]", "uuid", "bytea", "text", "_text", "date", "oid", "regclass",
	},
	"mysql": {
		"timestamp NULL", "timestamp(3) NULL", "datetime", "datetime(6)", "datetime(0)", "time(3)", "date", "year", "year(4)",
		"json", "bigint unsigned", "bigint(20) unsigned", "int(11)", "int(5) zerofill", "int(5) unsigned zerofill", "int signed",
		"smallint(3)", "middleint", "int1", "int2", "int3", "int4", "int8", "bool", "boolean", "tinyint(1)", "tinyint(4)",
		"real", "double", "double precision", "double(10,2)", "float", "float(10)", "float(30)", "float(7,3)", "float unsigned",
		"float4", "float8", "dec(10,2)", "fixed(10,2)", "numeric(10)", "decimal", "decimal(10,2) unsigned zerofill",
		"char", "char(3)", "char(3) byte", "varchar(5)", "national varchar(10)", "nchar(5)", "nvarchar(5)",
		"nchar varchar(5)", "char varying(5)", "character varying(5)", "long varchar", "long", "long varbinary",
		"tinytext", "text", "mediumtext", "longtext", "blob", "longblob", "binary(4)", "varbinary(9)", "bit", "bit(3)",
		"enum('A','b, C')", "set('x','Y')", "point", "geometry", "inet6",
	},
	"sqlite": {
		"STRING", "INT", "unsigned big int", "varying character(10)", "NVARCHAR(100)", "decimal(10,5)", "TIMESTAMP",
		"double precision", "BLOB", "JSON",
	},
}

// TestOwnTypesAreNoDifference declares columns by the spelling that made them, and by what the
// catalog prints of them. Neither is a difference, and validate knows both.
func TestOwnTypesAreNoDifference(t *testing.T) {
	t.Parallel()
	catalogs := map[string][]string{
		"postgres": {
			"SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'own'::regclass AND attnum > 0",
			"SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = 'own' AND udt_name LIKE '\\_%'",
		},
		"mysql":  {"SELECT column_name, column_type FROM information_schema.columns WHERE table_name = 'own' AND table_schema = database()"},
		"sqlite": {"SELECT name, type FROM pragma_table_info('own')"},
	}
	for engine, spellings := range typeSpellings {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{})
			var made checks.DeclaredColumns
			var columns []string
			for i, spelling := range spellings {
				name := fmt.Sprint("c", i)
				columns = append(columns, name+" "+spelling)
				made = append(made, checks.DeclaredColumn{Name: name, Type: strings.TrimSuffix(spelling, " NULL")})
			}
			b.exec("CREATE TABLE own (" + strings.Join(columns, ", ") + ")")
			declared := []checks.DeclaredColumns{made}
			conn := b.connection()
			for _, query := range catalogs[engine] {
				rows, err := conn.QueryContext(t.Context(), query)
				if err != nil {
					t.Fatal(err)
				}
				var printed checks.DeclaredColumns
				for rows.Next() {
					var c checks.DeclaredColumn
					if err := rows.Scan(&c.Name, &c.Type); err != nil {
						t.Fatal(err)
					}
					printed = append(printed, c)
				}
				if err := rows.Err(); err != nil || len(printed) == 0 {
					t.Fatalf("%s: %d rows, %v", query, len(printed), err)
				}
				declared = append(declared, printed)
			}
			for _, columns := range declared {
				for _, c := range columns {
					if wrong, _ := warehouse.CheckType(b.db.Dialect, c.Type); wrong != "" {
						t.Errorf("validate says: %s", wrong)
					}
				}
				check := &checks.Schema{Columns: columns, Extra: "pass"}
				for _, f := range b.run("own", check)[0].Findings {
					t.Error(f.Message)
				}
			}
		})
	}
}

// TestOtherTypesAreADifference declares other types than the columns have.
func TestOtherTypesAreADifference(t *testing.T) {
	t.Parallel()
	for engine, columns := range map[string]map[string]string{ // the column's type to the declared one
		"postgres": {
			"int": "bigint", "int[]": "bigint[]", "real": "float(25)", "char(5)": "char(6)", "varchar(20)[]": "varchar(30)[]",
			"timestamp": "timestamptz", "timetz": "time", "bit(3)": "bit(4)", "varbit(3)": "varbit(4)", "numeric(10,0)": "dec(9)",
			"json": "text", "smallint": "integer",
		},
		"mysql": {
			"int": "int unsigned", "longtext": "json", "bigint": "int8 unsigned", "float": "float(25)", "decimal(10,0)": "dec(9)",
			"enum('a')": "enum('A')", "year": "int", "datetime": "date", "mediumint": "int1",
		},
		"sqlite": {"STRING": "real", "text": "int"},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{})
			n := 0
			for is, declared := range columns {
				table := fmt.Sprint("other", n)
				n++
				b.exec("CREATE TABLE " + table + " (c " + is + ")")
				check := &checks.Schema{Columns: checks.DeclaredColumns{{Name: "c", Type: declared}}}
				if r := b.run(table, check)[0]; r.Status == sentinel.Pass {
					t.Errorf("%s is no %s, but the check passes", is, declared)
				}
			}
		})
	}
}
