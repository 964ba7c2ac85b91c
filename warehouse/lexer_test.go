package warehouse_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/mysql"
	_ "github.com/sentinel-dq/sentinel/warehouse/postgres"
	_ "github.com/sentinel-dq/sentinel/warehouse/sqlite"
)

// filters are conditions, with the words of their refusal by the engines that refuse them.
var filters = []struct {
	condition, engines, refused string
}{
	{"id > 1 -- not the first", "", ""},
	{"id > 1 /* not ; ( $1 ? */", "", ""},
	{"note = 'costs $1? ;)'", "", ""},
	{"note = 'it''s ; )'", "", ""},
	{`"a;b" = 1`, "", ""},
	{"id IN (1, (2))", "", ""},
	{"id = $1", "postgres sqlite", "the parameter $1"},
	{"id = $$1", "postgres", "quote $$ without an end"},
	{"id = ?", "mysql sqlite", "the parameter ?"},
	{"j ? 'a'", "mysql sqlite", "the parameter ?"}, // an operator of PostgreSQL
	{"id = :x", "sqlite", "the parameter :x"},
	{"id = @x", "sqlite", "the parameter @x"}, // a variable of MySQL
	{"a::text = '1' AND b[1:2] = c", "mysql sqlite", ""},
	{"id = 1; DELETE FROM t", "postgres mysql sqlite", "a semicolon"},
	{"id = 1) OR (1 = 1", "postgres mysql sqlite", "closes a parenthesis"},
	{"(id = 1", "postgres mysql sqlite", "opens a parenthesis"},
	{"note = 'x", "postgres mysql sqlite", "a quote ' without an end"},
	{"id = 1 /* x", "postgres mysql sqlite", "a comment /* without an end"},
	{"id = 1 /* x /* y */", "postgres", "a comment /* without an end"},
	{`note = E'\'$1'`, "postgres", ""},
	{`note = '\'' AND id = ?`, "mysql", "the parameter ?"},
	{"note = $a$ $1 ; $a$", "postgres", ""},
	{"id = 1 # ; ?", "mysql", ""},
	{"id = 1--?", "mysql", "the parameter ?"},
	{"id = 1 /*! AND id = ? */", "mysql", "the parameter ?"},
	{"[a;b] = 1", "sqlite", ""},
	{"a$1 = 2", "postgres", ""}, // a name
}

func TestFiltersStayInTheirPlace(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"postgres", "mysql", "sqlite"} {
		d, err := warehouse.DialectNamed(engine)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range filters {
			applies := strings.Contains(f.engines, engine)
			if f.refused == "" && f.engines != "" && !applies {
				continue // other words than this engine's
			}
			err := warehouse.CheckFilter(d, f.condition)
			switch {
			case f.refused == "" || !applies:
				if err != nil && f.refused == "" {
					t.Errorf("%s: %s: %v", engine, f.condition, err)
				}
			case err == nil || !strings.Contains(err.Error(), f.refused):
				t.Errorf("%s: %s: %v, want %s", engine, f.condition, err, f.refused)
			}
		}
	}
}

// A statement may hold semicolons and parentheses; the database judges them. It may not
// hold parameters.
func TestStatementsHaveNoParameters(t *testing.T) {
	t.Parallel()
	d, err := warehouse.DialectNamed("postgres")
	if err != nil {
		t.Fatal(err)
	}
	for statement, refused := range map[string]bool{
		"SELECT count(*) FROM t WHERE id = $1": true, "SELECT ')';": false, "SELECT '$1' -- $2": false, "SELECT 'x": false,
	} {
		if err := warehouse.CheckParameters(d, statement); (err != nil) != refused {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
