package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// InsertIncident is the statement that inserts one row into the table incident.
const InsertIncident = `INSERT INTO incident (id, dataset, opened, resolved, body) VALUES (?, ?, ?, ?, ?)`

// oldIncident is a row of the table incident of earlier versions, which held one finding
// per row. Its times are microseconds since 1970.
type oldIncident struct {
	id       string
	opened   int64
	resolved sql.NullInt64
	body     map[string]json.RawMessage
	table    string
	leader   string // id of the incident that it is a finding of now; "" if it goes on itself
}

// sharedFields are the fields of the body that an incident and its findings have in
// common.
var sharedFields = []string{
	"check", "kind", "key", "severity", "monitor", "tier", "owner", "runbook", "message", "observed", "expected",
	"opened", "updated", "resolved", "last_good", "ticks", "upstream", "cause",
}

// ConvertIncidents moves the rows of the table old_incident to the table incident, and
// drops the old table. Open incidents of one dataset become findings of the one that was
// opened first. The others end now (microseconds since 1970), with a note that names it.
// Their repairs become repairs of that incident.
func ConvertIncidents(ctx context.Context, tx *sql.Tx, now int64) error {
	all, err := oldIncidents(ctx, tx)
	if err != nil {
		return err
	}
	leaders := map[string]*oldIncident{} // of open ones, by dataset
	for _, i := range all {
		if err := i.addFinding(i); err != nil {
			return err
		}
		if i.resolved.Valid {
			continue
		}
		leader := leaders[i.table]
		if leader == nil {
			leaders[i.table] = i
			continue
		}
		if err := leader.join(i, now); err != nil {
			return err
		}
	}
	joined := leadersOf(all)
	for _, i := range all {
		if err := i.followUpstream(joined); err != nil {
			return err
		}
		body, err := json.Marshal(i.body)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, InsertIncident, i.id, i.table, i.opened, i.resolved, body); err != nil {
			return err
		}
	}
	if err := moveRepairs(ctx, tx, joined); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DROP TABLE old_incident`)
	return err
}

// oldIncidents reads all rows, those first that were opened first.
func oldIncidents(ctx context.Context, tx *sql.Tx) (all []*oldIncident, err error) {
	const query = `SELECT id, opened, resolved, body FROM old_incident ORDER BY opened, id`
	err = Each(ctx, tx, query, nil, func(scan func(...any) error) error {
		var body []byte
		i := &oldIncident{}
		if err := scan(&i.id, &i.opened, &i.resolved, &body); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &i.body); err != nil {
			return fmt.Errorf("incident %s: %w: %w", i.id, ErrDamaged, err)
		}
		if err := json.Unmarshal(i.body["dataset"], &i.table); err != nil {
			return fmt.Errorf("the dataset of incident %s: %w: %w", i.id, ErrDamaged, err)
		}
		all = append(all, i)
		return nil
	})
	return all, err
}

// addFinding makes what another incident says a finding of this one.
func (i *oldIncident) addFinding(of *oldIncident) error {
	var findings []json.RawMessage
	if known := i.body["findings"]; known != nil {
		if err := json.Unmarshal(known, &findings); err != nil {
			return err
		}
	}
	finding := map[string]json.RawMessage{}
	for _, field := range sharedFields {
		if v, ok := of.body[field]; ok {
			finding[field] = v
		}
	}
	data, err := json.Marshal(finding)
	if err != nil {
		return err
	}
	i.body["findings"], err = json.Marshal(append(findings, data))
	return err
}

// join makes an open incident a finding of this one, and ends it.
func (i *oldIncident) join(other *oldIncident, now int64) error {
	if err := i.addFinding(other); err != nil {
		return err
	}
	// Severity, tier and message stay. So the first tick tells that the incident is worse.
	if i.unheard() && !other.unheard() {
		for _, field := range []string{"state", "prior", "note"} {
			i.take(field, other)
		}
	}
	other.leader = i.id
	end := max(now, other.opened)
	other.resolved = sql.NullInt64{Int64: end, Valid: true}
	for field, v := range map[string]any{
		"state": "resolved", "prior": "", "resolved": time.UnixMicro(end).UTC(),
		"note": "one incident a dataset: it is a finding of " + i.id + " now",
	} {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		other.body[field] = data
	}
	// Its own finding, the first of its list, ends with it.
	var findings []map[string]json.RawMessage
	if err := json.Unmarshal(other.body["findings"], &findings); err != nil {
		return err
	}
	findings[0]["resolved"], findings[0]["note"] = other.body["resolved"], other.body["note"]
	data, err := json.Marshal(findings)
	other.body["findings"] = data
	return err
}

// unheard reports whether nobody is notified of the incident any more or for now: it is
// acknowledged or suppressed.
func (i *oldIncident) unheard() bool {
	state := string(i.body["state"])
	return state == `"acknowledged"` || state == `"suppressed"`
}

// take makes a field of the body what it is in another incident.
func (i *oldIncident) take(field string, of *oldIncident) {
	if v, ok := of.body[field]; ok {
		i.body[field] = v
	} else {
		delete(i.body, field)
	}
}

// leadersOf returns the ids of the incidents that others were joined to, by the ids of
// those.
func leadersOf(all []*oldIncident) map[string]string {
	leaders := map[string]string{}
	for _, i := range all {
		if i.leader != "" {
			leaders[i.id] = i.leader
		}
	}
	return leaders
}

// followUpstream makes the cause of an open incident, and of its findings, the incident that
// the one upstream was joined to. What the incident was joined with itself explains nothing.
func (i *oldIncident) followUpstream(leaders map[string]string) error {
	if i.resolved.Valid {
		return nil
	}
	var findings []map[string]json.RawMessage
	if err := json.Unmarshal(i.body["findings"], &findings); err != nil {
		return err
	}
	for _, part := range append(findings, i.body) {
		var upstream string
		if v, ok := part["upstream"]; ok {
			if err := json.Unmarshal(v, &upstream); err != nil {
				return fmt.Errorf("what is upstream of incident %s: %w: %w", i.id, ErrDamaged, err)
			}
		}
		leader, joined := leaders[upstream]
		switch {
		case upstream == i.id || joined && leader == i.id:
			delete(part, "upstream")
		case joined:
			data, err := json.Marshal(leader)
			if err != nil {
				return err
			}
			part["upstream"] = data
		}
	}
	data, err := json.Marshal(findings)
	i.body["findings"] = data
	return err
}

// moveRepairs makes the repairs of joined incidents those of their leaders. Otherwise
// they would end with the joined incidents, and a rejected plan would be made again.
func moveRepairs(ctx context.Context, tx *sql.Tx, leaders map[string]string) error {
	moved := map[string][]byte{} // bodies, by the repair's id
	err := Each(ctx, tx, `SELECT id, body FROM repair`, nil, func(scan func(...any) error) error {
		var id, incident string
		var text []byte
		if err := scan(&id, &text); err != nil {
			return err
		}
		var body map[string]json.RawMessage
		if err := json.Unmarshal(text, &body); err != nil {
			return fmt.Errorf("repair %s: %w: %w", id, ErrDamaged, err)
		}
		if v, ok := body["incident"]; ok {
			if err := json.Unmarshal(v, &incident); err != nil {
				return fmt.Errorf("the incident of repair %s: %w: %w", id, ErrDamaged, err)
			}
		}
		leader, joined := leaders[incident]
		if !joined {
			return nil
		}
		var err error
		if body["incident"], err = json.Marshal(leader); err != nil {
			return err
		}
		moved[id], err = json.Marshal(body)
		return err
	})
	if err != nil {
		return err
	}
	for id, body := range moved {
		if _, err := tx.ExecContext(ctx, `UPDATE repair SET body = ? WHERE id = ?`, body, id); err != nil {
			return err
		}
	}
	return nil
}
