package postgres

import (
	"context"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// lagSQL gives the seconds that a standby is behind. A standby that has replayed all
// that it received from a primary that still sends is not behind: an idle primary is
// no lag.
var lagSQL = query("lag")

// lagOf reads the lag. It never fails: Unknown holds the reason instead.
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
