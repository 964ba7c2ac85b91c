package checks

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// SegmentMemory is what a check with `by` remembers of its segments, so that one without
// rows is noticed. A segment is remembered until its end is accepted.
type SegmentMemory struct {
	// Rows names the rows that are divided: columns and filter. If it changes, the
	// memory begins anew.
	Rows  string         `json:"rows"`
	Known []KnownSegment `json:"known"` // by name

	// Changed reports whether the memory differs from what is stored.
	Changed bool `json:"-"`
}

// KnownSegment is one remembered segment.
type KnownSegment struct {
	Name  string    `json:"name"`
	First time.Time `json:"first"`         // tick of its first rows
	Gone  time.Time `json:"gone,omitzero"` // tick since which it has no rows; zero while it has some
	// Spelled is another name of its group, which the engine has said is the same. It is
	// empty if there is none.
	Spelled string `json:"spelled,omitempty"`
	// Bad has the statuses of the findings since it is gone, by key. They last until the
	// segment is back or accepted as gone.
	Bad map[string]sentinel.Status `json:"bad,omitempty"`
}

// AcceptedSegments says which segments are accepted as gone: the time First of each, by
// name. A segment that comes back has another First.
type AcceptedSegments map[string]time.Time

// StoredSegments is the encoded memory of a check, and the encoded [AcceptedSegments].
type StoredSegments struct{ Memory, Accepted []byte }

// Decode returns the memory without the segments that are accepted as gone. It returns
// nil if nothing is stored.
func (s StoredSegments) Decode() (*SegmentMemory, error) {
	if len(s.Memory) == 0 {
		return nil, nil
	}
	m := &SegmentMemory{}
	if err := json.Unmarshal(s.Memory, m); err != nil {
		return nil, fmt.Errorf("decoding the remembered segments: %w", err)
	}
	var accepted AcceptedSegments
	if len(s.Accepted) > 0 {
		if err := json.Unmarshal(s.Accepted, &accepted); err != nil {
			return nil, fmt.Errorf("decoding the accepted segments: %w", err)
		}
	}
	m.Known = slices.DeleteFunc(m.Known, func(k KnownSegment) bool {
		first, ok := accepted[k.Name]
		gone := ok && first.Equal(k.First)
		m.Changed = m.Changed || gone
		return gone
	})
	return m, nil
}

// Encode returns the stored form of the memory.
func (m *SegmentMemory) Encode() ([]byte, error) { return json.Marshal(m) }

// known returns the remembered segments; none if there is no memory.
func (m *SegmentMemory) known() []KnownSegment {
	if m == nil {
		return nil
	}
	return m.Known
}

// segmented is a check that judges segments and remembers them.
type segmented interface {
	// segmentRows names the rows that are divided; "" if the check remembers no segment.
	segmentRows() string
	// segmentLimit is how many segments are remembered at most.
	segmentLimit() int
}

// after returns the memory after a result. Segments that are beyond the limit are not
// remembered; the result says so. New ones are only if it is settled that they are new.
func (m *SegmentMemory) after(check segmented, r sentinel.Result, settled bool) *SegmentMemory {
	next := &SegmentMemory{Rows: check.segmentRows(), Changed: m == nil || m.Changed}
	kept := map[string]KnownSegment{}
	for _, k := range m.known() {
		kept[k.Name] = k
	}
	for _, o := range r.Observations {
		k, known := kept[o.Segment]
		switch {
		case o.Segment == "" || o.Segment == otherSegment:
			continue
		case o.Gone && (!known || k.Gone.IsZero()):
			k.Gone = r.Tick
		case !o.Gone && known && !k.Gone.IsZero():
			k = KnownSegment{First: r.Tick, Spelled: k.Spelled}
		case known || !settled || len(kept) >= check.segmentLimit():
			continue
		}
		k.Name, k.First = o.Segment, cmpTime(k.First, r.Tick)
		kept[o.Segment] = k
		next.Changed = true
	}
	next.Known = slices.SortedFunc(maps.Values(kept), func(a, b KnownSegment) int {
		return strings.Compare(a.Name, b.Name)
	})
	return next
}

func cmpTime(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

// Hold keeps what was found of a segment since it is gone: its findings last until it is
// back or accepted as gone, also when zero rows have become usual. It is called with a
// result that detectors have judged.
func (m *SegmentMemory) Hold(r *sentinel.Result) {
	for i := range m.Known {
		k := &m.Known[i]
		if k.Gone.IsZero() {
			continue
		}
		for _, f := range r.Findings {
			if !f.Status.Bad() || sentinel.SegmentOf(f.Key) != k.Name || !f.Status.Worse(k.Bad[f.Key]) {
				continue
			}
			k.Bad = maps.Clone(k.Bad)
			if k.Bad == nil {
				k.Bad = map[string]sentinel.Status{}
			}
			k.Bad[f.Key] = f.Status
			m.Changed = true
		}
		for _, key := range slices.Sorted(maps.Keys(k.Bad)) {
			k.hold(r, key)
		}
	}
}

// hold adds the finding of a key unless the result has it.
func (k *KnownSegment) hold(r *sentinel.Result, key string) {
	f := sentinel.Finding{
		Key:      key,
		Status:   k.Bad[key],
		Observed: sentinel.Int(0),
		Expected: "rows in " + k.Name,
		Message:  fmt.Sprintf("no rows in %s since %s", k.Name, k.Gone.UTC().Format("2006-01-02 15:04 UTC")),
	}
	at := slices.IndexFunc(r.Findings, func(f sentinel.Finding) bool { return f.Key == key })
	switch {
	case at < 0:
		r.Findings = append(r.Findings, f)
	case r.Findings[at].Status.Bad():
		return
	default:
		r.Findings[at] = f
	}
	if f.Status.Worse(r.Status) {
		r.Status, r.Message = f.Status, f.Message
	}
}

// otherSegment is the name of all segments beyond the limit, together.
const otherSegment = "other"

// segmentList is the segments to judge: those with rows, and those that had some.
type segmentList struct {
	present  []Group // largest first
	gone     []KnownSegment
	unjudged *sentinel.Finding // nil: every segment is judged
}

// segmentsOf compares the answer with the memory. If the answer is cut at the limit, it
// does not tell which of the remembered segments are gone.
func segmentsOf(t Target, a Answers, got Answer, limit int) segmentList {
	list := segmentList{present: got.Groups}
	switch {
	case t.Known.SegmentsErr != nil:
		list.cannot("the remembered segments cannot be read: " + t.Known.SegmentsErr.Error())
		return list
	case got.beyond() > 0:
		list.cannot(fmt.Sprintf("%d segments beyond the limit of %d are not judged", got.beyond(), limit))
		return list
	}
	now, err := sameSegments(a, t.Known.Segments.known())
	if err != nil {
		list.cannot(err.Error())
		return list
	}
	list.match(t.Known.Segments.known(), now)
	if list.leaveOpen(t.Known.Segments.known(), a) {
		list.cannot("there are segments of new names, and not all remembered ones were looked up")
	}
	if over := len(list.present) + len(list.gone) - limit; over > 0 && len(list.gone) > 0 {
		const message = "%d segments, of which %d have no rows any more, are beyond the limit of %d: not all are remembered"
		list.cannot(fmt.Sprintf(message, len(list.present)+len(list.gone), len(list.gone), limit))
	}
	return list
}

func (l *segmentList) cannot(why string) {
	l.unjudged = &sentinel.Finding{
		Key: sentinel.UnjudgedSegmentsKey, Status: sentinel.Unknown, Expected: "all segments judged",
		Message: why + ": raise `limit`, narrow `where` or `by`, or accept the segments that are gone",
	}
}

// match finds the remembered segments that have no rows. An engine that calls several
// spellings of a value equal names a group by any of them, so the remembered one is kept.
// Only the engine says which are equal, because that depends on the type and collation of
// the column: now has the present names of segments that it was asked for.
func (l *segmentList) match(known []KnownSegment, now map[string]string) {
	at := map[string]int{}
	for i, g := range l.present {
		at[g.Segment] = i
	}
	remembered := map[string]bool{}
	for _, k := range known {
		remembered[k.Name] = true
	}
	l.present = slices.Clone(l.present)
	for _, k := range known {
		if _, present := at[k.Name]; present {
			continue
		}
		name := now[k.Name]
		if _, present := at[k.Spelled]; name == "" && present && !remembered[k.Spelled] {
			name = k.Spelled
		}
		if i, present := at[name]; present && name != "" && l.present[i].Segment == name {
			l.present[i].Segment = k.Name
			continue
		}
		if name != "" {
			l.cannot(fmt.Sprintf("%s has rows that are written as %s", k.Name, name))
			continue
		}
		l.gone = append(l.gone, k)
	}
}

// segmentRowsOf names the rows that columns and a filter divide.
func segmentRowsOf(by []string, where string) string {
	if len(by) == 0 {
		return ""
	}
	return strings.Join(by, ", ") + "\n" + cmp.Or(where, "all rows")
}
