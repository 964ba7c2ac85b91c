package agent

import (
	"errors"
	"slices"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// silent are the kinds of errors of a warehouse that does not answer, or not to this user.
var silent = []warehouse.ErrorKind{
	warehouse.Unreachable, warehouse.Unauthorized, warehouse.NoDatabase, warehouse.TimedOut,
}

// exportUnwatched exports that warehouses are down of which no dataset is known, because they did
// not answer when their patterns were resolved. No tick says it. down are those of before, which
// answer again if they are not among the problems; it returns those of now.
func (a *Agent) exportUnwatched(datasets []Dataset, problems []error, down map[string]bool) (now map[string]bool) {
	watched := map[string]bool{}
	for _, d := range datasets {
		watched[d.Table.Warehouse] = true
	}
	now = map[string]bool{}
	for _, p := range problems {
		var of *ResolveError
		if errors.As(p, &of) && !watched[of.Warehouse] && slices.Contains(silent, warehouse.KindOf(of.Err)) {
			now[of.Warehouse] = true
			a.metrics.Set(exporters.WarehouseUp, 0, of.Warehouse)
		}
	}
	for name := range down {
		if !now[name] && !watched[name] {
			a.metrics.Set(exporters.WarehouseUp, 1, name)
		}
	}
	return now
}
