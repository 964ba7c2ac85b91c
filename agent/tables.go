package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// The kinds of the states of what patterns have matched, by warehouse, and of what was
// accepted, by table.
const (
	tableState         = "tables"
	acceptedTableState = "tables_accepted"
)

// TableMemory is what is remembered of the tables that the patterns of a warehouse
// matched. So a table that is gone is checked until its end is accepted.
type TableMemory struct {
	Patterns      []string              `json:"patterns"` // with their excludes
	DefaultSchema string                `json:"default_schema"`
	Tables        map[string]KnownTable `json:"tables"` // by name
}

// KnownTable is one remembered table.
type KnownTable struct {
	First time.Time `json:"first"` // when it was first matched
	// Created means that it appeared after its pattern, and nobody has accepted it.
	Created bool `json:"created,omitempty"`
}

// acceptedTable says that a remembered table was accepted: that it is gone, or that it
// was created. A table that comes back has another First.
type acceptedTable struct {
	First time.Time `json:"first"`
	Gone  bool      `json:"gone"`
}

// ReadTables reads what is remembered of a warehouse's tables, without what was accepted.
// It returns nil if nothing is.
func ReadTables(ctx context.Context, s *store.Store, name string) (*TableMemory, error) {
	if s == nil {
		return nil, nil
	}
	data, ok, err := s.State(ctx, tableState, name)
	if err != nil || !ok {
		return nil, err
	}
	m := &TableMemory{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("decoding the remembered tables: %w", err)
	}
	accepted, err := s.StatesOf(ctx, acceptedTableState, slices.Collect(maps.Keys(m.Tables)))
	if err != nil {
		return nil, err
	}
	for table, data := range accepted {
		var a acceptedTable
		if err := json.Unmarshal(data, &a); err != nil {
			return nil, fmt.Errorf("decoding what was accepted of %s: %w", table, err)
		}
		known := m.Tables[table]
		switch {
		case !known.First.Equal(a.First):
		case a.Gone:
			delete(m.Tables, table)
		default:
			known.Created = false
			m.Tables[table] = known
		}
	}
	return m, nil
}

// State returns the stored form of a warehouse's memory.
func (m *TableMemory) State(warehouse string) (store.State, error) {
	data, err := json.Marshal(m)
	return store.State{Kind: tableState, Key: warehouse, Data: data}, err
}

// AcceptTable accepts a table that a pattern matched as it is: gone, or created. Its
// datasets are resolved again at once. It reports whether there was something to accept.
func (a *Agent) AcceptTable(ctx context.Context, v store.TableAcceptance) (bool, error) {
	if v.Table == (sentinel.Table{}) || v.Who == "" {
		return false, errors.New("accepting a table needs its name and the name of who accepts")
	}
	if !a.started() {
		return false, ErrNotStarted
	}
	m, err := ReadTables(ctx, a.store, v.Table.Warehouse)
	if err != nil || m == nil {
		return false, err
	}
	known, ok := m.Tables[v.Table.String()]
	if !ok || !v.Gone && !known.Created {
		return false, nil
	}
	data, err := json.Marshal(acceptedTable{First: known.First, Gone: v.Gone})
	if err != nil {
		return false, err
	}
	what := "table.accept_created"
	if v.Gone {
		what = "table.accept_dropped"
	}
	_, err = a.store.Record(ctx, store.Batch{
		States: []store.State{{Kind: acceptedTableState, Key: v.Table.String(), Data: data}},
		Audit: []store.AuditEntry{{
			At: a.now(), Actor: v.Who, What: what, Subject: v.Table.String(), Detail: v.Why,
		}},
	})
	if err != nil {
		return false, err
	}
	if v.Gone {
		rec := a.endIncidentsOf(ctx, v)
		a.logChanges(rec)
		if err := a.recorder.wait(ctx, rec); err != nil {
			return false, err
		}
	}
	select {
	case a.refresh <- struct{}{}:
	default: // the datasets are resolved again anyway
	}
	return true, nil
}

// endIncidentsOf resolves the incident of a table that is accepted as gone.
func (a *Agent) endIncidentsOf(ctx context.Context, v store.TableAcceptance) *record {
	return a.endFindings(ctx, "accepted as dropped by "+v.Who,
		func(t sentinel.Table, _ sentinel.IncidentFinding) bool { return t == v.Table })
}

// endFindings ends the open findings that match, and submits the record.
func (a *Agent) endFindings(
	ctx context.Context, why string, matches func(sentinel.Table, sentinel.IncidentFinding) bool,
) *record {
	a.mu.Lock()
	defer a.mu.Unlock()
	ended := a.incidents.end(why, a.now().UTC().Truncate(time.Second), matches)
	return a.submit(ctx, store.Batch{Incidents: ended}, a.incidents.takeChanges())
}
