package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"iter"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// once is the prefix of the schedule of results without a tick, such as those of a
// check that a person ran. The rest of the schedule names the checks, so that a later
// run of the same checks replaces their results.
const once = "once:"

// runGroup holds the results of one dataset at one tick.
type runGroup struct {
	table   sentinel.Table
	tick    int64
	results []*sentinel.Result
	stored  bool // the batch holds the tick of the group
}

type groupKey struct {
	table sentinel.Table
	tick  int64
}

// groupResults groups results by dataset and tick, in their order. tables is the
// approximate number of groups.
func groupResults(results []sentinel.Result, tables int) (groups []*runGroup, index map[groupKey]*runGroup) {
	index = make(map[groupKey]*runGroup, tables)
	for i := range results {
		r := &results[i]
		key := groupKey{r.Table, micros(r.Tick)}
		g := index[key]
		if g == nil {
			g = &runGroup{table: r.Table, tick: key.tick}
			index[key] = g
			groups = append(groups, g)
		}
		g.results = append(g.results, r)
	}
	return groups, index
}

// onceSchedule returns the schedule of results without a tick.
func (g *runGroup) onceSchedule() string {
	h := fnv.New64a()
	for _, r := range g.results {
		h.Write([]byte(r.Check))
		h.Write([]byte{0})
	}
	return once + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, h.Sum64()))
}

// runs returns the part of the group that the table tick keeps. ids are the numbers of
// names.
func (g *runGroup) runs(ids map[string]int64) []format.Run {
	runs := make([]format.Run, len(g.results))
	for i, r := range g.results {
		runs[i] = format.Run{
			Check:    ids[r.Check],
			Status:   int(r.Status),
			Duration: r.Duration.Microseconds(),
			Message:  r.Message,
		}
	}
	return runs
}

// appendObserved appends the group's values to all.
func (g *runGroup) appendObserved(all []observed) []observed {
	for _, r := range g.results {
		for _, o := range r.Past {
			all = append(all, observe(r, o))
		}
		for _, o := range r.Observations {
			all = append(all, observe(r, o))
		}
	}
	return all
}

// tickSet holds the ticks of one instant and schedule.
type tickSet struct {
	tick     int64
	schedule string
	records  []TickRecord
	datasets []string // the names of their tables
}

// tickSets groups ticks by instant and schedule, in their order.
func tickSets(records []TickRecord) (sets []*tickSet) {
	type key struct {
		tick     int64
		schedule string
	}
	index := map[key]*tickSet{}
	for _, t := range records {
		k := key{micros(t.Tick), t.Schedule}
		set := index[k]
		if set == nil {
			set = &tickSet{tick: k.tick, schedule: k.schedule}
			index[k] = set
			sets = append(sets, set)
		}
		set.records = append(set.records, t)
		set.datasets = append(set.datasets, t.Table.String())
	}
	return sets
}

// namesOf yields the names that ticks and results refer to.
func namesOf(sets []*tickSet, results []sentinel.Result) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, set := range sets {
			if !yield(set.schedule) {
				return
			}
			for _, name := range set.datasets {
				if !yield(name) {
					return
				}
			}
		}
		for i := range results {
			if !yield(results[i].Check) {
				return
			}
		}
	}
}

// ticks stores the new ticks with the results of their datasets, and then the results
// without a tick. It returns the tables whose ticks were run. The value is true for a
// table without new ticks, whose results are dropped.
func (t *txn) ticks(
	ctx context.Context, records []TickRecord, results []sentinel.Result,
) (known map[sentinel.Table]bool, dropped int, err error) {
	if len(records)+len(results) == 0 {
		return nil, 0, nil
	}
	groups, index := groupResults(results, len(records))
	last := make(lastTicks, len(records))
	known = make(map[sentinel.Table]bool, len(records))
	values := make([]observed, 0, len(results))
	sets := tickSets(records)
	if err := t.memory.names.learn(ctx, t, namesOf(sets, results)); err != nil {
		return nil, 0, err
	}
	for _, set := range sets {
		fresh, err := t.insertSet(ctx, set, index)
		if err != nil {
			return nil, 0, err
		}
		for i, record := range set.records {
			if record.Skipped != "" {
				last.add(record.Schedule, record.Table, set.tick, nil)
				continue
			}
			if before, seen := known[record.Table]; !seen || before {
				known[record.Table] = !fresh[i]
			}
			if !fresh[i] {
				continue
			}
			g := index[groupKey{record.Table, set.tick}]
			last.add(record.Schedule, record.Table, set.tick, g)
			if g != nil && !g.stored {
				g.stored = true
				values = g.appendObserved(values)
			}
		}
	}
	for _, g := range groups {
		switch {
		case known[g.table]:
			dropped += len(g.results)
		case !g.stored:
			if err := t.insertOnce(ctx, g); err != nil {
				return nil, 0, err
			}
			last.add(g.onceSchedule(), g.table, g.tick, g)
			values = g.appendObserved(values)
		}
	}
	if err := t.lastTicks(ctx, last); err != nil {
		return nil, 0, err
	}
	return known, dropped, t.observations(ctx, values)
}

// insertSet stores the ticks of a set that are not recorded yet. fresh marks them.
func (t *txn) insertSet(ctx context.Context, set *tickSet, index map[groupKey]*runGroup) (fresh []bool, err error) {
	names := t.memory.names.ids
	ids := make([]int64, len(set.datasets))
	for i, name := range set.datasets {
		ids[i] = names[name]
	}
	schedule := names[set.schedule]
	recorded, err := t.recorded(ctx, set.tick, schedule, slices.Min(ids), slices.Max(ids))
	if err != nil {
		return nil, err
	}
	fresh = make([]bool, len(ids))
	ticks := make([]format.Tick, 0, len(ids))
	for i, record := range set.records {
		if recorded[ids[i]] {
			continue
		}
		recorded[ids[i]] = true
		fresh[i] = true
		tick := format.Tick{Dataset: ids[i], Skipped: record.Skipped}
		if g := index[groupKey{record.Table, set.tick}]; g != nil && record.Skipped == "" {
			tick.Runs = g.runs(names)
		}
		ticks = append(ticks, tick)
	}
	return fresh, t.insertTicks(ctx, set.tick, schedule, ticks)
}

// recorded returns which datasets from low to high have a recorded tick of this
// schedule.
func (t *txn) recorded(ctx context.Context, tick, schedule, low, high int64) (map[int64]bool, error) {
	const query = `SELECT body FROM tick WHERE tick = ? AND schedule = ? AND low <= ? AND high >= ?`
	recorded := map[int64]bool{}
	st, err := t.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	args := []any{tick, schedule, high, low}
	err = engine.Each(ctx, prepared{st}, "", args, func(scan func(...any) error) error {
		var body []byte
		if err := scan(&body); err != nil {
			return err
		}
		ticks, err := format.DecodeTicks(body)
		for _, t := range ticks {
			recorded[t.Dataset] = true
		}
		return err
	})
	return recorded, err
}

// insertTickRows inserts rows into the table tick.
var insertTickRows = statement{
	head:  `INSERT INTO tick (tick, schedule, low, high, n, checks, body) VALUES `,
	row:   `(?, ?, ?, ?, ?, ?, ?)`,
	width: 7,
}

func (t *txn) insertTicks(ctx context.Context, tick, schedule int64, ticks []format.Tick) error {
	if err := t.markUsed(ctx, tick, schedule, ticks); err != nil {
		return err
	}
	var args []any
	for some := range engine.RowsOfTicks(ticks) {
		row, err := engine.TickArgs(tick, schedule, some, &t.memory.encoder)
		if err != nil {
			return err
		}
		args = append(args, row...)
	}
	return t.exec(ctx, insertTickRows, args)
}

// insertOnce stores results without a tick. They replace those of the same checks at
// the same instant.
func (t *txn) insertOnce(ctx context.Context, g *runGroup) error {
	names := t.memory.names
	scheduleName, datasetName := g.onceSchedule(), g.table.String()
	if err := names.learn(ctx, t, slices.Values([]string{scheduleName, datasetName})); err != nil {
		return err
	}
	schedule, dataset := names.ids[scheduleName], names.ids[datasetName]
	const query = `DELETE FROM tick WHERE tick = ? AND schedule = ? AND low = ?`
	if _, err := t.ExecContext(ctx, query, g.tick, schedule, dataset); err != nil {
		return err
	}
	return t.insertTicks(ctx, g.tick, schedule, []format.Tick{{Dataset: dataset, Runs: g.runs(names.ids)}})
}

// lastTicks holds the rows for the table last_tick: for each schedule and dataset the
// newest tick, and the newest group of results, which may be nil.
type lastTicks map[TickKey]lastTick

type lastTick struct {
	tick  int64
	group *runGroup
}

func (l lastTicks) add(schedule string, table sentinel.Table, tick int64, g *runGroup) {
	key := TickKey{schedule, table}
	before, seen := l[key]
	if !seen {
		l[key] = lastTick{tick, g}
		return
	}
	if before.group != nil && (g == nil || g.tick < before.group.tick) {
		g = before.group
	}
	l[key] = lastTick{max(tick, before.tick), g}
}

// insertLast keeps the newest tick, and the results of the newest run. The two may be
// of different ticks.
var insertLast = statement{
	head: `INSERT INTO last_tick (schedule, dataset, tick, ran, results) VALUES `,
	row:  `(?, ?, ?, ?, ?)`,
	tail: ` ON CONFLICT (schedule, dataset) DO UPDATE SET
tick = CASE WHEN excluded.tick > last_tick.tick THEN excluded.tick ELSE last_tick.tick END,
ran = CASE WHEN excluded.ran >= last_tick.ran THEN excluded.ran ELSE last_tick.ran END,
results = CASE WHEN excluded.ran >= last_tick.ran THEN excluded.results ELSE last_tick.results END`,
	width: 5,
}

func (t *txn) lastTicks(ctx context.Context, last lastTicks) error {
	keys := make([]TickKey, 0, len(last))
	for key := range last {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b TickKey) int {
		return cmp.Or(strings.Compare(a.Schedule, b.Schedule), a.Table.Compare(b.Table))
	})
	args := make([]any, 0, len(keys)*insertLast.width)
	for _, key := range keys {
		row := last[key]
		ran, body := int64(0), []byte{}
		if row.group != nil && len(row.group.results) > 0 {
			ran = row.group.tick
			var err error
			if body, err = format.AppendResults(nil, row.group.results); err != nil {
				return err
			}
		}
		args = append(args, key.Schedule, key.Table.String(), row.tick, ran, body)
	}
	return t.exec(ctx, insertLast, args)
}
