package oracle_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// change is a row_count check that compares counts with their past.
type change struct {
	limits            // of the count
	by         bool   // of each text
	only       string // the only text that counts; "" for all
	against    string
	over       int
	warn, drop int // percent of loss that warns and that fails; 0: none
	growth     int // percent of growth that fails; in place of both
}

func drawChange(r *rand.Rand) storyRule {
	c := change{by: r.IntN(2) == 0, against: pick(r, []string{"previous", "average", "same_weekday"}), over: 1 + r.IntN(4)}
	if r.IntN(3) == 0 {
		c.only = "DE"
	}
	if r.IntN(2) == 0 {
		c.limits = drawLimits(r, 8)
	}
	switch r.IntN(3) {
	case 0:
		c.growth = 30 + r.IntN(100)
	case 1:
		c.warn = 5 + r.IntN(20)
	}
	if c.growth == 0 {
		c.drop = 30 + r.IntN(65)
	}
	return c
}

func (c change) config(e *engine, _ *story) map[string]any {
	change := map[string]any{"against": c.against}
	if c.against == "average" {
		change["over"] = c.over
	}
	if c.warn > 0 {
		change["warn"] = fmt.Sprintf("< -%d%%", c.warn)
	}
	if c.drop > 0 {
		change["fail"] = fmt.Sprintf("< -%d%%", c.drop)
	}
	if c.growth > 0 {
		change["fail"] = fmt.Sprintf("> %d%%", c.growth)
	}
	m := map[string]any{"change": change}
	c.into(m)
	if c.by {
		m["by"] = []string{"s"}
	}
	if c.only != "" {
		m["where"] = "s = " + e.flavour.quote(c.only)
	}
	return map[string]any{"row_count": m}
}

func (c change) begin() storyModel { return &changeModel{change: c, of: map[string]*counted{}} }

// changeModel remembers the counts of each segment; all rows are the segment "".
type changeModel struct {
	change
	of map[string]*counted
}

// counted is the past of one segment.
type counted struct {
	at   []time.Time
	n    []int
	held map[string]sentinel.Status // since it has no rows, by rule
}

func (m *changeModel) status(at time.Time, day storyDay) sentinel.Status {
	now := map[string]int{}
	total := 0
	for text, n := range day.rows {
		if m.only == "" || text == m.only {
			now[text] = n
			total += n
		}
	}
	if !m.by {
		now = map[string]int{"": total}
	}
	for segment := range now {
		if m.of[segment] == nil {
			m.of[segment] = &counted{held: map[string]sentinel.Status{}}
		}
	}
	if len(m.of) == 0 { // no segment ever: the bounds are about no rows at all
		return worse(sentinel.Unknown, m.limits.status(integer(0)))
	}
	status := sentinel.Pass
	for segment, past := range m.of {
		n := now[segment]
		rules := map[string]sentinel.Status{"bound": m.limits.status(integer(n)), "change": m.judge(past, at, n)}
		for rule, s := range rules {
			if m.by && n == 0 { // what was found since it is gone lasts
				if !s.Bad() && past.held[rule].Bad() {
					s = past.held[rule]
				}
				if s.Bad() {
					past.held[rule] = worse(past.held[rule], s)
				}
			}
			status = worse(status, s)
		}
		if n > 0 {
			past.held = map[string]sentinel.Status{}
		}
		past.at, past.n = append(past.at, at), append(past.n, n)
	}
	return status
}

// judge compares a count with its past.
func (m *changeModel) judge(past *counted, at time.Time, n int) sentinel.Status {
	reference, known := m.reference(past, at)
	switch {
	case !known:
		return sentinel.Unknown
	case reference.Sign() == 0 && n > 0 && m.growth == 0:
		return sentinel.Pass // whatever it has grown by is no loss
	case reference.Sign() == 0:
		return sentinel.Unknown
	}
	percent := new(big.Rat).Sub(integer(n), reference)
	percent.Quo(percent, reference).Mul(percent, integer(100))
	text := percent.FloatString(2) // as it is shown
	percent.SetString(text)
	switch {
	case m.drop > 0 && percent.Cmp(integer(-m.drop)) < 0, m.growth > 0 && percent.Cmp(integer(m.growth)) > 0:
		return sentinel.Fail
	case m.warn > 0 && percent.Cmp(integer(-m.warn)) < 0:
		return sentinel.Warn
	}
	return sentinel.Pass
}

func (m *changeModel) reference(past *counted, at time.Time) (*big.Rat, bool) {
	last := len(past.n)
	switch m.against {
	case "average":
		if last < m.over {
			return nil, false
		}
		sum := 0
		for _, n := range past.n[last-m.over:] {
			sum += n
		}
		return big.NewRat(int64(sum), int64(m.over)), true
	case "same_weekday":
		for i, then := range past.at {
			if then.Add(7 * 24 * time.Hour).Equal(at) {
				return integer(past.n[i]), true
			}
		}
		return nil, false
	}
	if last == 0 {
		return nil, false
	}
	return integer(past.n[last-1]), true
}

// unusual is a check of the second table's level by its normal range.
type unusual struct {
	direction string
	level     int // what is usual, but for two percent
}

func (u unusual) config(e *engine, s *story) map[string]any {
	return map[string]any{"sql": map[string]any{"name": "level",
		"query":   fmt.Sprintf("SELECT n FROM %s.%s_level", e.database.Schema, s.name),
		"anomaly": map[string]any{"direction": u.direction, "ignore_below": map[string]any{"relative": 0.5}}}}
}

func (u unusual) begin() storyModel { return &unusualModel{unusual: u} }

// unusualModel knows only clear cases: a level that is usual, and one that is far from it.
type unusualModel struct {
	unusual
	points int
	calm   int  // usual points since the last alarm
	alarm  bool // there was one, which is not over
}

// learned is how many points of a daily series are learnt before it is judged.
const learned = 7

func (m *unusualModel) status(_ time.Time, day storyDay) sentinel.Status {
	m.points++
	low, high := day.level < m.level/2, day.level > m.level*2
	switch {
	case m.points <= learned:
		return sentinel.Unknown
	case low && m.direction != "spike", high && m.direction != "drop":
		m.alarm, m.calm = true, 0
		return sentinel.Fail
	case !m.alarm:
		return sentinel.Pass
	}
	if m.calm++; m.calm < 3 {
		return sentinel.Unknown
	}
	m.alarm = false
	return sentinel.Pass
}
