package postgres

import (
	"context"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// pgLag tells how far a standby of PostgreSQL is behind. Where all that was
// received is replayed and the primary still sends, nothing is missing, however
// long ago the last transaction was: an idle primary is no lag.
const lagSQL = `SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END`

// lagOfPostgres never fails: what cannot be told is unknown.
func lagOf(ctx context.Context, s warehouse.Sessions) warehouse.Lag {
	rows, err := warehouse.Ask(ctx, s, warehouse.Statement{SQL: lagSQL})
	switch {
	case err != nil:
		return warehouse.Lag{Unknown: err.Error()}
	case rows[0][0].Null:
		return warehouse.Lag{Unknown: "it has replayed no transaction since it was started"}
	}
	return warehouse.ParseLag(rows[0][0].Text)
}
