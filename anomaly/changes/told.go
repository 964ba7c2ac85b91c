package changes

import "math"

const mostOf = 0.75 // share of a distance from which on its newest step alone says since when

// steps adds up the steps to one side that were not told, less those to the other side: the
// cumulative sum of the steps (Page 1954). So small steps become a finding together.
type steps struct {
	By    float64 // distance, as a logarithm; at least 0
	Since int64   // time of the first value that belongs to it
}

// add takes in a step, by more than 0 to the side of s, and else away from it.
func (s *steps) add(by float64, since int64, memory float64) {
	if s.By == 0 || float64(since-s.Since) > memory {
		*s = steps{Since: since}
	}
	if s.By += by; s.By <= 0 {
		*s = steps{}
	}
}

// Tell notes that a finding was told. Until then [Test.Learn] adds later steps to it.
func (t *Test) Tell(f Found) {
	t.Told = f
	t.Untold = [2]steps{}
}

// whole adds a step to those that were not told. It returns the finding that they are together,
// and whether it is news. Within the memory after a finding was told, one to the same side is news
// from the size of that one on, but not if its values, step seconds apart, follow upon it: that is
// the rest of it. After any other change of the level (see [Test.Move]) one is news from half of
// its size on. A return to the level before the newest change is no news.
func (t *Test) whole(k Constants, f Found, step float64) (all Found, news bool) {
	by := f.Now - f.Before
	side := 0 // falls
	if by > 0 {
		side = 1
	}
	untold := &t.Untold[side]
	untold.add(math.Abs(by), f.Since, k.UsualDays*day)
	t.Untold[1-side].add(-math.Abs(by), f.Since, k.UsualDays*day)
	away := math.Copysign(untold.By, by)
	goesOn := false
	if last, soon := t.Last.lately(k, f.Since); soon {
		if math.Abs(by+last) < sameReturn*math.Abs(last) {
			*untold = steps{}
			return f, false
		}
		goesOn = last*away > 0 && math.Abs(away) < sameReturn*math.Abs(last)
	}
	if told, soon := t.Told.lately(k, f.Since); soon {
		rest := float64(f.Since-t.Told.At) <= leastValues*step
		goesOn = goesOn || told*away > 0 && (rest || math.Abs(away) < math.Abs(told))
	}
	all = f
	all.Before = f.Now - away
	if math.Abs(by) < mostOf*math.Abs(away) {
		all.Since = untold.Since
	}
	return all, !goesOn
}

// lately returns the size of a finding, and whether a time is within the memory after it.
func (f Found) lately(k Constants, at int64) (by float64, soon bool) {
	by = f.Now - f.Before
	return by, by != 0 && float64(at-f.At) < k.Days*day
}
