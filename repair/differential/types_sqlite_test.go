package differential_test

// anyValues are values of each storage class of SQLite.
var anyValues = []string{"'text'", "x'00ff27'", "x''", "1.5", "0.1", "9e999", "9007199254740993",
	"-9223372036854775808",
	"'12'", "''", "'2026-03-11T02:00:00+02:00'", "cast(x'ff41' AS text)", "1e300", "true", "'a' || char(0)"}

var sqliteTypes = []drawnType{
	{"", seenStored, anyValues},
	{"any", seenStored, anyValues},
	{"integer", seenStored, []string{"1", "0", "9007199254740993", "-9223372036854775808"}},
	{"integer", seenStored, anyValues},
	{"int", seenStored, []string{"1", "-5"}},
	{"bigint", seenStored, []string{"5", "-7", "9223372036854775807"}},
	{"numeric", seenStored, []string{"2", "1.5", "0.1", "1e300"}},
	{"decimal(10,2)", seenStored, []string{"7", "1.5", "12345678.25"}},
	{"real", seenStored, []string{"2.5", "0.1", "2.0", "-9e999", "5e-324", "0.30000000000000004"}},
	{"double", seenStored, []string{"2.5", "-0.0", "1.7976931348623157e308"}},
	{"real", seenStored, anyValues},
	{"text", seenStored, []string{"'a'", "''", "'a  '", "'ü€😀'", "'a' || char(0) || 'b'", "'NULL'", "'12'"}},
	{"text", seenStored, []string{"'2026-03-11T02:00:00+02:00'", "'2026-03-11 01:02:03.456'", "'2026-03-11'"}},
	{"text collate nocase", seenStored, []string{"'a'", "'A'", "'b'"}},
	{"clob", seenStored, []string{"'a'", "hex(zeroblob(40000))"}},
	{"varchar(10)", seenStored, []string{"'abc'", "'longer than ten characters'"}},
	{"blob", seenStored, []string{"x'61'", "x''", "x'00ff27'", "x'" + allBytes() + "'"}},
	{"blob", seenStored, anyValues},
	{"boolean", seenStored, []string{"1", "0"}},
	{"boolean", seenStored, anyValues},
	{"date", seenStored, []string{"'2026-02-28'", "'9999-12-31'"}},
	{"timestamp", seenStored, []string{"'2026-03-11 01:02:03'", "'2026-03-11T01:02:03Z'",
		"'2026-03-11 01:02:03.000001'"}},
	{"datetime", seenStored, []string{"'2026-03-11 01:02:03'", "'2026-03-11T01:02:03+01:00'"}},
	{"timestamp", seenStored, []string{"1773190923", "2461110.5"}},
	{"time", seenStored, []string{"'01:02:03'", "'23:59:59.5'"}},
	{"json", seenStored, []string{`'{"a": 1}'`, `'{"b": 1, "a": [1.10]}'`, `'[]'`, "'5'"}},
	{"uuid", seenStored, []string{"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"}},
}
