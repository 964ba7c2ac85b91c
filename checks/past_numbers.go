package checks

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// pastNumbers are numbers of the buckets before the one that is judged. A detector learns from
// what is made of them. They are read once, when nothing is stored about the check.
type pastNumbers struct {
	bucket *Bucketed
	groups Groups // what is asked of each bucket; its window, step and limit are set here
}

// pastBucket is the numbers of one bucket.
type pastBucket struct {
	Group
	unknown bool // its rows came in several groups, whose numbers do not add up
}

// asks returns the questions: one for each offset of the zone from UTC.
func (p pastNumbers) asks(t Target) (asks []Ask) {
	parts := p.bucket.pastParts(t)
	for i, part := range parts {
		g := p.groups
		g.Every, g.Offset, g.Limit, g.Totals = part.every, part.offset, maxSegmentPast, false
		g.Window = t.window(part.source, part.from, part.to)
		if len(parts) == 1 {
			g.Window = p.bucket.between(t, t.Known.Relation, p.bucket.periods(t, p.bucket.Bucket), part.from, part.to)
		}
		g.Values = nil
		for _, v := range p.groups.Values {
			one := *v
			one.Window = Window{} // that of the groups
			g.Values = append(g.Values, &one)
		}
		asks = append(asks, Ask{Key: fmt.Sprint(askPast, i), Groups: &g})
	}
	return asks
}

// read returns the numbers by segment and start of the bucket in UTC. why says that they could
// not be read; "" if they could.
func (p pastNumbers) read(t Target, a Answers) (out map[string]map[time.Time]*pastBucket, why string) {
	periods := p.bucket.periods(t, p.bucket.Bucket)
	out = map[string]map[time.Time]*pastBucket{}
	for i, part := range p.bucket.pastParts(t) {
		got := a.of(fmt.Sprint(askPast, i))
		if why := pastUnread(got); why != "" {
			return nil, why
		}
		for _, g := range got.Groups {
			segment := g.Segment
			if len(p.groups.By) == 0 {
				segment = "" // else it is the step
			}
			if out[segment] == nil {
				out[segment] = map[time.Time]*pastBucket{}
			}
			start := part.start(periods, g.Step).UTC()
			if known := out[segment][start]; known != nil {
				p.add(known, g)
				continue
			}
			g.Segment = segment
			out[segment][start] = &pastBucket{Group: g}
		}
	}
	return out, ""
}

// add adds the numbers of another group of the same bucket.
func (p pastNumbers) add(to *pastBucket, g Group) {
	to.Count = plus(to.Count, g.Count)
	for i, v := range p.groups.Values {
		a, b := to.Values[i], g.Values[i]
		switch {
		case p.groups.Rank != nil || p.groups.Keys != nil || v.Distinct != nil:
			to.unknown = true
		case v.Func == "count" || v.Func == "sum":
			to.Values[i] = plus(a, b)
		case v.Func == "max" && (a.Absent() || b.Cmp(a) > 0), v.Func == "min" && (a.Absent() || b.Cmp(a) < 0):
			if !b.Absent() {
				to.Values[i] = b
			}
		case v.Func != "max" && v.Func != "min":
			to.unknown = true
		}
	}
}

// plus adds two numbers, of which an absent one counts as none.
func plus(a, b sentinel.Number) sentinel.Number {
	if a.Absent() {
		return b
	}
	if b.Absent() {
		return a
	}
	x, xIs := a.Int64()
	y, yIs := b.Int64()
	if sum := x + y; xIs && yIs && (sum > x) == (y > 0) {
		return sentinel.Int(sum)
	}
	return sentinel.Float(a.Float64() + b.Float64())
}

// addTo adds the past of the segments that a result judges, oldest first. number makes the
// number of a bucket; without ok the bucket has none.
func (p pastNumbers) addTo(
	r *sentinel.Result, t Target, a Answers, number func(pastBucket) (o sentinel.Observation, ok bool),
) {
	if r.Status == sentinel.Error {
		return
	}
	past, why := p.read(t, a)
	if why != "" {
		r.Message += "; " + why
		return
	}
	periods := p.bucket.periods(t, p.bucket.Bucket)
	end, _ := p.bucket.closed(t)
	done := map[string]bool{}
	for _, judged := range r.Observations {
		if done[judged.Segment] {
			continue
		}
		done[judged.Segment] = true
		from := end
		for start := range past[judged.Segment] {
			if start.Before(from) {
				from = start
			}
		}
		for at := from; at.Before(end); at = periods.Next(at) {
			b := past[judged.Segment][at.UTC()]
			if b == nil || b.unknown {
				continue
			}
			if o, ok := number(*b); ok && o.Value.Finite() {
				o.Segment, o.Bucket = judged.Segment, at
				r.Past = append(r.Past, o)
			}
		}
	}
}
