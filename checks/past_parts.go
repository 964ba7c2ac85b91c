package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel/schedule"
)

// pastPart is a part of the past in which the zone's offset from UTC stays the same, so
// that its hours or days are equal steps.
type pastPart struct {
	from, to time.Time
	source   TimeSource
	every    time.Duration
	offset   time.Duration // of the zone from UTC; zero if the column holds wall clocks
}

// start returns the start of the period that holds a step.
func (p pastPart) start(periods schedule.Periods, step int64) time.Time {
	at, wall := p.source.readStep(step, p.every)
	if wall {
		return periods.StartOfWall(at.Add(p.every / 2))
	}
	if at = at.Add(-p.offset); at.Before(p.from) {
		at = p.from
	}
	return periods.Start(at)
}

// pastParts divides the past that is read at the changes of the zone's offset.
func (b *Bucketed) pastParts(t Target) []pastPart {
	source, err := b.source(t, t.Known.Relation, b.Bucket)
	if err != nil {
		return nil // the kind does not ask then
	}
	to, _ := b.closed(t)
	from := b.periods(t, b.Bucket).Start(to.Add(-lookBack[b.Bucket])).In(t.zone())
	every := 24 * time.Hour
	switch {
	case source.Mixed:
		return []pastPart{{from: from, to: to, source: source, every: grain}}
	case b.Bucket == schedule.Hour:
		every = time.Hour
	}
	if source.Wall {
		return []pastPart{{from: from, to: to, source: source, every: every}}
	}
	var parts []pastPart
	for from.Before(to) {
		_, seconds := from.Zone()
		_, end := from.ZoneBounds()
		if end.IsZero() || end.After(to) {
			end = to
		}
		parts = append(parts, pastPart{from: from, to: end, source: source, every: every,
			offset: time.Duration(seconds) * time.Second})
		from = end.In(t.zone())
	}
	return parts
}
