package rowdiff_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// kind is a type of column with a pool of values. NULL is "NULL" in every pool.
type kind struct {
	name  string
	types map[string]string // by dialect
	pool  []string
	key   bool // values can be a key
}

var kinds = []kind{
	{"whole", map[string]string{"postgres": "bigint", "mysql": "bigint", "sqlite": "bigint"},
		[]string{"0", "1", "-1", "42", "9007199254740993", "-9223372036854775808", "9223372036854775807"}, true},
	{"digits", map[string]string{"postgres": "numeric(20,4)", "mysql": "decimal(24,6)", "sqlite": "numeric"},
		[]string{"0", "1", "1.5", "-1.5", "0.25", "123456789.125", "-0.0001", "100", "10"}, true},
	{"open", map[string]string{"postgres": "numeric", "mysql": "decimal(30,10)", "sqlite": "numeric"},
		[]string{"0", "7", "7.5", "-7.25", "1000", "0.125"}, false},
	{"flag", map[string]string{"postgres": "boolean", "mysql": "tinyint(1)", "sqlite": "boolean"},
		[]string{"1", "0"}, false},
	{
		"words",
		map[string]string{"postgres": "text", "mysql": "varchar(60) CHARACTER SET utf8mb4", "sqlite": "text"},
		[]string{
			"", " ", "a", "A", "a ", "ä", "ß", "ss", "paid", "PAID", "a,b", "~", "1:a",
			"it's", `back\slash`, "€ 😀", "5", "05", "\n",
		},
		true,
	},
	{"filled", map[string]string{"postgres": "char(8)", "mysql": "char(10) CHARACTER SET utf8mb4", "sqlite": "text"},
		[]string{"", "x", "X", "abc", "ä"}, false},
	{"fraction", map[string]string{"postgres": "double precision", "mysql": "double", "sqlite": "double"}, []string{
		"0", "1", "0.5", "-0.1", "0.30000000000000004", "1e20", "1e15", "1e16", "123456.789", "1e-5", "0.0001", "1.5e-7",
		"1.7976931348623157e308", "2.2250738585072014e-308",
	}, false},
	{"single", map[string]string{"postgres": "real", "mysql": "float", "sqlite": "real"},
		[]string{"0", "1", "0.5", "-0.25", "1024.125", "65536"}, false},
	{"day", map[string]string{"postgres": "date", "mysql": "date", "sqlite": "date"},
		[]string{"2026-11-30", "2026-02-28", "1970-01-01", "9999-12-31"}, true},
	{"clock", map[string]string{"postgres": "timestamp", "mysql": "datetime(6)", "sqlite": "timestamp"},
		[]string{"2026-11-30 01:02:03", "2026-11-30 01:02:03.5", "2026-11-30 00:00:00", "1999-12-31 23:59:59.000001"}, true},
	{"instant", map[string]string{"postgres": "timestamptz", "mysql": "timestamp(6)", "sqlite": "timestamptz"},
		[]string{"2026-11-30 01:02:03", "2026-11-30 01:02:03.25", "2026-11-30 00:00:00"}, false},
	{"hour", map[string]string{"postgres": "time", "mysql": "time(6)", "sqlite": "time"},
		[]string{"01:02:03", "01:02:03.5", "00:00:00"}, false},
	{"raw", map[string]string{"postgres": "bytea", "mysql": "varbinary(20)", "sqlite": "blob"},
		[]string{"", "\x00", "\x00\x00", "\xff\xfe", "abc"}, false},
	{"id", map[string]string{"postgres": "uuid", "mysql": "uuid", "sqlite": "uuid"}, []string{
		"00000000-0000-0000-0000-000000000001", "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	}, false},
}

// scene is two tables, with rows by column name.
type scene struct {
	draw       *rand.Rand
	table      string
	key        []string
	rows       [2][]map[string]string
	few, parts int
	respell    bool // the tables may spell equal values differently
}

// drawScene draws rows, and takes, adds and changes some on one side.
func drawScene(seed uint64, sides [2]*engine) *scene {
	s := &scene{draw: rand.New(rand.NewPCG(seed, 22)), table: fmt.Sprintf("t%d", seed)}
	s.few, s.parts = 1+s.draw.IntN(20), 1<<(4+s.draw.IntN(3))
	s.respell = sides[0].name != sides[1].name
	keys := [][]string{{"n"}, {"whole", "n"}, {"words", "n"}, {"day", "n"}, {"n", "clock"}, {"digits", "n"}}
	s.key = keys[s.draw.IntN(len(keys))]
	step := []int64{1, 3, 1000}[s.draw.IntN(3)]
	for i := range s.draw.IntN(150) {
		row := map[string]string{"n": fmt.Sprint(int64(i)*step - 20)}
		for _, k := range kinds {
			row[k.name] = s.value(k)
		}
		for at := range s.rows {
			s.rows[at] = append(s.rows[at], row)
		}
	}
	for range s.draw.IntN(8) {
		s.plant()
	}
	return s
}

// value draws a value; one of the key is never NULL.
func (s *scene) value(k kind) string {
	if !slices.Contains(s.key, k.name) && s.draw.IntN(6) == 0 {
		return "NULL"
	}
	return k.pool[s.draw.IntN(len(k.pool))]
}

// plant makes one difference.
func (s *scene) plant() {
	at := s.draw.IntN(2)
	if len(s.rows[at]) == 0 {
		return
	}
	i := s.draw.IntN(len(s.rows[at]))
	if s.draw.IntN(2) == 0 {
		s.rows[at] = slices.Delete(slices.Clone(s.rows[at]), i, i+1)
		return
	}
	k := kinds[s.draw.IntN(len(kinds))]
	changed := map[string]string{}
	for name, value := range s.rows[at][i] {
		changed[name] = value
	}
	changed[k.name] = s.value(k)
	s.rows[at] = slices.Clone(s.rows[at])
	s.rows[at][i] = changed
}

// others are the columns beside the key.
func (s *scene) others() (names []string) {
	for _, name := range append([]string{"n"}, kindNames()...) {
		if !slices.Contains(s.key, name) {
			names = append(names, name)
		}
	}
	return names
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// differences is what the comparison must find.
func (s *scene) differences() (out []string) {
	identity := func(row map[string]string) string {
		parts := make([]string, len(s.key))
		for i, name := range s.key {
			parts[i] = row[name]
		}
		return strings.Join(parts, "\x00")
	}
	var by [2]map[string]map[string]string
	for at, rows := range s.rows {
		by[at] = map[string]map[string]string{}
		for _, row := range rows {
			by[at][identity(row)] = row
		}
	}
	for key, here := range by[0] {
		there, both := by[1][key]
		switch {
		case !both:
			out = append(out, "extra "+here["n"])
		case fmt.Sprint(here) != fmt.Sprint(there):
			out = append(out, "changed "+here["n"])
		}
	}
	for key, there := range by[1] {
		if _, both := by[0][key]; !both {
			out = append(out, "missing "+there["n"])
		}
	}
	slices.Sort(out)
	return out
}

// create makes both tables.
func (s *scene) create(sides [2]*engine) {
	for at, e := range sides {
		columns := []string{"n bigint NOT NULL"}
		for _, k := range kinds {
			null := ""
			if k.name == "instant" { // MariaDB's first timestamp is NOT NULL otherwise
				null = " NULL"
			}
			columns = append(columns, k.name+" "+k.types[e.name]+null)
		}
		statements := []string{"CREATE TABLE " + s.table + " (" + strings.Join(columns, ", ") + ")"}
		if len(s.rows[at]) > 0 {
			var rows []string
			for _, row := range s.rows[at] {
				values := []string{row["n"]}
				for _, k := range kinds {
					values = append(values, s.literal(k, row[k.name], e.name, at))
				}
				rows = append(rows, "("+strings.Join(values, ", ")+")")
			}
			statements = append(statements, "INSERT INTO "+s.table+" VALUES "+strings.Join(rows, ", "))
		}
		e.Exec(e.tb, statements...)
	}
}

// literals write values of a kind where a dialect has its own way; %s is the text, in
// quotes, or as hexadecimal digits for bytes.
var literals = map[string]map[string]string{
	"postgres": {"raw": `'\x%s'`, "flag": "(%s = '1')", "instant": "%s::timestamp AT TIME ZONE 'UTC'"},
	"mysql":    {"raw": "X'%s'", "fraction": "%s + 0e0", "single": "%s + 0e0"},
	"sqlite":   {"raw": "X'%s'", "instant": "replace(%s, ' ', 'T') || 'Z'"},
}

func (s *scene) literal(k kind, value, dialect string, side int) string {
	if value == "NULL" {
		return "NULL"
	}
	if k.name == "open" && s.respell && side == 1 && strings.Contains(value, ".") {
		value += "00"
	}
	text := "'" + strings.ReplaceAll(value, "'", "''") + "'"
	if dialect == "mysql" {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	if k.name == "raw" {
		text = hex.EncodeToString([]byte(value))
	}
	if form := literals[dialect][k.name]; form != "" {
		return fmt.Sprintf(form, text)
	}
	return text
}
