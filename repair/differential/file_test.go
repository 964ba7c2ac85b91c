package differential_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// fileSource is a file that rows are loaded from.
type fileSource struct {
	path    string
	format  fileFormat
	columns []fileColumn
	current []fileRow
	clock   clock
	from    *table // the table that the file is for
}

// fileColumn is a column of a file.
type fileColumn struct {
	name    string
	values  []fileValue
	of      func(r *rand.Rand, id int) fileValue // of the id; nil draws one of values
	parquet parquetType
	notNull bool
	empty   bool // a NULL is an empty text in the table
}

// fileValue is a value as it is written and as it is to be read.
type fileValue struct {
	seen    seenValue
	written any // a text of CSV, the raw JSON of JSONL, or a value of Parquet
}

type fileRow struct {
	id     int
	offset time.Duration // into the window
	values []fileValue
}

// fileFormat is how a kind of files is drawn and written.
type fileFormat interface {
	column(r *rand.Rand, c column) fileColumn
	write(f *fileSource) error
}

var fileFormats = map[string]fileFormat{".csv": csvFormat{}, ".jsonl": jsonFormat{}, ".parquet": parquetFormat{}}

// newFile returns a file for the target.
func (s *scene) newFile(ext string) *fileSource {
	f := &fileSource{path: filepath.Join(s.dir, fmt.Sprintf("f%d%s", s.seed, ext)), format: fileFormats[ext],
		clock: s.target.clock, from: s.target}
	for _, c := range s.target.columns {
		one := f.format.column(s.r, c)
		one.name, one.notNull = c.name, c.notNull && !chance(s.r, 4)
		one.empty = c.notNull && ext == ".csv"
		one.values = fitting(s.r, one.values)
		f.columns = append(f.columns, one)
	}
	return f
}

// fitting draws which values of a list are used. One may fit where all do not.
func fitting(r *rand.Rand, values []fileValue) []fileValue {
	if len(values) == 0 {
		return values
	}
	at := r.IntN(len(values))
	if chance(r, 2) {
		at = 0
	}
	return values[at : at+1]
}

func (f *fileSource) create(r *rand.Rand, n int) {
	f.current = nil
	for _, i := range r.Perm(50)[:n] {
		f.current = append(f.current, f.draw(r, firstInside+i))
	}
	f.save()
}

func (f *fileSource) draw(r *rand.Rand, id int) fileRow {
	out := fileRow{id: id, offset: time.Duration(r.IntN(86400)) * time.Second}
	for _, c := range f.columns {
		v := fileValue{seen: seenValue{kind: seenNull}}
		if c.of != nil {
			v = c.of(r, id)
		} else if c.notNull || !chance(r, 10) {
			v = pick(r, c.values)
		}
		out.values = append(out.values, v)
	}
	return out
}

// change draws some rows anew, leaves some out, and adds some.
func (f *fileSource) change(r *rand.Rand) {
	f.current = slices.DeleteFunc(f.current, func(fileRow) bool { return chance(r, 6) })
	for i := range f.current {
		if chance(r, 3) {
			f.current[i] = f.draw(r, f.current[i].id)
		}
	}
	for range r.IntN(3) {
		id := firstInside + r.IntN(80)
		if !slices.ContainsFunc(f.current, func(o fileRow) bool { return o.id == id }) {
			f.current = append(f.current, f.draw(r, id))
		}
	}
	f.save()
}

// save writes the file, in any order of the rows.
func (f *fileSource) save() {
	if err := f.format.write(f); err != nil {
		panic(err)
	}
}

func (f *fileSource) rows() (out []row) {
	for _, one := range slices.SortedFunc(slices.Values(f.current), func(a, b fileRow) int { return a.id - b.id }) {
		seen := row{{seenNumber, fmt.Sprint(one.id)}, {seenMoment, f.at(one)}}
		if f.clock == epoch {
			seen[1].kind = seenNumber
		}
		for i, v := range one.values {
			if v.seen.kind == seenNull && f.columns[i].empty {
				v.seen = textValue("")
			}
			seen = append(seen, v.seen)
		}
		out = append(out, seen)
	}
	return out
}

// at spells the time of a row.
func (f *fileSource) at(one fileRow) string {
	at := time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC).Add(one.offset)
	switch f.clock {
	case day:
		return at.Format(time.DateOnly)
	case epoch:
		return fmt.Sprint(at.UnixMilli())
	}
	return at.Format(time.RFC3339)
}

func (f *fileSource) drop() {
	if err := os.Remove(f.path); err != nil {
		panic(err)
	}
}

func (f *fileSource) shown() string {
	var out []string
	for _, one := range f.rows() {
		out = append(out, fmt.Sprint(one))
	}
	return filepath.Base(f.path) + ": " + strings.Join(out, ";\n\t")
}

// fileTexts are texts of the values of a type, by what they mean. The first one fits most
// types.
var fileTexts = map[string][]string{
	"number": {"1", "0", "-7", "1.50", "1e3", "+5", "007", "9007199254740993", "12345678901234567890.5", "0x10",
		"1_000", " 5",
		"NaN", "1.", "-0", ".5", "1e-30", "255", "-128", "2026"},
	"float": {"2.5", "0.1", "1e300", "5e-324", "-0", "NaN", "Infinity", "0.30000000000000004", "1e400",
		"3.4028235e38", "0x1p-2"},
	"boolean": {"true", "false", "t", "f", "1", "0", "TRUE", "yes", "2"},
	"date":    {"2026-02-28", "0001-01-01", "9999-12-31", "2026-02-30", "2026-2-3", "2026-03-11T00:00:00Z"},
	"time":    {"01:02:03", "23:59:59.999999", "24:00:00", "01:02", "23:59:59.9999999", "00:00:00"},
	"timestamp": {"2026-03-11 01:02:03", "2026-03-11T01:02:03.456", "2026-03-11T01:02:03Z", "2026-03-11T02:00:00+02:00",
		"2026-03-11",
		"2026-03-11 01:02:03.123456", "2026-03-11 01:02:03.1234567", "infinity", "9999-12-31 23:59:59"},
	"timestamptz": {"2026-03-11T01:02:03Z", "2026-03-11T02:00:00+02:00", "2026-10-25T02:30:00.000001-08:30",
		"2026-03-11 01:02:03"},
	"text": {"a", "a,b", "\"q\" 'x'", "line\nbreak", "windows\r\nbreak", "\rx", "  a  ", "NULL", `\N`, "ü€😀",
		"\ufeffbom", "1", "true",
		strings.Repeat("x", 70000), "tab\t", "\x01", "e\u0301", "ok", "{}", `\.`},
	"json": {`{"a": 1}`, `{"b":1,"a":[1.100,null]}`, `[]`, `"x"`, `5`, `{"a":1,"a":2}`, `nul`, `12345678901234567890`},
	"uuid": {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
		"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"},
	"inet": {"10.0.0.1", "::1"},
}

// nativeTexts are texts of types that one engine alone has.
var nativeTexts = map[string][]string{
	"interval": {"1 day", "1 mon -3 days 04:05:06.789", "1d"}, "interval day to second(3)": {"1 day"}, "year": {"2026"},
	"set('x','y')": {"x", "x,y", "y,x"}, "int4range": {"[1,5)", "[1,4]"}, "tstzrange": {"empty"}, "xml": {"<a>1</a>"},
	"text[]": {`{a,"b,c"}`, `{NULL,"NULL"}`}, "integer[]": {"{1,NULL}", "{}"}, "double precision[]": {"{0.1}"},
	"pair": {`(1,"a,b")`}, "cidr": {"10.0.0.0/8"}, "macaddr": {"08:00:2b:01:02:03"}, "bit(3)": {"101"},
	"varbit(9)": {"101"},
	"point":     {"(1,2)"}, "tsvector": {"'a':1"}, "jsonpath": {`$."a"[*]`}, "money": {"$1.50"},
	"nummultirange": {"{[1.50,2)}"},
	"timestamptz[]": {"{}"}, "bytea[]": {`{"\\x00"}`},
}

// textsFor returns texts for a column, with how they are to be read.
func textsFor(r *rand.Rand, c column) (values []fileValue) {
	meant := c.meant()
	kind := seenText
	if strings.HasPrefix(meant, "time") || meant == "date" {
		kind = seenMoment
	}
	texts := fileTexts[meant]
	if c.seen == seenNative && meant != "inet" {
		texts = nativeTexts[c.sql]
	}
	if len(texts) == 0 || chance(r, 12) {
		texts = fileTexts[pick(r, []string{"text", "number", "boolean", "timestamp"})]
	}
	if strings.HasPrefix(c.sql, "enum") || c.sql == "mood" {
		texts = []string{"ok", "a", "sad", "OK", "a,b 'c'", "c'd"}
	}
	for _, text := range texts {
		v := fileValue{seen: textValue(text), written: text}
		if kind == seenMoment {
			v.seen = seenValue{seenMoment, text}
		}
		values = append(values, v)
	}
	return values
}

// keyTexts returns texts of a column whose values belong to the id.
func keyTexts(c column) func(r *rand.Rand, id int) fileValue {
	return func(r *rand.Rand, id int) fileValue {
		text := c.literal(r, id)
		if c.seen == seenText || c.seen == seenStored || c.seen == seenTime {
			text = strings.ReplaceAll(strings.Trim(text, "'"), `\\`, `\`)
		}
		kind := fileValue{seen: textValue(text), written: text}
		if c.meant() == "timestamp" || c.meant() == "date" {
			kind.seen = seenValue{seenMoment, text}
		}
		return kind
	}
}

// ofID says whether the values of a column belong to the id.
func ofID(c column) bool { return c.name == "k" || c.name == "p" || c.name == "u" }

type csvFormat struct{}

func (csvFormat) column(r *rand.Rand, c column) fileColumn {
	if ofID(c) {
		return fileColumn{of: keyTexts(c)}
	}
	return fileColumn{values: textsFor(r, c)}
}

func (csvFormat) write(f *fileSource) error {
	out, err := os.Create(f.path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(out)
	header := []string{"id", "at"}
	for _, c := range f.columns {
		header = append(header, c.name)
	}
	lines := [][]string{header}
	for _, one := range f.current {
		line := []string{fmt.Sprint(one.id), f.at(one)}
		for _, v := range one.values {
			text, _ := v.written.(string)
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	if err := w.WriteAll(lines); err != nil {
		return err
	}
	return out.Close()
}

type jsonFormat struct{}

// rawJSON are values that only JSON spells so. A number in it is no text.
var rawJSON = []fileValue{
	{textValue("1"), "1"}, {textValue("1.50"), "1.50"}, {textValue("true"), "true"}, {textValue("é/"), `"\u00e9\/"`},
	{textValue("😀"), `"\ud83d\ude00"`}, {seenValue{kind: seenNowhere}, `"\ud800"`}, {seenValue{kind: seenNowhere},
		"\"a\xff\""},
	{textValue(`{"a":[1]}`), `{"a":[1]}`}, {textValue("9007199254740993"), "9007199254740993"}, {textValue("1E2"), "1E2"},
}

func (jsonFormat) column(r *rand.Rand, c column) fileColumn {
	quoted := func(v fileValue) fileValue {
		text, err := json.Marshal(v.written)
		if err != nil {
			panic(err)
		}
		v.written = string(text)
		return v
	}
	if ofID(c) {
		of := keyTexts(c)
		return fileColumn{of: func(r *rand.Rand, id int) fileValue { return quoted(of(r, id)) }}
	}
	values := textsFor(r, c)
	for i, v := range values {
		text, _ := v.written.(string)
		bare := json.Valid([]byte(text)) && c.meant() != "text" && chance(r, 2)
		if !bare || text == "null" || text != strings.TrimSpace(text) { // JSON drops spaces around a number
			values[i] = quoted(v)
		}
		if text, _ := values[i].written.(string); c.meant() == "json" && strings.HasPrefix(text, `"`) {
			// a string in JSON is the text of a JSON value
			values[i] = quoted(v)
		}
	}
	if chance(r, 8) {
		values = rawJSON
	}
	return fileColumn{values: values}
}

func (jsonFormat) write(f *fileSource) error {
	var out strings.Builder
	for _, one := range f.current {
		fmt.Fprintf(&out, `{"id": %d, "at": %q`, one.id, f.at(one))
		for i, v := range one.values {
			name, err := json.Marshal(f.columns[i].name)
			if err != nil {
				return err
			}
			raw, some := v.written.(string)
			if !some {
				raw = "null"
			}
			fmt.Fprintf(&out, ", %s: %s", name, raw)
		}
		out.WriteString("}\n")
	}
	return os.WriteFile(f.path, []byte(out.String()), 0o600)
}
