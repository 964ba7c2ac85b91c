package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// IncidentSearch narrows incidents of all times; a zero field does not.
type IncidentSearch struct {
	Dataset string            // the dataset's name holds this, in any case
	Since   time.Time         // the last episode opened at or after
	Until   time.Time         // before
	Actor   string            // somebody whose name holds this, in any case, has decided about it
	Worst   []sentinel.Status // the worst of its findings is one of these
	Check   string            // one of its findings is of this check
	Kind    string            // one of its findings is of this kind of check
	Owner   string            // holds this, in any case
	After   string            // the end of the page before, as next; "": the first page
	Limit   int
}

// RepairSearch narrows repairs of all times; a zero field does not.
type RepairSearch struct {
	Dataset string    // the dataset's name holds this, in any case
	Since   time.Time // planned at or after
	Until   time.Time // before
	Actor   string    // somebody whose name holds this, in any case, has decided about it
	State   sentinel.RepairState
	Action  string
	After   string // the end of the page before, as next; "": the first page
	Limit   int
}

const (
	searchPart      = 500    // rows of one query
	searchedRows    = 20_000 // incidents that one page reads at most
	searchedRepairs = 4000   // repairs that one page reads at most; all are decoded
)

// SearchIncidents returns a page of the incidents that a search finds, the newest first. next
// is the end of the page, for the next one; "" if there is none. A page reads a bounded part of
// the incidents: it may have few of them, or none, although there is a next one.
func (s *Store) SearchIncidents(
	ctx context.Context,
	q IncidentSearch,
) (found []sentinel.Incident, next string, err error) {
	const query = `
SELECT opened, id, CASE WHEN lower(dataset) LIKE lower(?1) ESCAPE '!' AND (?2 = '%%' OR EXISTS (
  SELECT 1 FROM audit WHERE audit.subject = incident.id AND lower(audit.actor) LIKE lower(?2) ESCAPE '!')) THEN body END
FROM incident WHERE opened >= ?3 AND opened < ?4 AND (opened < ?5 OR (opened = ?5 AND id < ?6))
ORDER BY opened DESC, id DESC LIMIT ?7`
	walk := &searchWalk{query: query, most: searchedRows, limit: q.Limit,
		args: []any{holds(q.Dataset), holds(q.Actor), atOrAfter(q.Since), before(q.Until)}}
	next, err = walk.run(ctx, s, q.After, func(body []byte) (bool, error) {
		var i sentinel.Incident
		if err := json.Unmarshal(body, &i); err != nil {
			return false, err
		}
		if !q.matches(i) {
			return false, nil
		}
		found = append(found, i)
		return true, nil
	})
	return found[:min(len(found), q.Limit)], next, err
}

// matches reports whether an incident has what its row does not tell.
func (q IncidentSearch) matches(i sentinel.Incident) bool {
	ofCheck := func(f sentinel.IncidentFinding) bool { return f.Check == q.Check }
	ofKind := func(f sentinel.IncidentFinding) bool { return f.Kind == q.Kind }
	switch {
	case len(q.Worst) > 0 && !slices.Contains(q.Worst, i.Worst()),
		q.Check != "" && i.Check != q.Check && !slices.ContainsFunc(i.Findings, ofCheck),
		q.Kind != "" && i.Kind != q.Kind && !slices.ContainsFunc(i.Findings, ofKind),
		!strings.Contains(strings.ToLower(i.Owner), strings.ToLower(q.Owner)):
		return false
	}
	return true
}

// SearchRepairs returns a page of the repairs that a search finds, the newest first, as
// [Store.SearchIncidents] does.
func (s *Store) SearchRepairs(ctx context.Context, q RepairSearch) (found []sentinel.Repair, next string, err error) {
	const query = `
SELECT created, id, CASE WHEN (?1 = '' OR state = ?1) AND (?2 = '%%' OR EXISTS (
  SELECT 1 FROM audit WHERE audit.subject = repair.id AND lower(audit.actor) LIKE lower(?2) ESCAPE '!')) THEN body END
FROM repair WHERE created >= ?3 AND created < ?4 AND (created < ?5 OR (created = ?5 AND id < ?6))
ORDER BY created DESC, id DESC LIMIT ?7`
	walk := &searchWalk{query: query, most: searchedRepairs, limit: q.Limit,
		args: []any{string(q.State), holds(q.Actor), atOrAfter(q.Since), before(q.Until)}}
	dataset := strings.ToLower(q.Dataset)
	next, err = walk.run(ctx, s, q.After, func(body []byte) (bool, error) {
		var r sentinel.Repair
		if err := json.Unmarshal(body, &r); err != nil {
			return false, err
		}
		if !strings.Contains(strings.ToLower(r.Table.String()), dataset) || q.Action != "" && r.Plan.Action != q.Action {
			return false, nil
		}
		found = append(found, r)
		return true, nil
	})
	return found[:min(len(found), q.Limit)], next, err
}

// searchWalk reads rows with an instant, an id and a body, the newest first, part by part. A row
// without a body does not match.
type searchWalk struct {
	query string
	args  []any // the first four of the query; then come the end of the part before and the size of a part
	most  int   // rows that are read
	limit int   // of rows that match
}

// run calls take with each body until one more than the limit were taken, or enough were read. It
// returns the end of the page; "" if there is no other page.
func (w *searchWalk) run(
	ctx context.Context, s *Store, after string, take func(body []byte) (bool, error),
) (next string, err error) {
	at, id, err := searchPlace(after)
	if err != nil {
		return "", err
	}
	taken := 0
	for read := 0; read < w.most; read += searchPart {
		n := 0
		err := s.each(ctx, w.query, append(slices.Clone(w.args), at, id, searchPart), func(scan func(...any) error) error {
			var body []byte
			if taken > w.limit {
				return nil
			}
			if err := scan(&at, &id, &body); err != nil {
				return err
			}
			n++
			ok := body != nil
			if ok {
				if ok, err = take(body); err != nil {
					return fmt.Errorf("%w: %w", ErrDamaged, err)
				}
			}
			if taken += one(ok); ok && taken == w.limit {
				next = strconv.FormatInt(at, 10) + "." + id
			}
			return nil
		})
		switch {
		case err != nil:
			return "", err
		case taken > w.limit:
			return next, nil
		case n < searchPart:
			return "", nil
		}
	}
	return cmp.Or(next, strconv.FormatInt(at, 10)+"."+id), nil
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// ErrNoPlace says that what a search is to go on after is not the end of a page.
var ErrNoPlace = errors.New("this is no end of a page")

// searchPlace reads the end of a page.
func searchPlace(after string) (at int64, id string, err error) {
	if after == "" {
		return math.MaxInt64, "", nil
	}
	first, id, found := strings.Cut(after, ".")
	at, err = strconv.ParseInt(first, 10, 64)
	if err != nil || !found {
		return 0, "", fmt.Errorf("%w: %q", ErrNoPlace, after)
	}
	return at, id, nil
}

// holds is a pattern of LIKE for texts that hold another one. Statements fold both with lower of the
// engine: SQLite's knows ASCII letters alone, so that other letters are found as they are written.
func holds(text string) string { return "%" + likeText.Replace(text) + "%" }

// atOrAfter is the bound of an instant from below; without one everything is above it.
func atOrAfter(t time.Time) int64 {
	if t.IsZero() {
		return beginning
	}
	return micros(t)
}

// before is the bound of an instant from above; without one everything is below it.
func before(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return micros(t)
}
