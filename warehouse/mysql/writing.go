package mysql

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// ServerIdentity implements warehouse.WriteDialect.
func (Dialect) ServerIdentity() string {
	return "SELECT concat(@@hostname, ' ', @@port, ' ', @@server_id)"
}

// InternalTable implements warehouse.WriteDialect.
func (Dialect) InternalTable(schema, name string) warehouse.TableName {
	return warehouse.TableName{Schema: schema, Name: "sentinel_" + name}
}

// CreateInternalTables implements warehouse.WriteDialect.
func (Dialect) CreateInternalTables(fence, ledger string) []string {
	return []string{
		"CREATE TABLE IF NOT EXISTS " + fence + ` (
			fence_key varchar(64) NOT NULL PRIMARY KEY,
			token bigint NOT NULL
		) ENGINE=InnoDB`,
		"CREATE TABLE IF NOT EXISTS " + ledger + ` (
			repair_id varchar(64) NOT NULL,
			step varchar(64) NOT NULL,
			token bigint NOT NULL,
			row_count bigint NOT NULL,
			applied_at varchar(200) NOT NULL,
			PRIMARY KEY (repair_id, step)
		) ENGINE=InnoDB`,
	}
}

// ListTables implements warehouse.WriteDialect.
func (Dialect) ListTables(schema string) warehouse.Statement {
	return warehouse.Statement{
		SQL:  "SELECT table_name FROM information_schema.tables WHERE table_schema = ?",
		Args: []any{schema},
	}
}

// LongTextType implements warehouse.WriteDialect.
func (Dialect) LongTextType() string { return "longtext" }

// InsertMissing implements warehouse.WriteDialect.
func (Dialect) InsertMissing(table, columns, values string) string {
	return "INSERT IGNORE INTO " + table + " (" + columns + ") VALUES (" + values + ")"
}

// UpdateRows implements warehouse.WriteDialect. The server leaves rows alone that would
// not change. A column that is set to itself is not set to the time of the update.
func (Dialect) UpdateRows(u warehouse.RowUpdate) string {
	var set []string
	for _, c := range u.Columns {
		set = append(set, "t."+c+" = s."+c)
	}
	for _, c := range u.Kept {
		set = append(set, "t."+c+" = t."+c)
	}
	return "UPDATE " + u.Table + " t JOIN " + u.From + " s ON " + warehouse.SameKey(u.Key, "t", "s") + " JOIN " +
		u.Among + " k ON " + warehouse.SameKey(u.Key, "s", "k") + " SET " + strings.Join(set, ", ")
}

// Spell implements warehouse.Speller. As binaries, no two texts are equal. The server may
// group by the first max_sort_length bytes alone, which are 1,024 unless somebody has changed
// that. So a longer value is its beginning and a hash, of 1,024 bytes together. No value that
// is spelt in full has that length.
func (Dialect) Spell(expr string) string {
	bytes := "CAST(" + expr + " AS BINARY)"
	return "IF(LENGTH(" + bytes + ") > 1000, CONCAT(LEFT(" + bytes + ", 896), SHA2(" + bytes + ", 512)), " + bytes + ")"
}

// Checksum implements warehouse.WriteDialect. Lengths keep two rows from being
// spelt alike; as binaries, collations do not clash.
func (Dialect) Checksum(columns []string, from string) (query string, summed bool) {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = "COALESCE(CONCAT(LENGTH(" + c + "), ':', CAST(" + c + " AS BINARY)), 'n')"
	}
	hash := "CAST(CONV(LEFT(MD5(CONCAT(" + strings.Join(cells, ", ',', ") + ")), 15), 16, 10) AS UNSIGNED)"
	return "SELECT count(*), CAST(COALESCE(sum(" + hash + "), 0) AS char) FROM " + from, true
}

// DependentQueries implements warehouse.WriteDialect. An account that lacks TRIGGER is
// shown no triggers, and one that may read a single table not who refers to it.
func (Dialect) DependentQueries() warehouse.DependentQueries {
	return warehouse.DependentQueries{
		Cascading: cascadingSQL, Triggers: triggersSQL, Grants: grantsSQL, Obstacles: obstaclesSQL,
	}
}

var (
	//go:embed queries/cascading.sql
	cascadingSQL string
	//go:embed queries/triggers.sql
	triggersSQL string
	//go:embed queries/grants.sql
	grantsSQL string
	//go:embed queries/obstacles.sql
	obstaclesSQL string
)

// LockRows implements warehouse.RowLocker.
func (Dialect) LockRows(query string) string { return query + " FOR UPDATE" }

// NamedLock implements warehouse.AutoCommitter.
func (Dialect) NamedLock() (take, release string) {
	return "SELECT GET_LOCK(?, 2)", "SELECT RELEASE_LOCK(?)"
}

// WithoutRollback implements warehouse.RollbackChecker.
func (Dialect) WithoutRollback() string {
	return `SELECT CASE
			WHEN lower(engine) = 'innodb' THEN ''
			ELSE concat('its engine ', coalesce(engine, ''), ' has no transactions')
		END
		FROM information_schema.tables
		WHERE table_schema = ? AND table_name = ?`
}

// AdviseReading implements warehouse.Adviser.
func (Dialect) AdviseReading(ask warehouse.QueryFunc) []warehouse.Advice {
	rows, err := ask(warehouse.Statement{SQL: "SHOW GRANTS"})
	if err != nil {
		return []warehouse.Advice{{Level: "warn", Text: fmt.Sprintf("dsn: its privileges could not be read: %v", err)}}
	}
	for _, r := range rows {
		grant := strings.ToUpper(r[0].Text)
		for _, word := range []string{"ALL PRIVILEGES", "INSERT", "DELETE"} {
			if strings.Contains(grant, word) {
				text := "dsn: the user may write: give checks one with SELECT alone"
				return []warehouse.Advice{{Level: "warn", Text: text}}
			}
		}
	}
	return []warehouse.Advice{{Level: "ok", Text: "dsn: the user may not write"}}
}

// AdviseWriting implements warehouse.Adviser.
func (Dialect) AdviseWriting(ask warehouse.QueryFunc) []warehouse.Advice {
	out := []warehouse.Advice{{Level: "warn", Text: "repair_dsn: ALTER commits by itself here: " +
		"intent and outcome are in the ledger, and after a crash the catalog shows what happened"}}
	rows, err := ask(warehouse.Statement{SQL: "SELECT version()"})
	if err != nil || len(rows) == 0 {
		return append(out, warehouse.Advice{Level: "fail", Text: fmt.Sprintf("repair_dsn: %v", err)})
	}
	version := rows[0][0].Text
	for _, bad := range []string{"8.0.29", "8.0.30", "8.0.31"} {
		if strings.HasPrefix(version, bad) {
			text := "repair_dsn: MySQL " + version + " may corrupt tables with instantly added columns: " +
				"upgrade before using alter_table"
			out = append(out, warehouse.Advice{Level: "warn", Text: text})
		}
	}
	return out
}
