package config_test

// references are of what is not there, contradicts another key, or has no effect.
var references = []mistake{
	{
		checksOfTwo,
		checksOfTwo + "    repair: [{on: [freshness], sql: {do: [x]}}]\n",
		`f.yaml:18: on: freshness never happens: shop.public.customers has no check of the kind freshness: add one, or`,
	},
	{
		checksOfTwo,
		checksOfTwo + "    repair: [{on: [schema.colum_removed], sql: {do: [x]}}]\n",
		`f.yaml:18: on: unknown finding "schema.colum_removed": did you mean "schema.column_removed"?`,
	},
	{
		"routes: [{to: [team]}]\n",
		"routes: [{to: [team]}]\nmaintenance: [{from: \"02:00\", to: \"02:00\"}]\n",
		`f.yaml:21: maintenance from 02:00 to 02:00 is all of every day: nobody is ever notified`,
	},
	{
		`routes: [{to: [team]}]`,
		`routes: [{dataset: [shop.public.orderz], to: [team]}]`,
		"f.yaml:20: dataset: no dataset is named shop.public.orderz: want a table of `datasets:`, or a pattern with *",
	},
	{
		checksOfTwo,
		checksOfTwo + "    depends_on: [shop.public.order]\n",
		`f.yaml:18: depends_on: unknown table "shop.public.order": did you mean "shop.public.orders"?`,
	},
	{
		checksOfTwo,
		checksOfTwo + "    depends_on: [shop.public.orders, shop.public.orders]\n",
		`f.yaml:18: depends_on: shop.public.orders is listed twice: remove one`,
	},
	{
		count,
		`      - reconcile: {with: shop.public.custmers}`,
		`f.yaml:14: with: unknown table "shop.public.custmers": did you mean "shop.public.customers"?`,
	},
	{
		count,
		`      - reconcile: {with: shop.public.orders}`,
		`f.yaml:14:27: reconcile: with: shop.public.orders is this table itself: name the one to compare it with`,
	},
	{
		count,
		`      - reconcile: {with: shp.public.customers}`,
		`f.yaml:14:27: unknown warehouse "shp": did you mean "shop"?`,
	},
	{
		count,
		`      - schema: {like: shop.public.custmers}`,
		`f.yaml:14: like: unknown table "shop.public.custmers": did you mean "shop.public.customers"?`,
	},
	{
		count,
		`      - schema: {like: shop.public.orders}`,
		`f.yaml:14:24: schema: like: shop.public.orders is this table itself: name the one to compare it with`,
	},
	{
		count,
		`      - schema: {like: shp.public.custmers}`,
		`f.yaml:14:24: unknown warehouse "shp": did you mean "shop"?`,
	},
	{
		`"postgres://u@h/shop"`,
		`"postgres://"`,
		`f.yaml:5:10: warehouse shop: it names neither a server nor a database: write user:password@host:5432/database`,
	},
	{
		`"postgres://u@h/shop"`,
		`"postgres://u@h:port/shop"`,
		`f.yaml:5:10: warehouse shop: it cannot be read: want postgres://***@host:5432/database, and write special`,
	},
	{
		`"postgres://u@h/shop"`,
		`"postgres://u@h:99999/shop"`,
		`f.yaml:5:10: warehouse shop: invalid port: want postgres://***@host:5432/database`,
	},
	{
		`"postgres://u@h/shop"`,
		`"postgres://u@h/shop?sslmode=requird"`,
		`f.yaml:5:10: warehouse shop: failed to configure TLS (sslmode is invalid): want`,
	},
	{
		`"postgres://u@h/shop"`,
		`"postgres://u:p#w@h/shop"`,
		`f.yaml:5:10: warehouse shop: it cannot be read: want postgres://***@host:5432/database, and write special`,
	},
	{
		`"postgres://w@h/shop"`,
		`"mysql://w@h/shop"`,
		`f.yaml:6:17: warehouse shop: want the same database: this is one of mysql and dsn one of postgres`,
	},
	{
		`"postgres://w@h/shop"`,
		`"postgres://w@h/other"`,
		`f.yaml:6: warehouse shop: repair_dsn is of the database other and dsn of shop: repairs change tables that`,
	},
	{
		`    statement_timeout: 30s`,
		`    standby_dsn: ["mysql://u@h/shop"]`,
		`f.yaml:7:19: warehouse shop: want the same database: this is one of mysql and dsn one of postgres`,
	},
	{
		`    statement_timeout: 30s`,
		`    standby_dsn: ["postgres://u@h/shop"]`,
		`f.yaml:7:19: warehouse shop: it is the dsn itself: want the address of another server`,
	},
	{
		`state: sqlite:sentinel.db`,
		`state: "sqlite:"`,
		`f.yaml:1:8: state: it names no file: write its path after the colon, such as sqlite:sentinel.db`,
	},
	{
		count,
		`      - row_count: {fail: "<= -1"}`,
		`f.yaml:14: row_count never fails: every count is a whole number of at least 0`,
	},
	{
		count,
		`      - row_count: {fail: "= 0.5"}`,
		`f.yaml:14: row_count never fails: every count is a whole number of at least 0`,
	},
	{
		`  - table: shop.public.customers`,
		"  - table: shop.public.dim_*\n    exclude: [fact_*]",
		`f.yaml:17: exclude: fact_* leaves out nothing: no name matches both it and shop.public.dim_*`,
	},
	{
		`  - table: shop.public.customers`,
		"  - table: shop.public.dim_*\n    exclude: [\"*\"]",
		`f.yaml:17: exclude: * leaves out every table of shop.public.dim_*: narrow it, or remove the dataset`,
	},
	{
		`  - table: shop.public.customers`,
		"  - table: shop.public.dim_*\n    exclude: [shop.public.dim_tmp]",
		`f.yaml:17: exclude: shop.public.dim_tmp leaves out nothing: write it without the warehouse, as public.dim_tmp`,
	},
	{
		`  - table: shop.public.customers`,
		"  - table: shop.public.dim_*\n    exclude: [\"other.dim_*\"]",
		`f.yaml:17: exclude: other.dim_* leaves out nothing: no name matches both it and shop.public.dim_*`,
	},
}

// values are types, statements and bounds that cannot be, and keys in the wrong place.
var values = []mistake{
	{
		count,
		`      - schema: {columns: {a: bigintt}}`,
		`f.yaml:14: schema: columns: a: unknown type "bigintt": did you mean "bigint"?`,
	},
	{
		count,
		`      - schema: {columns: {a: varchr(5)}}`,
		`f.yaml:14: schema: columns: a: unknown type "varchr(5)": did you mean "varchar"?`,
	},
	{
		count,
		`      - schema: {columns: {a: int5}}`,
		`f.yaml:14: schema: columns: a: unknown type "int5": did you mean "int"?`,
	},
	{
		count,
		`      - schema: {columns: {a: "varchar(-1)"}}`,
		`f.yaml:14:31: schema: columns: a: type "varchar(-1)": want numbers in its parentheses, such as varchar(20) or`,
	},
	{
		count,
		`      - schema: {columns: {a: numeric(5}}`,
		`f.yaml:14:31: schema: columns: a: type "numeric(5": its parentheses do not match: put a type with a comma in`,
	},
	{
		count,
		`      - schema: {columns: {a: decimal(3,5,6)}}`,
		`f.yaml:14:31: schema: columns: a: type "decimal(3": its parentheses do not match: put a type with a comma in`,
	},
	{
		count,
		`      - schema: {columns: {a: unsigned int}}`,
		`f.yaml:14:31: schema: columns: a: unknown type "unsigned int": did you mean "int unsigned"?`,
	},
	{
		count,
		`      - schema: {columns: {a: timestamp with timezone}}`,
		`f.yaml:14:31: schema: columns: a: unknown type "timestamp with timezone": did you mean "timestamp with time`,
	},
	{
		count,
		`      - schema: {columns: {a: float32}}`,
		`f.yaml:14:31: schema: columns: a: unknown type "float32": did you mean "real"?`,
	},
	{
		"      - schema\n  -",
		"      - schema\n      - time: {column: ts}\n  -",
		"f.yaml:16:9: unknown key \"time\": it belongs to the dataset, beside `checks:`",
	},
	{
		count,
		`      - row_count: {by: "lower(a)", fail: "< 5"}`,
		`f.yaml:14: by: "lower(a)" is an expression, and by wants the name of a column: make a view or a generated`,
	},
	{
		count,
		`      - sql: {query: "with x as (delete from t returning 1) select * from x", fail: "> 0"}`,
		`f.yaml:14:22: sql: query: the query has DELETE FROM, which does more than reading`,
	},
	{
		count,
		`      - sql: {query: "select 1 into x", fail: "> 0"}`,
		`f.yaml:14:22: sql: query: the query has INTO, which does more than reading`,
	},
	{
		count,
		`      - sql: {query: "select (1", fail: "> 0"}`,
		`f.yaml:14: query: it opens a parenthesis that it does not close`,
	},
	{
		count,
		`      - sql: {query: "select 'a", fail: "> 0"}`,
		`f.yaml:14: query: it has a quote ' without an end`,
	},
	{
		count,
		`      - sql: {query: "select a, b from t where x = {{ ds }}", fail: "> 0"}`,
		`f.yaml:14: query: it is a template, and nothing fills it in: write the value, or ${VARIABLE}`,
	},
	{
		checksOfTwo,
		checksOfTwo + "    fail: \"< 5\"\n",
		"f.yaml:18:5: unknown key \"fail\": it belongs to a check: write it under `checks:`, as in `- row_count: {fail:",
	},
	{
		checksOfTwo,
		checksOfTwo + "    row_count: {fail: \"< 5\"}\n",
		"f.yaml:18:5: unknown key \"row_count\": it is a check: write `- row_count:` with its keys under `checks:`",
	},
	{
		schemaCheck,
		schemaCheck + "      - depends_on: [shop.public.customers]\n",
		"f.yaml:16:9: unknown key \"depends_on\": it belongs to the dataset, beside `checks:`",
	},
	{
		schemaCheck,
		schemaCheck + "      - owner: me\n",
		"f.yaml:16:9: unknown key \"owner\": it belongs to the dataset, beside `checks:`",
	},
	{
		count,
		`      - row_count: {fail: "< 5", where: "where a = 1"}`,
		`f.yaml:14:41: row_count: where: it begins with WHERE: write the condition alone`,
	},
	{count, `      - schema: {columns: {a: "int not null"}}`, `f.yaml:14:31: schema: columns: a: type "int not null": want the type`},
	{count, `      - row_count: {change: {against: previous, fail: "< -100%"}}`, "f.yaml:14: change.fail never holds"},
	{
		count, `      - row_count: {warn: "not between 1 and 2", fail: "not between 1 and 2"}`,
		"f.yaml:14: warn has no effect",
	},
	{checksOfTwo, checksOfTwo + "    repair: [{on: [schema.], sql: {do: [x]}}]\n", "f.yaml:18: on: schema. ends in a dot"},
	{checksOfTwo, checksOfTwo + "    depends_on: [shop.public.ord*]\n", "f.yaml:18: depends_on: shop.public.ord* is a pattern"},
	{"state: sqlite:sentinel.db", "state: \"postgres://h:abc/d\"", "f.yaml:1:8: state: it cannot be read"},
	{"    time_column: created_at", "    time_column: “created_at”", "f.yaml:11:18: typographic quotes are part of the text"},
	{"    statement_timeout: 30s", "    host: h", "f.yaml:7:5: unknown key \"host\": write all of the connection as `dsn:"},
	{"    statement_timeout: 30s", "    budget: 0", "f.yaml:7:13: warehouse shop: want how long the statements of checks"},
	{"    statement_timeout: 30s", "    budget: -10m", "f.yaml:7:13: "},
	{"    statement_timeout: 30s", "    budget: 600", "f.yaml:7:13: "},
	{"    statement_timeout: 30s", "    budget: much", "f.yaml:7:13: "},
	{"    statement_timeout: 30s", "    budget: 1ms", "f.yaml:7:13: warehouse shop: want how long the statements of checks"},
	{"    statement_timeout: 30s", "    budget: 10d", "f.yaml:7:13: warehouse shop: 4 connections take 96h0m0s in a day at most"},
	{"    statement_timeout: 30s", "    budget: {seconds: 10}", "f.yaml:7:14: "},
	{"datasets:\n", "datasets:\n  -\n", "f.yaml:10:4: an empty item: want `- table:"},
}
