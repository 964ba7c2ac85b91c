package differential_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// column is a column of a drawn table.
type column struct {
	name string
	drawnType
	literal func(r *rand.Rand, id int) string // value of a row
	notNull bool
	def     string // literal of the default; "" for none
}

// shape is what a table has besides its columns.
type shape struct {
	key         string         // "id", "at" with the id, "k", "late" for unique keys; "" for none
	clock       clock          // of the time column
	zone        *time.Location // of the dataset
	identity    string         // declaration of the id
	generated   string         // declaration of the column g
	partitioned bool
	nested      bool // partitions have partitions of their own
	unique      bool // u is unique
	check       bool // id is never the forbidden one
	parents     bool // p refers to parents
	children    bool // others refer to it
	alone       bool // SQLite: WITHOUT ROWID
}

// constrained reports whether a constraint besides the keys may refuse rows.
func (h shape) constrained() bool { return h.check || h.unique || h.parents || h.children }

// table is a drawn table. Rows with an id of 10 or more are in the window, the others are
// not.
type table struct {
	*place
	shape
	name    string
	columns []column // besides id and at
}

const firstInside = 10

// forbidden is the id that the condition of a table forbids. No drawn row and no next row has it.
const forbidden = 0

// shown describes the table in a message.
func (t *table) shown() string { return t.Engine + ": " + strings.Join(t.definition(), ";\n\t") }

func (t *table) quoted() string { return t.quote(t.name) }

// definition returns the statements that create the table.
func (t *table) definition() []string {
	id := "integer NOT NULL"
	if t.identity != "" {
		id = t.identity
	}
	parts := []string{"id " + id, "at " + t.times[t.clock] + " NOT NULL"}
	for _, c := range t.columns {
		part := t.quote(c.name) + " " + c.sql
		if c.notNull {
			part = strings.TrimSuffix(part, " null") + " NOT NULL"
		}
		if c.def != "" {
			part += " DEFAULT (" + c.def + ")"
		}
		parts = append(parts, part)
	}
	if t.generated != "" {
		parts = append(parts, "g "+t.generated)
	}
	parts = append(parts, t.constraints()...)
	end := ""
	switch {
	case t.nested && t.Engine == "mysql":
		end = strings.Replace(t.partition, "(at) (", "(at) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (", 1)
	case t.partitioned:
		end = t.partition
	}
	if t.alone {
		end = " WITHOUT ROWID"
	}
	statements := []string{"CREATE TABLE " + t.quoted() + " (" + strings.Join(parts, ", ") + ")" + end}
	if t.partitioned && t.Engine == "postgres" {
		for _, p := range []string{
			"a DEFAULT", "b FOR VALUES FROM ('2026-03-11') TO ('2026-03-12')",
			"c FOR VALUES FROM ('2026-03-10') TO ('2026-03-11')",
		} {
			suffix, bound, _ := strings.Cut(p, " ")
			name := t.quote(t.name + "_" + suffix)
			if t.nested {
				bound += " PARTITION BY HASH (id)"
			}
			statements = append(statements, "CREATE TABLE "+name+" PARTITION OF "+t.quoted()+" "+bound)
			for i := 0; t.nested && i < 2; i++ {
				statements = append(statements, fmt.Sprintf("CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d)",
					t.quote(fmt.Sprint(t.name, "_", suffix, i)), name, i))
			}
		}
	}
	if t.children {
		statements = append(statements,
			"CREATE TABLE "+t.quote(t.name+"_kids")+" (ref integer REFERENCES "+t.quoted()+"(id))")
	}
	return statements
}

// constraints returns the keys and conditions of the table.
func (t *table) constraints() (parts []string) {
	switch {
	case strings.Contains(t.identity, "PRIMARY KEY"):
	case t.key == "id" && t.partitioned:
		parts = append(parts, "PRIMARY KEY (id, at)")
	case t.key == "id":
		parts = append(parts, "PRIMARY KEY (id)")
	case t.key == "at":
		parts = append(parts, "PRIMARY KEY (at, id)")
	case t.key == "k":
		parts = append(parts, "PRIMARY KEY (k)")
	case t.key == "late":
		parts = append(parts, "UNIQUE (id)")
	case strings.Contains(t.identity, "AUTO_INCREMENT"):
		parts = append(parts, "KEY (id)")
	}
	if t.has("u") {
		parts = append(parts, "UNIQUE (u)")
	}
	if t.check {
		parts = append(parts, fmt.Sprintf("CHECK (id <> %d)", forbidden))
	}
	if t.parents {
		parts = append(parts, "FOREIGN KEY (p) REFERENCES parents (id)")
	}
	return parts
}

func (t *table) has(name string) bool {
	return slices.ContainsFunc(t.columns, func(c column) bool { return c.name == name })
}

// create creates the table with n rows in the window and two outside.
func (t *table) create(r *rand.Rand, n int) {
	t.must(t.definition()...)
	rows := []string{t.row(r, 1, -time.Hour), t.row(r, 2, 24*time.Hour)}
	t.insert(append(rows, t.draw(r, n, firstInside)...))
	if t.identity != "" && t.Engine == "postgres" {
		t.must(fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%s', 'id'), max(id)) FROM %s", t.quoted(), t.quoted()))
	}
	if t.children {
		t.must(t.ignore + " INTO " + t.quote(t.name+"_kids") + " SELECT max(id) FROM " + t.quoted())
	}
}

func (t *table) drop() {
	if t.children {
		t.must("DROP TABLE " + t.quote(t.name+"_kids"))
	}
	t.must("DROP TABLE " + t.quoted())
}

// draw draws n rows of the window, with ids from a number on.
func (t *table) draw(r *rand.Rand, n, from int) (rows []string) {
	for _, i := range r.Perm(50)[:n] {
		offset := pick(r, []time.Duration{0, time.Second, 12*time.Hour + 500*time.Millisecond,
			24*time.Hour - time.Microsecond,
			time.Duration(r.IntN(86400)) * time.Second})
		rows = append(rows, t.row(r, from+i, offset))
	}
	return rows
}

// row returns a drawn row as a list of literals. One value of ten is NULL.
func (t *table) row(r *rand.Rand, id int, offset time.Duration) string {
	values := []string{fmt.Sprint(id), "'" + t.at(offset) + "'"}
	for _, c := range t.columns {
		value := c.literal(r, id)
		if chance(r, 10) && !c.notNull {
			value = "NULL"
		}
		values = append(values, value)
	}
	return "(" + strings.Join(values, ", ") + ")"
}

// at spells the time at an offset into the window.
func (t *table) at(offset time.Duration) string {
	start := time.Date(2026, 3, 11, 0, 0, 0, 0, t.zone)
	if offset >= 24*time.Hour {
		start, offset = start.AddDate(0, 0, 1), offset-24*time.Hour
	}
	at := start.Add(offset)
	switch {
	case t.clock == day:
		return at.Format("2006-01-02")
	case t.clock == epoch:
		return fmt.Sprint(at.UnixMilli())
	case t.clock == instant && t.Engine == "postgres":
		return at.UTC().Format("2006-01-02 15:04:05.999999+00")
	case t.clock == instant:
		at = at.UTC()
	}
	return at.Format("2006-01-02 15:04:05.999999")
}

// names returns the quoted names of id, at and the columns.
func (t *table) names() []string {
	names := []string{"id", "at"}
	for _, c := range t.columns {
		names = append(names, t.quote(c.name))
	}
	return names
}

// insert inserts rows. It leaves out those whose key is taken.
func (t *table) insert(rows []string) {
	if len(rows) == 0 {
		return
	}
	overriding := ""
	if t.Engine == "postgres" {
		overriding = " OVERRIDING SYSTEM VALUE"
	}
	t.must(t.ignore + " INTO " + t.quoted() + " (" + strings.Join(t.names(), ", ") + ")" + overriding + " VALUES " +
		strings.Join(rows, ", ") + t.taken)
}

// types returns the types of id, at, the columns, and the generated column if there is one.
func (t *table) all() (names []string, types []drawnType) {
	names = t.names()
	at := drawnType{sql: t.times[t.clock], seen: seenTime}
	if t.clock == instant && !t.byClass {
		at.seen = seenInstant
	}
	if t.clock == epoch {
		at.seen = seenNumber
	}
	types = []drawnType{{sql: "integer", seen: seenNumber}, at}
	for _, c := range t.columns {
		types = append(types, c.drawnType)
	}
	if t.generated != "" {
		names, types = append(names, "g"), append(types, drawnType{sql: "bigint", seen: seenNumber})
	}
	return names, types
}

// rows returns all rows of the table in the order of their ids.
func (t *table) rows() (rows []row) {
	names, types := t.all()
	for i, name := range names {
		names[i] = t.read(name, types[i])
	}
	for _, texts := range t.texts("SELECT " + strings.Join(names, ", ") + " FROM " + t.quoted() + " ORDER BY " +
		t.quoted() + ".id") {
		one := make(row, len(texts))
		for i, text := range texts {
			kind := types[i].seen
			if t.byClass {
				kind = seenStored
			}
			one[i] = decodeSeen(text, kind)
		}
		rows = append(rows, one)
	}
	return rows
}

// counter is the part of a definition that counts rows.
var counter = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// describe returns the definition of the table as the server has it.
func (t *table) describe() string {
	name := t.quoted()
	if t.byClass {
		name = t.name
	}
	var out strings.Builder
	for _, line := range t.texts(strings.ReplaceAll(t.describes, "@", name)) {
		for _, text := range line {
			out.WriteString(counter.ReplaceAllString(*text, "") + "\n")
		}
	}
	return out.String()
}
