package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Lag is how far a standby is behind its primary. The zero value is a server
// that has everything.
type Lag struct {
	Behind  time.Duration // at most so much of the newest past is missing
	Unknown string        // why nobody can tell; "" when Behind is known
}

// Small reports that nothing is missing that people would want to hear of.
func (l Lag) Small() bool { return l.Behind < time.Second && l.Unknown == "" }

// pgLag tells how far a standby of PostgreSQL is behind. Where all that was
// received is replayed and the primary still sends, nothing is missing, however
// long ago the last transaction was: an idle primary is no lag.
const pgLag = `SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END`

// lagOfPostgres never fails: what cannot be told is unknown.
func lagOfPostgres(ctx context.Context, s Sessions) Lag {
	rows, err := ask(ctx, s, Statement{SQL: pgLag})
	switch {
	case err != nil:
		return Lag{Unknown: err.Error()}
	case rows[0][0].Null:
		return Lag{Unknown: "it has replayed no transaction since it was started"}
	}
	return lagOf(rows[0][0].Text)
}

func lagOf(seconds string) Lag {
	v, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return Lag{Unknown: fmt.Sprintf("%q is no number of seconds", seconds)}
	}
	return Lag{Behind: max(0, time.Duration(v*float64(time.Second)))} // clocks of two servers: it may be below 0
}

// mysqlLags are the ways to ask, in the order they are tried: MariaDB with any
// number of primaries, MySQL 8.0.22 and later, older ones.
var mysqlLags = []string{"SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS"}

// lagOfMySQL never fails: what cannot be told is unknown. Of several primaries
// the one it is furthest behind counts.
func lagOfMySQL(ctx context.Context, s Sessions) Lag {
	var rows Rows
	var err error
	for _, sql := range mysqlLags {
		rows, err = ask(ctx, s, Statement{SQL: sql, names: true})
		if KindOf(err) != BadStatement {
			break
		}
	}
	if KindOf(err) == Forbidden {
		return Lag{Unknown: "the user may not see it: grant REPLICATION CLIENT (MariaDB: REPLICA MONITOR)"}
	}
	if err == nil && len(rows) < 2 {
		err = errors.New("it is read-only, and a replica of nobody")
	}
	if err != nil {
		return Lag{Unknown: err.Error()}
	}
	column := slices.IndexFunc(rows[0], func(c Cell) bool { return c.Text == "Seconds_Behind_Master" || c.Text == "Seconds_Behind_Source" })
	if column < 0 {
		return Lag{Unknown: "the server does not say Seconds_Behind_Source"}
	}
	var most Lag
	for _, r := range rows[1:] {
		if r[column].Null {
			return Lag{Unknown: "replication has stopped"}
		}
		one := lagOf(r[column].Text)
		if one.Unknown != "" {
			return one
		}
		most.Behind = max(most.Behind, one.Behind)
	}
	return most
}
