package warehouse

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// TimeFormat is the form in which a column holds times as texts, or as numbers such as
// 20261129. It consists of literal characters and of fields of a fixed width:
//
//	%Y 2026   %m 11   %d 29   %H 23   %M 59   %S 58   %f a fraction of any length
//
// A fraction is matched and dropped, so times are read to the second.
type TimeFormat struct {
	fields []formatField
}

// formatField is a field (verb is not 0) or a literal.
type formatField struct {
	verb    byte
	literal string
	from    int // position of a field in the text, from 1
}

// fieldWidths are the fields with their widths, from the longest unit to the shortest. A
// fraction has any width.
var fieldWidths = map[byte]int{'Y': 4, 'm': 2, 'd': 2, 'H': 2, 'M': 2, 'S': 2, 'f': 0}

// fieldOrder are the fields from the longest unit to the shortest.
const fieldOrder = "YmdHMSf"

// ParseTimeFormat reads a format. It must have a year, a month and a day.
func ParseTimeFormat(text string) (TimeFormat, error) {
	var f TimeFormat
	seen := ""
	position := 1
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			if !formatLiteral(text[i]) {
				return f, fmt.Errorf("%q cannot stand in a format: "+
					"want fields such as %%Y and plain characters between them", text[i])
			}
			f.fields = append(f.fields, formatField{literal: text[i : i+1]})
			position++
			continue
		}
		i++
		if i == len(text) || strings.IndexByte(fieldOrder, text[i]) < 0 {
			return f, fmt.Errorf("%q: want %%Y, %%m, %%d, %%H, %%M, %%S or %%f", "%"+text[i:min(i+1, len(text))])
		}
		verb := text[i]
		switch {
		case strings.IndexByte(seen, verb) >= 0:
			return f, fmt.Errorf("%%%c stands in it twice", verb)
		case strings.HasSuffix(seen, "f"):
			return f, fmt.Errorf("%%%c stands after the fraction, which has any length", verb)
		}
		seen += string(verb)
		f.fields = append(f.fields, formatField{verb: verb, from: position})
		position += fieldWidths[verb]
	}
	return f, completeFields(seen)
}

// completeFields refuses fields without the longer ones that they need.
func completeFields(seen string) error {
	for i := len(seen) - 1; i >= 0; i-- {
		for _, longer := range fieldOrder[:strings.IndexByte(fieldOrder, seen[i])] {
			if !strings.ContainsRune(seen, longer) {
				return fmt.Errorf("%%%c needs %%%c too", seen[i], longer)
			}
		}
	}
	if !strings.Contains(seen, "d") {
		return fmt.Errorf("want at least a date, such as %%Y-%%m-%%d")
	}
	return nil
}

func formatLiteral(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(" ./:,_+-", c) >= 0
}

// HasHours reports whether the format has a time of day.
func (f TimeFormat) HasHours() bool { return f.has('H') }

func (f TimeFormat) has(verb byte) bool {
	for _, e := range f.fields {
		if e.verb == verb {
			return true
		}
	}
	return false
}

// SortsAsNumber reports whether numbers in this format compare as their times do: it has
// nothing but fields, the longest unit first.
func (f TimeFormat) SortsAsNumber() bool {
	last := -1
	for _, e := range f.fields {
		at := strings.IndexByte(fieldOrder, e.verb)
		if e.verb == 0 || e.verb == 'f' || at < last {
			return false
		}
		last = at
	}
	return true
}

// EndsInUTC reports whether the text behind the fields says that times are in UTC.
func (f TimeFormat) EndsInUTC() bool {
	end := ""
	for _, e := range f.fields {
		if e.verb != 0 {
			end = ""
			continue
		}
		end += e.literal
	}
	end = strings.ToUpper(strings.TrimSpace(end))
	return end == "Z" || strings.HasSuffix(end, "UTC") || strings.HasSuffix(end, "GMT")
}

// Pattern returns a POSIX regular expression that whole values in the format match.
func (f TimeFormat) Pattern() string {
	var b strings.Builder
	for _, e := range f.fields {
		switch {
		case e.verb == 'f':
			b.WriteString("[0-9]+")
		case e.verb != 0:
			fmt.Fprintf(&b, "[0-9]{%d}", fieldWidths[e.verb])
		case strings.Contains(".+", e.literal):
			b.WriteString("[" + e.literal + "]")
		default:
			b.WriteString(e.literal)
		}
	}
	return "^" + b.String() + "$"
}

// Glob returns a pattern of GLOB that values in the format match.
func (f TimeFormat) Glob() string {
	var b strings.Builder
	for _, e := range f.fields {
		switch {
		case e.verb == 'f':
			b.WriteString("[0-9]*")
		case e.verb != 0:
			b.WriteString(strings.Repeat("[0-9]", fieldWidths[e.verb]))
		default:
			b.WriteString(e.literal)
		}
	}
	return b.String()
}

// Parts returns SQL expressions whose concatenation is the time of a text as
// 2006-01-02 15:04:05. part returns the expression for n characters of the text from a
// position, which counts from 1. Fields that the format lacks are zero.
func (f TimeFormat) Parts(part func(from, n int) string) []string {
	var out []string
	for i, between := range []string{"'-'", "'-'", "' '", "':'", "':'", ""} {
		value := "'00'"
		for _, e := range f.fields {
			if e.verb == fieldOrder[i] {
				value = part(e.from, fieldWidths[e.verb])
			}
		}
		out = append(out, value)
		if between != "" {
			out = append(out, between)
		}
	}
	return out
}

// layout is the format in the words of package time, without a fraction.
func (f TimeFormat) layout() string {
	var b strings.Builder
	layouts := map[byte]string{'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05"}
	for _, e := range f.fields {
		b.WriteString(layouts[e.verb] + e.literal)
	}
	return b.String()
}

// Number returns the number that stands for a wall-clock time, written as UTC. The format
// must sort as a number.
func (f TimeFormat) Number(wall time.Time) (int64, error) {
	return strconv.ParseInt(wall.UTC().Format(f.layout()), 10, 64)
}

// FromNumber returns the wall-clock time, written as UTC, that a number stands for.
func (f TimeFormat) FromNumber(n int64) (time.Time, error) {
	return time.Parse(f.layout(), strconv.FormatInt(n, 10))
}
