package repair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Surroundings are what the catalog says of a table besides its own shape.
type Surroundings struct {
	OnColumn   map[string][]string // what hangs on a column, described; by column
	Around     []string            // views, rules, policies, triggers on any of it
	Published  []string            // publications that hold it
	Extension  string              // that owns it
	Privileges string
	Version    string
}

// TableDigest is of the catalog's own rows about a table. Unlike what is made
// for people (pg_get_expr), reading them asks for no lock on the table, which is
// the repair's own when it looks again.
func TableDigest(ctx context.Context, w *Writer, q Querier, t sentinel.Table) (digest string, err error) {
	name, err := w.Name(warehouse.TableName{Schema: t.Schema, Name: t.Name})
	if err != nil {
		return "", err
	}
	err = q.QueryRowContext(ctx, `WITH t AS (SELECT $1::regclass::oid AS oid), rows (r) AS (
 SELECT concat(c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relacl) FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid
 UNION ALL SELECT a::text FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
 UNION ALL SELECT concat(d.adnum, d.adbin) FROM t JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid
 UNION ALL SELECT d::text FROM t JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = t.oid
 UNION ALL SELECT i::text FROM t JOIN pg_catalog.pg_inherits i ON t.oid IN (i.inhparent, i.inhrelid)
 UNION ALL SELECT p::text FROM t JOIN pg_catalog.pg_publication_rel p ON p.prrelid = t.oid)
SELECT md5(string_agg(r, '|' ORDER BY r)) FROM rows`, name).Scan(&digest)
	return digest, err
}

// Fingerprint is of a table's identity, columns, partitions and surroundings.
func Fingerprint(t *warehouse.Table, around Surroundings) string {
	data, err := json.Marshal(struct {
		ID         string
		Kind       warehouse.TableKind
		Columns    []warehouse.Column
		PrimaryKey *warehouse.Key
		Partitions int
		Around     Surroundings
	}{t.ID, t.Kind, t.Columns, t.PrimaryKey, len(t.Partitions), around})
	if err != nil {
		panic(err) // plain values
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}
