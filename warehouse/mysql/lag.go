package mysql

import (
	"context"
	"errors"
	"slices"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// lagStatements are the ways to ask, in the order they are tried: MariaDB with any
// number of primaries, MySQL 8.0.22 and later, older ones.
var lagStatements = []string{"SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS"}

// lagOf reads the lag. It never fails: Unknown holds the reason instead. Of several primaries
// the one it is furthest behind counts.
func lagOf(ctx context.Context, s warehouse.Sessions) warehouse.Lag {
	var rows warehouse.Rows
	var err error
	for _, sql := range lagStatements {
		rows, err = warehouse.Ask(ctx, s, warehouse.Statement{SQL: sql, Header: true})
		if warehouse.KindOf(err) != warehouse.BadStatement {
			break
		}
	}
	if warehouse.KindOf(err) == warehouse.Forbidden {
		return warehouse.Lag{Unknown: "the user may not see it: grant REPLICATION CLIENT (MariaDB: REPLICA MONITOR)"}
	}
	if err == nil && len(rows) < 2 {
		err = errors.New("it is read-only, but it is not a replica")
	}
	if err != nil {
		return warehouse.Lag{Unknown: err.Error()}
	}
	column := slices.IndexFunc(rows[0], func(c warehouse.Cell) bool {
		return c.Text == "Seconds_Behind_Master" || c.Text == "Seconds_Behind_Source"
	})
	if column < 0 {
		return warehouse.Lag{Unknown: "the server does not say Seconds_Behind_Source"}
	}
	var most warehouse.Lag
	for _, r := range rows[1:] {
		if r[column].Null {
			return warehouse.Lag{Unknown: "replication has stopped"}
		}
		one := warehouse.ParseLag(r[column].Text)
		if one.Unknown != "" {
			return one
		}
		most.Behind = max(most.Behind, one.Behind)
	}
	return most
}
