package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// once begins the schedule of results that come without a tick, such as those of a
// check run by hand: the rest names the checks, so that the same ones together
// replace their last results.
const once = "once:"

// group is the results of one dataset at one tick: one row of tick and one of
// last_tick.
type group struct {
	table   sentinel.Table
	dataset string
	tick    int64
	results []sentinel.Result
	ticked  bool // a tick of the batch has taken it up
}

// groupsOf appends the groups of results that come one after another and are of one
// dataset and tick.
func groupsOf(groups []group, results []sentinel.Result) []group {
	for i := range results {
		r := &results[i]
		if n := len(groups) - 1; n >= 0 && groups[n].is(r.Table, micros(r.Tick)) {
			groups[n].results = results[i-len(groups[n].results) : i+1]
			continue
		}
		groups = append(groups, group{table: r.Table, dataset: r.Table.String(), tick: micros(r.Tick), results: results[i : i+1]})
	}
	return groups
}

func (g *group) is(table sentinel.Table, tick int64) bool { return g.tick == tick && g.table == table }

// finder finds groups: those of ticks come in their order, as a rule.
type finder struct {
	groups []group
	next   int
	index  map[groupKey]*group // once they did not
}

type groupKey struct {
	table sentinel.Table
	tick  int64
}

// find returns the group of a dataset and tick, nil where there is none.
func (f *finder) find(table sentinel.Table, tick int64) *group {
	if f.next < len(f.groups) && f.groups[f.next].is(table, tick) {
		f.next++
		return &f.groups[f.next-1]
	}
	if f.index == nil {
		f.index = make(map[groupKey]*group, len(f.groups))
		for i := range f.groups {
			g := &f.groups[i]
			if key := (groupKey{g.table, g.tick}); f.index[key] == nil {
				f.index[key] = g
			}
		}
	}
	return f.index[groupKey{table, tick}]
}

// schedule is the one of results without a tick.
func (g *group) schedule() string {
	h := fnv.New64a()
	for i := range g.results {
		r := &g.results[i]
		h.Write([]byte(r.Check))
		h.Write([]byte{0})
	}
	return once + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, h.Sum64()))
}

// appendRuns appends what is kept of the group's runs.
func (g *group) appendRuns(b []byte) []byte {
	b = append(b, '[')
	for i := range g.results {
		r := &g.results[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSONText(append(b, '['), r.Check)
		b = strconv.AppendInt(append(b, ','), int64(r.Status), 10)
		b = strconv.AppendInt(append(b, ','), r.Duration.Microseconds(), 10)
		b = append(appendJSONText(append(b, ','), r.Message), ']')
	}
	return append(b, ']')
}

// appendResults appends the group's results without what their row says. Values of
// earlier buckets are remembered as observations alone.
func (g *group) appendResults(b []byte) (_ []byte, err error) {
	b = append(b, '[')
	for i := range g.results {
		r := &g.results[i]
		if i > 0 {
			b = append(b, ',')
		}
		short := *r
		short.Table, short.Tick, short.Past = sentinel.Table{}, time.Time{}, nil
		data, err := json.Marshal(short)
		if err != nil {
			return b, fmt.Errorf("the result of %s: %w", r.Check, err)
		}
		b = append(b, data...)
	}
	return append(b, ']'), nil
}

// part is the rows of some groups, as the arguments of their inserts.
type part struct {
	groups            []group // of the whole batch
	ticks, once, last []any
	observed          []observed
	text              []byte // of all of them; what grows out of it stays valid
}

// rowsAtOnce bounds what is held as text and arguments.
const rowsAtOnce = 64

// partText is how much memory for texts is kept from part to part.
const partText = 128 << 10

// keep appends to the part's text, and returns what was appended.
func (p *part) keep(appendTo func([]byte) []byte) []byte {
	if p.text == nil {
		p.text = make([]byte, 0, partText/2)
	}
	begin := len(p.text)
	p.text = appendTo(p.text)
	return p.text[begin:len(p.text):len(p.text)]
}

// addLast adds a row of last_tick with the group's results, and their values.
// Without results those that are there stay.
func (p *part) addLast(schedule any, dataset any, tick int64, g *group) (err error) {
	if len(g.results) == 0 {
		p.last = append(p.last, schedule, dataset, max(tick, g.tick), 0, []byte{})
		return nil
	}
	body := p.keep(func(b []byte) []byte { b, err = g.appendResults(b); return b })
	p.last = append(p.last, schedule, dataset, max(tick, g.tick), g.tick, body)
	for i := range g.results {
		r := &g.results[i]
		for _, o := range r.Past {
			p.observed = append(p.observed, observe(r, o))
		}
		for _, o := range r.Observations {
			p.observed = append(p.observed, observe(r, o))
		}
	}
	return err
}

// partGroups is how many groups memory is kept for.
const partGroups = 1024

// forget keeps the memory of groups for the next batch.
func (p *part) forget(groups []group) {
	clear(groups)
	if p.groups = groups[:0]; cap(groups) > partGroups {
		p.groups = nil
	}
}

// clear empties the part and keeps its memory for the next.
func (p *part) clear() {
	if cap(p.text) > partText {
		p.text = nil
	}
	clear(p.ticks)
	clear(p.once)
	clear(p.last)
	clear(p.observed)
	p.ticks, p.once, p.last, p.observed, p.text = p.ticks[:0], p.once[:0], p.last[:0], p.observed[:0], p.text[:0]
}

// ticks inserts the ticks that are new, with the results of their datasets, and
// then the results that have no tick. It returns the tables of the ticks: true for
// those that brought nothing new, whose results are dropped.
func (w *writer) ticks(ctx context.Context, records []TickRecord, results []sentinel.Result) (known map[sentinel.Table]bool, dropped int) {
	p := &w.store.part
	groups := groupsOf(p.groups[:0], results)
	defer func() { p.forget(groups) }()
	found := finder{groups: groups}
	later := newestSkipped(records)
	known = make(map[sentinel.Table]bool, len(records))
	defer p.clear()
	for from := 0; from < len(records) && w.err == nil; from += rowsAtOnce {
		w.tickRows(ctx, p, records[from:min(from+rowsAtOnce, len(records))], &found, later, known)
	}
	var skipped []any
	for key, tick := range later {
		skipped = append(skipped, key.Schedule, key.Table.String(), micros(tick), 0, []byte{})
	}
	w.many(ctx, insertLast, skipped, nil)
	for i := range groups {
		g := &groups[i]
		switch {
		case known[g.table]:
			dropped += len(g.results)
		case !g.ticked:
			w.onceRow(p, g)
		}
		if len(p.last) >= rowsAtOnce*insertLast.width {
			w.put(ctx, p)
		}
	}
	w.put(ctx, p)
	return known, dropped
}

// newestSkipped are the newest ticks that were not run; nil for none.
func newestSkipped(records []TickRecord) (newest map[TickKey]time.Time) {
	for _, t := range records {
		if t.Skipped == "" {
			continue
		}
		if newest == nil {
			newest = map[TickKey]time.Time{}
		}
		if key := (TickKey{t.Schedule, t.Table}); t.Tick.After(newest[key]) {
			newest[key] = t.Tick
		}
	}
	return newest
}

// tickRows inserts some ticks. Those that turn out to be new bring the results of
// their group.
func (w *writer) tickRows(ctx context.Context, p *part, records []TickRecord, groups *finder, later map[TickKey]time.Time, known map[sentinel.Table]bool) {
	p.clear()
	var of [rowsAtOnce]*group
	for i, t := range records {
		var g *group
		if t.Skipped == "" {
			g = groups.find(t.Table, micros(t.Tick))
		}
		if g == nil {
			g = &group{table: t.Table, tick: micros(t.Tick), dataset: t.Table.String()}
		}
		of[i] = g
		p.ticks = append(p.ticks, t.Schedule, g.dataset, g.tick, t.Skipped, len(g.results), p.keep(g.appendRuns))
	}
	added := w.addTicks(ctx, p.ticks)
	if w.err != nil {
		return
	}
	for i, t := range records {
		if t.Skipped != "" {
			continue
		}
		g := of[i]
		before, seen := known[t.Table]
		known[t.Table] = !added(g.dataset) && (!seen || before)
		if !added(g.dataset) {
			continue
		}
		g.ticked = true
		key := TickKey{t.Schedule, t.Table}
		newest := t.Tick
		if skip := later[key]; skip.After(newest) {
			newest = skip
		}
		delete(later, key)
		w.err = errors.Join(w.err, p.addLast(t.Schedule, p.ticks[i*insertTick.width+1], micros(newest), g))
	}
	w.put(ctx, p)
}

// addTicks inserts rows of ticks. added tells for which datasets one was new.
func (w *writer) addTicks(ctx context.Context, rows []any) (added func(dataset string) bool) {
	if !w.again {
		if n := w.many(ctx, insertTick, rows, nil); w.err == nil && n < int64(len(rows)/insertTick.width) {
			w.err = errRecorded
		}
		return func(string) bool { return true }
	}
	fresh := map[string]bool{}
	w.returning(ctx, insertTickAgain, rows, func(scan func(...any) error) error {
		var dataset, skipped string
		if err := scan(&dataset, &skipped); err != nil {
			return err
		}
		if skipped == "" { // others bring nothing else
			fresh[dataset] = true
		}
		return nil
	})
	return func(dataset string) bool { return fresh[dataset] }
}

// onceRow adds the rows of results without a tick.
func (w *writer) onceRow(p *part, g *group) {
	var schedule, dataset any = g.schedule(), g.dataset
	p.once = append(p.once, schedule, dataset, g.tick, "", len(g.results), p.keep(g.appendRuns))
	w.err = errors.Join(w.err, p.addLast(schedule, dataset, g.tick, g))
}

// put writes what the part has besides its ticks, which are written already.
func (w *writer) put(ctx context.Context, p *part) {
	w.many(ctx, insertOnce, p.once, nil)
	w.many(ctx, insertLast, p.last, nil)
	w.observations(ctx, p.observed)
	p.clear()
}
