package store

import (
	"slices"
	"strings"
)

// versionTable is the table by which a database with a state of several agents is known.
const versionTable = "sentinel_state_version"

// ownTables are the tables of a state in PostgreSQL, without those of the queue.
var ownTables = []string{
	versionTable, "audit", "audit_anchor", "baseline", "block", "breaker", "incident", "label", "last_tick", "leader",
	"name", "outbox", "recent", "repair", "series", "state", "tick",
}

// OwnTables returns which tables of a schema are those of a state; nil if it has none.
func OwnTables(names []string) (own []string) {
	if !slices.Contains(names, versionTable) {
		return nil
	}
	for _, n := range names {
		if slices.Contains(ownTables, n) || strings.HasPrefix(n, "river_") {
			own = append(own, n)
		}
	}
	return own
}
