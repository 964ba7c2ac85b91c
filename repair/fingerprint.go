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

// TableDigest is of what the catalog says of a table, on an engine that locks
// tables; "" on others.
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
		return nil, &RefusedError{"tables of " + db.Dialect.Name() + " are not repaired by Sentinel itself"}
	}
	return d, nil
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
