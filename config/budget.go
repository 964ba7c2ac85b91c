package config

import (
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// budget checks how long the statements of a warehouse may take in a day. key is where its name
// stands.
func (r *reader) budget(e *warehouseEntry, key *yaml.Node) {
	if e.node == nil || isNull(child(e.node, "budget")) {
		return
	}
	n := nodeOf(e.node, key, "budget")
	connections := e.MaxConnections
	if connections == 0 {
		connections, _ = strconv.Atoi(keyIn(reflect.TypeFor[warehouse.Config](), "max_connections").Default)
	}
	most := 24 * time.Hour * time.Duration(max(connections, 1))
	switch {
	case r.isWrong(n):
	case e.Budget < time.Second:
		r.wrong(n, "warehouse %s: want how long the statements of checks may take in a day, such as 10m; "+
			"without `budget` they may take any time", e.Name)
	case e.Budget > most:
		r.wrong(n, "warehouse %s: %d connections take %s in a day at most, so that this budget is none: "+
			"want less, such as 10m, or leave it out", e.Name, connections, most)
	}
}
