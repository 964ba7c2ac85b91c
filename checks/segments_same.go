package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// askSame begins the key of the question for the rows of a remembered segment.
const askSame = "same "

// maxSame is how many remembered segments are looked up at most.
const maxSame = 50

const nullSegment = "<null>"

// sameAsks asks for the rows of remembered segments that no group is named after. An
// engine may call values equal that are written in several ways, such as 1.0 and 1.00, and
// names their group by any of them. Without a group of a new name there is no such value.
func sameAsks(t Target, all *Groups, got Answer) (asks []Ask) {
	if got.Err != nil || got.beyond() > 0 || t.Known.SegmentsErr != nil {
		return nil
	}
	list := segmentList{present: got.Groups}
	list.match(t.Known.Segments.known(), nil)
	if !list.renamed(t.Known.Segments.known()) {
		return nil
	}
	// Those that are not yet known to be gone come first.
	slices.SortStableFunc(list.gone, func(a, b KnownSegment) int { return a.Gone.Compare(b.Gone) })
	for _, k := range list.gone {
		values, ok := segmentValues(k.Name, all.By)
		if !ok || len(asks) == maxSame {
			continue
		}
		one := *all
		one.Equal, one.Values = values, nil
		asks = append(asks, Ask{Key: askSame + k.Name, Groups: &one})
	}
	return asks
}

// renamed reports whether a group has a name that is not remembered.
func (l *segmentList) renamed(known []KnownSegment) bool {
	names := map[string]bool{}
	for _, k := range known {
		names[k.Name] = true
	}
	for _, g := range l.present {
		if !names[g.Segment] {
			return true
		}
	}
	return false
}

// leaveOpen leaves out the segments that nothing is known of: there are groups of new names,
// and it was not asked whether one is theirs. It reports whether there are any.
func (l *segmentList) leaveOpen(known []KnownSegment, a Answers) bool {
	if !l.renamed(known) {
		return false
	}
	n := len(l.gone)
	l.gone = slices.DeleteFunc(l.gone, func(k KnownSegment) bool { return !a.asked(askSame + k.Name) })
	return len(l.gone) < n
}

// lookedUp returns the present names of remembered segments that have another one now.
// settled is false if more of them are to be looked up: a group of a new name is then
// perhaps no new segment.
func lookedUp(known Known, a Answers) (now map[string]string, settled bool) {
	now, _ = sameSegments(a, known.Segments.known()) // the result has the error
	list := segmentList{present: a.of(askSegments).Groups}
	list.match(known.Segments.known(), now)
	asked := 0
	for _, one := range a {
		if strings.HasPrefix(one.Key, askSame) {
			asked++
		}
	}
	return now, !slices.ContainsFunc(list.gone, func(k KnownSegment) bool {
		if got, ok := a.Get(askSame + k.Name); ok {
			return got.Err != nil && warehouse.KindOf(got.Err) != warehouse.BadStatement
		}
		return asked == maxSame && k.Gone.IsZero()
	})
}

// spell keeps the present names of segments, so that they are not looked up again.
func (m *SegmentMemory) spell(now map[string]string) {
	for i := range m.Known {
		k := &m.Known[i]
		if name := now[k.Name]; name != "" && name != k.Spelled {
			k.Spelled, m.Changed = name, true
		}
	}
}

// sameSegments reads the answers of sameAsks: by the name of a remembered segment, the name
// that its group has now. err says why that is not known of one.
func sameSegments(a Answers, known []KnownSegment) (now map[string]string, err error) {
	now = map[string]string{}
	for _, k := range known {
		got, asked := a.Get(askSame + k.Name)
		switch {
		case !asked:
		case got.Err != nil && warehouse.KindOf(got.Err) == warehouse.BadStatement:
			// The column cannot hold the value any more.
		case got.Err != nil:
			return nil, fmt.Errorf("whether %s has rows is not known: %w", k.Name, got.Err)
		case len(got.Groups) == 1:
			now[k.Name] = got.Groups[0].Segment
		case len(got.Groups) > 1:
			return nil, fmt.Errorf("%s is now several segments, such as %s", k.Name, got.Groups[0].Segment)
		}
	}
	return now, nil
}

// segmentValues reads the name of a segment back: the value of each column. ok is false if
// the name does not hold the whole values.
func segmentValues(name string, by []string) (values []string, ok bool) {
	rest := name
	for i, column := range by {
		text, found := strings.CutPrefix(rest, column+"=")
		if !found {
			return nil, false
		}
		value := text
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			if value, err = strconv.Unquote(quoted); err != nil || value == nullSegment {
				return nil, false
			}
			rest = text[len(quoted):]
		} else if len(by) > 1 {
			value, _, _ = strings.Cut(text, ", ")
			rest = text[len(value):]
		} else {
			rest = ""
		}
		if shortened := len(value)-len(" #0123456789abcdef") > 0; shortened &&
			strings.HasPrefix(value[len(value)-18:], " #") || strings.HasPrefix(value, `\x`) {
			return nil, false // perhaps shortened, or bytes
		}
		values = append(values, value)
		if i < len(by)-1 {
			if rest, found = strings.CutPrefix(rest, ", "); !found {
				return nil, false
			}
		}
	}
	return values, rest == ""
}

// equalTo writes the conditions of Equal. The engine compares by its own rules.
func (g *Groups) equalTo(d warehouse.Dialect, args *[]any) (conditions []string, err error) {
	for i, value := range g.Equal {
		column, err := d.Quote(g.By[i])
		if err != nil {
			return nil, err
		}
		if value == nullSegment {
			conditions = append(conditions, column+" IS NULL")
			continue
		}
		*args = append(*args, value)
		conditions = append(conditions, column+" = "+d.Param(len(*args)))
	}
	return conditions, nil
}
