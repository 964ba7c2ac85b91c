package page

import (
	"fmt"
	"net/url"

	"github.com/sentinel-dq/sentinel"
)

// UnwatchedList is a part of the tables that nobody watches, for programs.
type UnwatchedList struct {
	Found  int              `json:"found"` // tables that match, on all parts
	Tables []UnwatchedTable `json:"tables"`
	After  string           `json:"after,omitempty"` // the parameter for the next part; "" if this is the last
	// Warehouses say when each catalog was read, and how much of it nobody watches.
	Warehouses []UnwatchedWarehouse `json:"warehouses"`
}

// UnwatchedList returns the tables that nobody watches and that match, by name. known is what was
// found. The parameters are those of the page. The error names a table that is none.
func (b *Board) UnwatchedList(known []UnwatchedWarehouse, v url.Values) (UnwatchedList, error) {
	q, out := readUnwatchedQuery(v), UnwatchedList{Tables: []UnwatchedTable{}, Warehouses: []UnwatchedWarehouse{}}
	q.Sort = "name"
	after, err := sentinel.ParseTable(q.After)
	if q.After != "" && err != nil {
		return out, fmt.Errorf("after: %w", err)
	}
	for _, t := range b.unwatched(known, q) {
		out.Found++
		switch {
		case q.After != "" && t.Table.Compare(after) <= 0:
		case len(out.Tables) == listed:
			out.After = out.Tables[listed-1].Table.String()
		default:
			out.Tables = append(out.Tables, t)
		}
	}
	for _, w := range known {
		w.Tables = nil
		out.Warehouses = append(out.Warehouses, w)
	}
	return out, nil
}
