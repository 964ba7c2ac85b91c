package store

import (
	"context"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Label marks a time range of a check's series that have this segment. It holds for all
// metrics.
type Label struct {
	Check   string    `json:"check"`
	Segment string    `json:"segment,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`      // both inclusive
	Exclude bool      `json:"exclude"` // the points are no part of what is normal; false takes an earlier label back
	Why     string    `json:"why"`
	Who     string    `json:"who"`
	// At is when it was set; zero: before that was kept.
	At time.Time `json:"at,omitzero"`
	// Incident is the id of the incident that was a false alarm; "": it is about points alone.
	Incident string `json:"incident,omitempty"`
}

// Label stores a label. Where labels overlap, the one stored last counts.
func (s *Store) Label(ctx context.Context, l Label) error {
	if l.To.Before(l.From) {
		return fmt.Errorf("labelling %s: %s is before %s", l.Check, l.To.Format(time.RFC3339), l.From.Format(time.RFC3339))
	}
	const statement = `
INSERT INTO label (check_id, segment, from_at, to_at, exclude, why, who, set_at, incident)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	setAt := int64(0)
	if !l.At.IsZero() {
		setAt = micros(l.At)
	}
	err := s.insert(ctx, statement,
		l.Check, l.Segment, micros(l.From), micros(l.To), l.Exclude, l.Why, l.Who, setAt, l.Incident)
	if err != nil {
		return fmt.Errorf("labelling %s: %w", l.Check, s.describe(err))
	}
	return nil
}

// Acceptance is a person's word that segments of a check may be gone.
type Acceptance struct {
	Check    string   `json:"check"`
	Segments []string `json:"segments,omitempty"` // empty: all that are gone
	Who      string   `json:"who"`
	Why      string   `json:"why"`
}

// TableAcceptance is a person's word that a table may be as it is: gone, or created.
type TableAcceptance struct {
	Table sentinel.Table `json:"dataset"`
	Gone  bool           `json:"gone"`
	Who   string         `json:"who"`
	Why   string         `json:"why"`
}

// Range is a time, both ends included.
type Range struct{ From, To time.Time }

// ExcludedRanges returns the times that labels exclude, of any segment, by check. A label
// that includes takes earlier ones back where it overlaps them.
func (s *Store) ExcludedRanges(ctx context.Context) (map[string][]Range, error) {
	out := map[string][]Range{}
	const query = `SELECT check_id, from_at, to_at, exclude FROM label ORDER BY id`
	err := s.each(ctx, query, nil, func(scan func(...any) error) error {
		var check string
		var from, to int64
		var exclude bool
		if err := scan(&check, &from, &to, &exclude); err != nil {
			return err
		}
		r := Range{fromMicros(from), fromMicros(to)}
		out[check] = without(out[check], r)
		if exclude {
			out[check] = append(out[check], r)
		}
		return nil
	})
	return out, err
}

// without cuts a range out of ranges.
func without(ranges []Range, r Range) (out []Range) {
	for _, o := range ranges {
		if o.From.Before(r.From) {
			out = append(out, Range{o.From, earlier(o.To, r.From)})
		}
		if o.To.After(r.To) {
			out = append(out, Range{later(o.From, r.To), o.To})
		}
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Labels returns all labels, in the order in which they were stored.
func (s *Store) Labels(ctx context.Context) ([]Label, error) { return s.labels(ctx, ` ORDER BY id`) }

// labels returns the labels that the end of a query asks for.
func (s *Store) labels(ctx context.Context, end string, args ...any) (out []Label, err error) {
	const query = `SELECT check_id, segment, from_at, to_at, exclude, why, who, set_at, incident FROM label`
	err = s.each(ctx, query+end, args, func(scan func(...any) error) error {
		var l Label
		var from, to, at int64
		err := scan(&l.Check, &l.Segment, &from, &to, &l.Exclude, &l.Why, &l.Who, &at, &l.Incident)
		if l.From, l.To = fromMicros(from), fromMicros(to); at != 0 {
			l.At = fromMicros(at)
		}
		out = append(out, l)
		return err
	})
	return out, err
}
