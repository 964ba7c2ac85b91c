package differential_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// keyForm is a type of a column k that is the key, in every engine, with the value of a row.
type keyForm struct {
	types  map[string]drawnType
	values []string // formats of an id, as literals
}

var keyForms = []keyForm{
	{map[string]drawnType{"postgres": {sql: "text", seen: seenText}, "mysql": {sql: "varchar(40)", seen: seenText},
		"sqlite": {sql: "text", seen: seenStored}}, []string{"'k%02d'", "'K%02d'", "'k%02d '", "'ü%02d'", "'a%02d\\%%'",
		"'_%02d'"}},
	{map[string]drawnType{"postgres": {sql: `text COLLATE "C"`, seen: seenText},
		"mysql": {sql: "varchar(40) COLLATE utf8mb4_bin",
			seen: seenText}, "sqlite": {sql: "text COLLATE nocase", seen: seenStored}}, []string{"'k%02d'", "'K%02d'",
		"'%02d'", "'😀%02d'"}},
	{map[string]drawnType{"postgres": {sql: "bigint", seen: seenNumber}, "mysql": {sql: "bigint", seen: seenNumber},
		"sqlite": {sql: "bigint", seen: seenStored}}, []string{"9007199254740%02d", "-90071992547409%02d"}},
	{map[string]drawnType{"postgres": {sql: "numeric(20,3)", seen: seenNumber}, "mysql": {sql: "decimal(20,3)",
		seen: seenNumber},
		"sqlite": {sql: "numeric", seen: seenStored}}, []string{"%02d.5", "-%02d.25", "%02d.001"}},
	{map[string]drawnType{"postgres": {sql: "double precision", seen: seenFloat}, "mysql": {sql: "double",
		seen: seenFloat},
		"sqlite": {sql: "real", seen: seenStored}}, []string{"%02d.1", "-%02de-300"}},
	{map[string]drawnType{"postgres": {sql: "timestamp", seen: seenTime}, "mysql": {sql: "datetime(6)", seen: seenTime},
		"sqlite": {sql: "timestamp", seen: seenStored}}, []string{"'2026-01-01 00:00:00.0001%02d'"}},
	{map[string]drawnType{"postgres": {sql: "uuid", seen: seenText}, "mysql": {sql: "uuid", seen: seenText},
		"sqlite": {sql: "uuid", seen: seenStored}}, []string{"'00000000-0000-0000-0000-0000000000%02d'",
		"'%02d000000-0000-4000-8000-000000000000'"}},
	{map[string]drawnType{"postgres": {sql: "bytea", seen: seenBytes}, "mysql": {sql: "varbinary(8)", seen: seenBytes},
		"sqlite": {sql: "blob", seen: seenStored}}, nil}, // of bytesKey
	{map[string]drawnType{"postgres": {sql: "date", seen: seenTime}, "mysql": {sql: "date", seen: seenTime},
		"sqlite": {sql: "date", seen: seenStored}}, []string{"'20%02d-02-28'", "'19%02d-12-31'"}},
}

// keyColumn returns the column k of a form in an engine.
func keyColumn(f keyForm, engine string) column {
	literal := func(r *rand.Rand, id int) string { return fmt.Sprintf(pick(r, f.values), id) }
	if f.values == nil {
		literal = func(_ *rand.Rand, id int) string {
			if engine == "postgres" {
				return fmt.Sprintf(`'\x00ff%02x'`, id)
			}
			return fmt.Sprintf("x'00ff%02x'", id)
		}
	}
	if engine == "mysql" && f.types[engine].seen == seenText {
		plain := literal
		literal = func(r *rand.Rand, id int) string { return strings.ReplaceAll(plain(r, id), `\`, `\\`) }
	}
	return column{name: "k", drawnType: f.types[engine], notNull: true, literal: literal}
}

// scene is a pair of tables, or a table and a file, that is repaired several times.
type scene struct {
	*world
	seed   int
	r      *rand.Rand
	target *table
	source source
	alike  bool // all values of the source fit, and nothing speaks against a reload
}

// source is where the rows of the window come from.
type source interface {
	create(r *rand.Rand, n int) // creates it with n rows
	change(r *rand.Rand)        // draws other rows, or changes some
	rows() []row                // all rows, in the order of their ids
	drop()
	shown() string
}

// sourceNames are the kinds of sources.
var sourceNames = []string{"postgres", "mysql", "sqlite", ".csv", ".jsonl", ".parquet"}

// newScene draws tables. The pair of engines follows from the seed.
func newScene(w *world, seed int) *scene {
	s := &scene{world: w, seed: seed, r: rand.New(rand.NewPCG(uint64(seed), 7))}
	from := sourceNames[seed%len(sourceNames)]
	to := w.places[sourceNames[seed/len(sourceNames)%3]]
	s.target = &table{place: to, name: fmt.Sprintf("t%d", seed), shape: s.drawShape(from, to)}
	s.alike = from == to.Engine && chance(s.r, 2)
	n := 1 + s.r.IntN(2)
	if s.alike {
		n = 1 + s.r.IntN(5)
	}
	for i := range n {
		t := pick(s.r, to.types)
		for (from == ".csv" || from == ".jsonl") && t.meant() == "bytes" && !chance(s.r, 8) ||
			s.target.partitioned && slices.Contains(to.unpartitioned, t.sql) {
			t = pick(s.r, to.types) // text files have no bytes, and partitions no geometries
		}
		s.target.columns = append(s.target.columns, s.drawColumn(i, t, t.pool(s.r, !s.alike)))
	}
	s.nameColumns()
	s.addColumns(from)
	return s
}

// drawColumn draws a column with values of a pool.
func (s *scene) drawColumn(i int, t drawnType, pool []string) column {
	c := column{name: fmt.Sprintf("c%d", i), drawnType: t}
	c.literal = func(r *rand.Rand, _ int) string { return pick(r, pool) }
	c.notNull = chance(s.r, 6)
	if chance(s.r, 6) {
		c.def = t.values[0]
	}
	return c
}

// nameColumns gives some tables names that need quotes.
func (s *scene) nameColumns() {
	if !chance(s.r, 4) {
		return
	}
	s.target.name += pick(s.r, []string{` "Order" x`, "-ü`;", " select"})
	for i := range s.target.columns {
		s.target.columns[i].name += pick(s.r, []string{` "quoted"`, "`", " ü, 'x", "; --", "$1", "?"})
	}
}

// drawShape draws keys, identity, partitions and what else lies on the target.
func (s *scene) drawShape(from string, to *place) (h shape) {
	r := s.r
	h.zone, h.clock = time.UTC, pick(r, []clock{wall, wall, instant, instant, day, epoch})
	if h.clock != day && chance(r, 4) && !to.byClass && from != "sqlite" && !strings.HasPrefix(from, ".") {
		zone, err := time.LoadLocation(pick(r, []string{"Europe/Berlin", "America/New_York", "Asia/Kathmandu"}))
		if err != nil {
			panic(err)
		}
		h.zone = zone
	}
	h.key = pick(r, []string{"id", "id", "id", "at", "k", "k", "late", ""})
	h.check = chance(r, 8)
	if chance(r, 5) {
		h.generated = pick(r, to.generated)
	}
	always := to.partition != "" && (from == "postgres" || from == "mysql") && s.seed/(3*len(sourceNames))%3 == 0
	if always { // between servers partitions are swapped in every run
		h.zone, h.key, h.clock = time.UTC, pick(r, []string{"id", "id", "at", ""}), pick(r, []clock{wall, wall, day})
	}
	if to.partition != "" && h.zone == time.UTC && h.key != "k" && h.key != "late" && (always || chance(r, 3)) &&
		!(h.clock == instant && to.Engine == "mysql") && h.clock != epoch {
		h.partitioned, h.nested = true, chance(r, 4)
		return h
	}
	if h.key == "id" || h.key == "" && to.Engine != "sqlite" {
		if chance(r, 3) {
			h.identity = pick(r, to.identity)
			if strings.Contains(h.identity, "AUTO_INCREMENT") { // neither is allowed beside it
				h.check, h.generated = false, ""
			}
		}
		h.children = h.key == "id" && h.identity == "" && chance(r, 6)
	}
	h.parents, h.unique = chance(r, 6), chance(r, 8)
	h.alone = to.byClass && (h.key == "k" || h.key == "at") && chance(r, 3)
	return h
}

// addColumns adds the columns of keys and references to the target, and makes the source.
func (s *scene) addColumns(from string) {
	forms := keyForms
	switch from {
	case ".csv", ".jsonl":
		forms = slices.DeleteFunc(slices.Clone(forms), func(f keyForm) bool { return f.values == nil }) // no bytes
	case ".parquet":
		forms = forms[:2] // its keys are texts
	}
	form := pick(s.r, forms)
	swapped, wrong := chance(s.r, 6), chance(s.r, 6)
	extra := func(engine string) (columns []column) {
		if s.target.key == "k" {
			columns = append(columns, keyColumn(form, engine))
		}
		if s.target.parents {
			columns = append(columns, column{name: "p", literal: func(r *rand.Rand, _ int) string {
				if wrong && chance(r, 8) && engine != s.target.Engine {
					return "9"
				}
				return fmt.Sprint(r.IntN(4))
			}})
		}
		if s.target.unique {
			columns = append(columns, column{name: "u", literal: func(r *rand.Rand, id int) string {
				if swapped && chance(r, 4) {
					id ^= 1
				}
				return fmt.Sprint(id * 10)
			}})
		}
		for i := range columns {
			if columns[i].sql == "" {
				columns[i].drawnType = drawnType{sql: "integer", seen: seenNumber}
			}
		}
		return columns
	}
	target := slices.Concat(extra(s.target.Engine), s.target.columns)
	if strings.HasPrefix(from, ".") {
		s.target.columns = target
		s.source = s.newFile(from)
		return
	}
	place := s.places[from]
	t := &table{place: place, name: "s" + s.target.name, shape: shape{clock: s.target.clock, zone: s.target.zone,
		key: pick(s.r, []string{s.target.key, s.target.key, s.target.key, ""})}}
	t.columns = extra(from)
	for i, c := range s.target.columns {
		of, pool := c.drawnType, c.drawnType.values
		if !s.alike {
			of = counterpart(s.r, c.drawnType, place.types)
			pool = of.pool(s.r, true)
		}
		copied := s.drawColumn(i, of, pool)
		copied.name, copied.def = c.name, ""
		copied.notNull = copied.notNull || c.notNull && (s.alike || !chance(s.r, 4))
		t.columns = append(t.columns, copied)
	}
	s.target.columns, s.source = target, &tableSource{t}
}

// tableSource is a table that rows are loaded from.
type tableSource struct{ *table }

// change implements source.
func (t *tableSource) change(r *rand.Rand) { t.damage(r) }

// rows implements source. Only the rows of the window are loaded.
func (t *tableSource) rows() []row { return inside(t.table.rows()) }
