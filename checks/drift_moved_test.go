package checks_test

// postgresMoved are keys and the like that moved to a new column, which has the old name of a
// renamed one. By its text each is as it was.
var postgresMoved = []ddlRow{
	{name: "primary key moved", before: "CREATE TABLE $d (a int, b int PRIMARY KEY)",
		change: "ALTER TABLE $d DROP CONSTRAINT $d_pkey; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int PRIMARY KEY",
		want:   "column_added:b column_renamed:c primary_key_changed"},
	{name: "unique key moved", before: "CREATE TABLE $d (a int, b int, CONSTRAINT $u UNIQUE (b))",
		change: "ALTER TABLE $d DROP CONSTRAINT $u; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int;" +
			" ALTER TABLE $d ADD CONSTRAINT $u UNIQUE (b)",
		want: "column_added:b column_renamed:c unique_changed:$u"},
	{name: "index moved", before: "CREATE TABLE $d (a int, b int); CREATE INDEX $i ON $d (a, b)",
		change: "DROP INDEX $i; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int; CREATE INDEX $i ON $d (a, b)",
		want:   "column_added:b column_renamed:c index_added:$i index_removed:$i"},
	{name: "index by an expression moved", before: "CREATE TABLE $d (a int, b int); CREATE INDEX $i ON $d ((b+1)) WHERE b>0",
		change: "DROP INDEX $i; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int;" +
			" CREATE INDEX $i ON $d ((b+1)) WHERE b>0",
		want: "column_added:b column_renamed:c index_added:$i index_removed:$i"},
	{name: "check moved", before: "CREATE TABLE $d (a int, b int, CONSTRAINT k CHECK (b IS NOT NULL))",
		change: "ALTER TABLE $d DROP CONSTRAINT k; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int;" +
			" ALTER TABLE $d ADD CONSTRAINT k CHECK (b IS NOT NULL)",
		want: "check_changed:k column_added:b column_renamed:c"},
	{name: "exclusion moved", before: "CREATE TABLE $d (a int, b int, CONSTRAINT $x EXCLUDE USING btree (b WITH =))",
		change: "ALTER TABLE $d DROP CONSTRAINT $x; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int;" +
			" ALTER TABLE $d ADD CONSTRAINT $x EXCLUDE USING btree (b WITH =)",
		want: "column_added:b column_renamed:c exclusion_changed:$x"},
	{name: "foreign key moved", before: postgresParent,
		change: "ALTER TABLE $d DROP CONSTRAINT f; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int;" +
			" ALTER TABLE $d ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES $p (id)",
		want: "column_added:b column_renamed:c foreign_key_changed:f"},
	{name: "foreign key refers to a new column", before: postgresParent,
		change: "ALTER TABLE $d DROP CONSTRAINT f; ALTER TABLE $p RENAME id TO old; ALTER TABLE $p ADD id int UNIQUE;" +
			" ALTER TABLE $d ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES $p (id)",
		want: "foreign_key_changed:f"},
	{name: "foreign key refers to a column that was made anew", before: postgresParent,
		change: "ALTER TABLE $p DROP id CASCADE; ALTER TABLE $p ADD id int UNIQUE;" +
			" ALTER TABLE $d ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES $p (id)"},
	{name: "policy moved", before: "CREATE TABLE $d (a int, b int); CREATE POLICY p ON $d USING (b > 0)",
		change: "DROP POLICY p ON $d; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int;" +
			" CREATE POLICY p ON $d USING (b > 0)",
		want: "column_added:b column_renamed:c row_security_changed:p"},
	{name: "trigger moved",
		before: "CREATE TABLE $d (a int, b int); CREATE TRIGGER t AFTER UPDATE OF b ON $d" +
			" EXECUTE FUNCTION suppress_redundant_updates_trigger()",
		change: "DROP TRIGGER t ON $d; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int; CREATE TRIGGER t AFTER UPDATE" +
			" OF b ON $d EXECUTE FUNCTION suppress_redundant_updates_trigger()",
		want: "column_added:b column_renamed:c trigger_changed:t"},
	{name: "generated over a new column", before: "CREATE TABLE $d (b int, g int GENERATED ALWAYS AS (b * 2) STORED)",
		change: "ALTER TABLE $d DROP g; ALTER TABLE $d RENAME b TO c; ALTER TABLE $d ADD b int, ADD g int" +
			" GENERATED ALWAYS AS (b * 2) STORED",
		want: "column_added:b column_added:g column_removed:g column_renamed:c"},
	{name: "names swapped, and the index made anew",
		before: "CREATE TABLE $d (a int, b int); CREATE UNIQUE INDEX $u ON $d (a) WHERE b > 0",
		change: "DROP INDEX $u; ALTER TABLE $d RENAME a TO c; ALTER TABLE $d RENAME b TO a; ALTER TABLE $d RENAME c TO b;" +
			" CREATE UNIQUE INDEX $u ON $d (a) WHERE b > 0",
		want: "column_renamed:a column_renamed:b index_added:$u index_removed:$u"},
	{name: "names swapped alone",
		before: "CREATE TABLE $d (a int PRIMARY KEY, b int, CHECK (a > 0 AND b > 1)); CREATE UNIQUE INDEX $u ON $d (a) WHERE b > 0",
		change: "ALTER TABLE $d RENAME a TO c; ALTER TABLE $d RENAME b TO a; ALTER TABLE $d RENAME c TO b",
		want:   "column_renamed:a column_renamed:b"},
	{name: "index on what took the name of a dropped column", before: "CREATE TABLE $d (a int, b int, x int);" +
		" CREATE INDEX $i ON $d (x)",
		change: "ALTER TABLE $d DROP x; ALTER TABLE $d RENAME b TO x; CREATE INDEX $i ON $d (x)",
		want:   "column_removed:x column_renamed:x index_added:$i index_removed:$i"},
	{name: "names that are words too",
		before: `CREATE TABLE $d ("check" int, btree int, CONSTRAINT k CHECK ("check" > 0));` +
			" CREATE INDEX $i ON $d USING btree (btree)",
		change: `ALTER TABLE $d RENAME "check" TO c; ALTER TABLE $d ADD "check" int;` +
			" ALTER TABLE $d RENAME btree TO e; ALTER TABLE $d ADD btree int",
		want: "column_added:btree column_added:check column_renamed:c column_renamed:e"},
	{name: "made anew with the index on the other column",
		before: "CREATE TABLE $d (a int, b int); CREATE INDEX $i ON $d (a)",
		change: "DROP TABLE $d; CREATE TABLE $d (b int, a int); CREATE INDEX $i ON $d (b)",
		want:   "columns_reordered index_added:$i index_removed:$i table_replaced"},
}
