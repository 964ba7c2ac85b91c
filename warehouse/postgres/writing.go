package postgres

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// ServerIdentity implements warehouse.WriteDialect.
func (Dialect) ServerIdentity() string {
	return "SELECT extract(epoch FROM pg_postmaster_start_time())::text"
}

// InternalTable implements warehouse.WriteDialect.
func (Dialect) InternalTable(_, name string) warehouse.TableName {
	return warehouse.TableName{Schema: "sentinel", Name: name}
}

// CreateInternalTables implements warehouse.WriteDialect.
func (Dialect) CreateInternalTables(fence, ledger string) []string {
	return []string{
		"CREATE SCHEMA IF NOT EXISTS sentinel",
		"CREATE TABLE IF NOT EXISTS " + fence + " (fence_key text NOT NULL PRIMARY KEY, token bigint NOT NULL)",
		"CREATE TABLE IF NOT EXISTS " + ledger + ` (
			repair_id text NOT NULL,
			step text NOT NULL,
			token bigint NOT NULL,
			row_count bigint NOT NULL,
			applied_at text NOT NULL,
			PRIMARY KEY (repair_id, step)
		)`,
	}
}

// ListTables implements warehouse.WriteDialect.
func (Dialect) ListTables(schema string) warehouse.Statement {
	return warehouse.Statement{
		SQL:  "SELECT table_name FROM information_schema.tables WHERE table_schema = $1",
		Args: []any{schema},
	}
}

// LongTextType implements warehouse.WriteDialect.
func (Dialect) LongTextType() string { return "text" }

// InsertMissing implements warehouse.WriteDialect.
func (Dialect) InsertMissing(table, columns, values string) string {
	return "INSERT INTO " + table + " (" + columns + ") VALUES (" + values + ") ON CONFLICT DO NOTHING"
}

// UpdateRows implements warehouse.WriteDialect. Some types cannot be compared, and some
// compare values as equal that are spelt differently: their texts are compared.
func (Dialect) UpdateRows(u warehouse.RowUpdate) string {
	return warehouse.UpdateFrom("UPDATE", u, func(column string) string { return column + "::text" })
}

// Spell implements warehouse.Speller. The collation C takes no two texts for equal.
func (Dialect) Spell(expr string) string { return "(" + expr + `)::text COLLATE "C"` }

// Checksum implements warehouse.WriteDialect.
func (Dialect) Checksum(columns []string, from string) (query string, summed bool) {
	row := "ROW(" + strings.Join(columns, ", ") + ")::text"
	return "SELECT count(*), CAST(COALESCE(sum(hashtextextended(" + row + ", 0)::numeric), 0) AS text) FROM " +
		from, true
}

// DependentQueries implements warehouse.WriteDialect.
func (Dialect) DependentQueries() warehouse.DependentQueries {
	return warehouse.DependentQueries{Cascading: cascadingSQL, Triggers: triggersSQL, Obstacles: obstaclesSQL}
}

var (
	//go:embed queries/cascading.sql
	cascadingSQL string
	//go:embed queries/triggers.sql
	triggersSQL string
	//go:embed queries/dependencies.sql
	dependenciesSQL string
	//go:embed queries/inspect_alter.sql
	inspectAlterSQL string
	//go:embed queries/table_in_use.sql
	tableInUseSQL string
	//go:embed queries/digest_table.sql
	digestTableSQL string
	//go:embed queries/privileges.sql
	privilegesSQL string
	//go:embed queries/check_leaf.sql
	checkLeafSQL string
	//go:embed queries/describe_partition.sql
	describePartitionSQL string
	//go:embed queries/partition_indexes.sql
	partitionIndexesSQL string
	//go:embed queries/partition_settings.sql
	partitionSettingsSQL string
	//go:embed queries/obstacles.sql
	obstaclesSQL string
	//go:embed queries/check_account.sql
	checkAccountSQL string
	//go:embed queries/sequences.sql
	sequencesSQL string
	//go:embed queries/advance_sequence.sql
	advanceSequenceSQL string
)

// LimitTransaction implements warehouse.TransactionLimiter.
func (Dialect) LimitTransaction(l warehouse.TransactionLimits) warehouse.Statement {
	return warehouse.Statement{
		SQL: `SELECT
			set_config('lock_timeout', $1, true),
			set_config('statement_timeout', coalesce(nullif($2, '0ms'), current_setting('statement_timeout')), true),
			set_config('idle_in_transaction_session_timeout', '60s', true),
			set_config('application_name', $3, true),
			set_config('extra_float_digits', '1', true),
			set_config('IntervalStyle', 'postgres', true),
			set_config('bytea_output', 'hex', true),
			set_config('lc_monetary', 'C', true),
			set_config('xmlbinary', 'base64', true),
			set_config('gin_fuzzy_search_limit', '0', true),
			set_config('client_connection_check_interval', '500ms', true)`,
		Args: []any{
			fmt.Sprintf("%dms", l.Lock.Milliseconds()), fmt.Sprintf("%dms", l.Statement.Milliseconds()), l.Application,
		},
	}
}

// LockRows implements warehouse.RowLocker.
func (Dialect) LockRows(query string) string { return query + " FOR UPDATE" }

// EndSessions implements warehouse.SessionEnder.
func (Dialect) EndSessions() string {
	return `SELECT count(pg_terminate_backend(pid))
		FROM pg_stat_activity
		WHERE application_name LIKE $1 AND application_name <> $2 AND pid <> pg_backend_pid()`
}

// AdviseReading implements warehouse.Adviser.
func (Dialect) AdviseReading(ask warehouse.QueryFunc) (out []warehouse.Advice) {
	rows, err := ask(warehouse.Statement{SQL: privilegesSQL})
	if err != nil || len(rows) == 0 {
		return []warehouse.Advice{{Level: "warn", Text: fmt.Sprintf("dsn: its privileges could not be read: %v", err)}}
	}
	super, bypass := rows[0][0].Text == "true", rows[0][1].Text == "true"
	owned, writable, secured := rows[0][2].Text, rows[0][3].Text, rows[0][4].Text
	const alone = "give checks one with SELECT alone"
	switch {
	case super:
		out = append(out, warehouse.Advice{Level: "warn", Text: "dsn: the user is a superuser: " + alone})
	case owned != "0":
		out = append(out, warehouse.Advice{Level: "warn", Text: "dsn: the user owns " + owned + " tables: " + alone})
	case writable != "0":
		text := "dsn: the user may write to " + writable + " tables: " + alone
		out = append(out, warehouse.Advice{Level: "warn", Text: text})
	default:
		out = append(out, warehouse.Advice{Level: "ok", Text: "dsn: the user may not write"})
	}
	if secured != "0" && !bypass && !super {
		text := "dsn: " + secured + " tables have row security: checks of them are in error, " +
			"unless `row_security: visible` lets them judge the rows that the user sees"
		out = append(out, warehouse.Advice{Level: "warn", Text: text})
	}
	return out
}

// AdviseWriting implements warehouse.Adviser.
func (Dialect) AdviseWriting(warehouse.QueryFunc) []warehouse.Advice { return nil }
