package config_test

// syntax is YAML that means something else than it seems to.
var syntax = []mistake{
	{
		count,
		`      - row_count: {fail: > 5}`,
		`f.yaml:14:27: a text that begins with > is something else in YAML: put it in quotes: "> 5"`,
	},
	{
		count,
		"      - row_count:\n          fail: >= 5",
		`f.yaml:15:18: a text that begins with > is something else in YAML: put it in quotes: ">= 5"`,
	},
	{
		count,
		"      - nulls:\n          column: a\n          fail: %5",
		`f.yaml:16:17: a text that begins with % is something else in YAML: put it in quotes: "%5"`,
	},
	{
		count,
		"      - row_count:\n          schedule: */5 * * * *",
		`f.yaml:15:26: a text that begins with * is something else in YAML: put it in quotes: "*/5 * * * *"`,
	},
	{
		`defaults: {schedule: "*/5 * * * *",`,
		`defaults: {schedule: */5 * * * *,`,
		`f.yaml:8:27: a text that begins with * is something else in YAML: put it in quotes: "*/5 * * * *"`,
	},
	{
		`  - table: shop.public.customers`,
		`  - table: *.public.customers`,
		`f.yaml:16:12: a text that begins with * is something else in YAML: put it in quotes: "*.public.customers"`,
	},
	{
		`  - table: shop.public.customers`,
		`  - table: %.public.customers`,
		`f.yaml:16:12: a text that begins with % is something else in YAML: put it in quotes: "%.public.customers"`,
	},
	{
		`  - table: shop.public.customers`,
		"  - table: shop.public.*\n    exclude: [%_tmp]",
		`f.yaml:17:15: a text that begins with % is something else in YAML: put it in quotes: "%_tmp"`,
	},
	{`"< 1000"`, `{{ x }}`, `f.yaml:14:51: want a text: put one that begins with { or has a colon in quotes`},
	{
		`    time_column: created_at`,
		`    time_column: @created`,
		`f.yaml:11:18: a text that begins with @ is something else in YAML: put it in quotes: "@created"`,
	},
	{
		`    time_column: created_at`,
		"    time_column: `created`",
		"f.yaml:11:18: a text that begins with ` is something else in YAML: put it in quotes: \"`created`\"",
	},
	{
		age,
		`      - sql: {query: select a: b, fail: "> 0"}`,
		`f.yaml:13:30: did not find expected ',' or '}': close the bracket or brace, or put a text with : , [ ] { } in`,
	},
	{
		age,
		"      - sql:\n          query: select x where a: b\n          fail: \"> 0\"",
		`f.yaml:14:34: mapping values are not allowed in this context: put a text with a colon in quotes, or check the`,
	},
	{
		age,
		"      - row_count:\n          fail: != 5",
		`f.yaml:14:17: a text that begins with ! is a tag in YAML: put it in quotes: "!= 5"`,
	},
	{
		age,
		"      - row_count:\n          fail: &5",
		`f.yaml:14:17: a text that begins with & is an anchor in YAML: put it in quotes: "&5"`,
	},
	{
		`    time_column: created_at`,
		`    time: {column: ts, format: %Y%m%d}`,
		`f.yaml:11:32: a text that begins with % is something else in YAML: put it in quotes: "%Y%m%d"`,
	},
	{
		`    time_column: created_at`,
		`    time_column: [created_at]`,
		`f.yaml:11:18: want one text, not a list: put one that begins with [ in quotes`,
	},
	{
		"warehouses:\n  shop:\n    dsn",
		"warehouses:\n  - name: shop\n    dsn",
		"f.yaml:1:1: no warehouse: want `warehouses:` with at least one name",
	},
	{
		"notify:\n  team: {slack",
		"notify:\n  - {slack",
		`f.yaml:19:3: want a mapping of names: write each name and a colon, without a dash, and its keys below`,
	},
	{`routes: [{to: [team]}]`, `routes: {to: [team]}`, "f.yaml:20:9: want a list: begin each item with `- `"},
	{
		`    checks: [schema]`,
		`    checks: {schema: {}}`,
		"f.yaml:16:12: shop.public.customers has no checks: want `checks:` with a list such as `- row_count > 0`",
	},
	{
		`  - table: shop.public.customers`,
		`  - table: [shop.public.customers]`,
		`f.yaml:16:12: want one text, not a list: put one that begins with [ in quotes`,
	},
	{
		`      - row_count`,
		`      - 	row_count`,
		`f.yaml:14:9: found a tab character where an indentation space is expected: write spaces`,
	},
	{
		`    time_column: created_at`,
		`   time_column: created_at`,
		`f.yaml:11:4: did not find expected '-' indicator to end what begins in line 10: begin this line in the column`,
	},
	{
		`    checks: [schema]`,
		`     checks: [schema]`,
		`f.yaml:17:12: mapping values are not allowed in this context: put a text with a colon in quotes, or check the`,
	},
	{
		schemaCheck,
		"        schema\n",
		`f.yaml:16:3: could not find expected ':' to end what begins in line 15: is a colon, a dash or a closing quote`,
	},
	{
		`listen: 127.0.0.1:9780`,
		`listen: 127.0.0.1`,
		`f.yaml:2:9: want an address and a port, such as 127.0.0.1:9780`,
	},
	{
		`listen: 127.0.0.1:9780`,
		`listen: http://127.0.0.1:9780`,
		`f.yaml:2:9: want an address and a port, such as 127.0.0.1:9780`,
	},
}
