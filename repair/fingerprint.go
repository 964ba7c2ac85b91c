package repair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Dependencies are the objects that the catalog ties to a table, beside its own columns
// and keys. The names in JSON are part of the fingerprints in stored plans, so they
// must not change.
type Dependencies struct {
	// ByColumn has, for each column, descriptions of what depends on it.
	ByColumn map[string][]string `json:"OnColumn"`
	// All has views, rules, policies and triggers that depend on any part of the table.
	All []string `json:"Around"`
	// Publications are the names of the publications that include the table.
	Publications []string `json:"Published"`
	// Extension is the name of the extension that owns the table; "" for none.
	Extension string
	// Privileges has the table's access list and its owner, as the catalog prints them.
	Privileges string
	// Version is the server's version, such as "150004".
	Version string
}

// TableDigest is a digest of the table's catalog entries, on an engine that locks
// tables. It is "" on others.
func TableDigest(ctx context.Context, w *Writer, q Querier, t sentinel.Table) (digest string, err error) {
	locker, ok := w.Dialect.(warehouse.TableLocker)
	if !ok {
		return "", nil
	}
	name, err := w.Name(warehouse.TableName{Schema: t.Schema, Name: t.Name})
	if err != nil {
		return "", err
	}
	err = q.QueryRowContext(ctx, locker.DigestTable(), name).Scan(&digest)
	return digest, err
}

// WriteDialect is the dialect of a warehouse that can be repaired.
func WriteDialect(db *warehouse.DB) (warehouse.WriteDialect, error) {
	d, ok := db.Dialect.(warehouse.WriteDialect)
	if !ok {
		return nil, &RefusedError{Why: "tables of " + db.Dialect.Name() + " are not repaired by Sentinel itself"}
	}
	return d, nil
}

// Fingerprint is of a table's identity, columns, keys, partitions and surroundings.
func Fingerprint(t *warehouse.Table, around Dependencies) string {
	data, err := json.Marshal(struct {
		ID         string
		Kind       warehouse.TableKind
		Columns    []warehouse.Column
		PrimaryKey *warehouse.Key
		Unique     []warehouse.Key
		Partitions int
		Dependents Dependencies `json:"Around"`
	}{t.ID, t.Kind, t.Columns, t.PrimaryKey, t.Unique, len(t.Partitions), around})
	if err != nil {
		panic(err) // plain values
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}
