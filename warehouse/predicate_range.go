package warehouse

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
)

func (p In) write(w *predicateWriter) (string, error) {
	column, err := w.Quote(p.Column.Name)
	if err != nil {
		return "", err
	}
	t := p.Column.Type
	switch {
	case len(p.Values) == 0:
		return whereSet(column, "1 = 0"), nil
	case t.IsText() && p.Compare == IgnoreCase:
		text := w.test.Exact(column, t)
		return w.matchOneOf(text, p.Values)
	case t.IsText() && p.Compare != ByEngine:
		return w.test.Exact(column, t) + w.list(p.Values), nil
	case t.IsText(), t.Family == Boolean:
		return column + w.list(p.Values), nil
	case t.IsTime():
		return w.timeIn(column, p)
	}
	if v, ok := w.Dialect.(ValueTimes); ok {
		return whereSet(column, "("+v.IsNumber(column)+" AND "+column+w.list(p.Values)+")"), nil
	}
	return column + w.list(p.Values), nil
}

// list writes the end of a condition that a value is one of several.
func (w *predicateWriter) list(values []Literal) string {
	out := make([]string, len(values))
	for i, v := range values {
		if out[i] = v.SQL; v.SQL == "" {
			out[i] = w.bind(v.Text)
		}
	}
	return " IN (" + strings.Join(out, ", ") + ")"
}

// matchOneOf writes the condition that a text is one of several, whatever their case. A
// pattern says the same everywhere: engines differ in what lower() does.
func (w *predicateWriter) matchOneOf(text string, values []Literal) (string, error) {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = regexp.QuoteMeta(v.Text)
	}
	pattern, err := syntax.Parse(`(?i)\A(?:`+strings.Join(words, "|")+`)\z`, syntax.Perl)
	if err != nil {
		return "", err
	}
	param := w.bind(nil)
	condition, arg, err := w.test.Match(text, pattern, param)
	(*w.args)[len(*w.args)-1] = arg
	return condition, err
}

func (w *predicateWriter) timeIn(column string, p In) (string, error) {
	var either []string
	for i := range p.Values {
		one, err := w.timeWithin(column, p.Column.Type, &p.Values[i], &p.Values[i], [2]string{">=", "<="})
		if err != nil {
			return "", err
		}
		either = append(either, one)
	}
	return "(" + strings.Join(either, " OR ") + ")", nil
}

func (p Within) write(w *predicateWriter) (string, error) {
	column, err := w.Quote(p.Column.Name)
	if err != nil {
		return "", err
	}
	ops := [2]string{">=", "<="}
	if p.Exclusive {
		ops = [2]string{">", "<"}
	}
	switch t := p.Column.Type; {
	case t.IsTime():
		return w.timeWithin(column, t, p.Low, p.High, ops)
	case !t.IsNumber():
		return "", fmt.Errorf("column %s is %s, and a range is for numbers, dates and timestamps", p.Column.Name, t.Native)
	}
	var all []string
	v, byValue := w.Dialect.(ValueTimes)
	if byValue {
		all = append(all, v.IsNumber(column))
	}
	for i, end := range []*Literal{p.Low, p.High} {
		if end == nil {
			continue
		}
		than := end.SQL
		if end.Column != nil {
			if than, err = w.Quote(end.Column.Name); err != nil {
				return "", err
			}
			if is := w.test.IsNaN(than, end.Column.Type); is != "" {
				all = append(all, "NOT ("+is+")")
			}
			if byValue {
				than = "CASE WHEN " + v.IsNumber(than) + " THEN " + than + " END"
			}
		}
		all = append(all, column+" "+ops[i]+" "+than)
	}
	if is := w.test.IsNaN(column, p.Column.Type); is != "" {
		all = append(all, "NOT ("+is+")")
	}
	if len(all) == 0 {
		return whereSet(column, "1 = 1"), nil
	}
	condition := strings.Join(all, " AND ")
	if byValue {
		return whereSet(column, "("+condition+")"), nil
	}
	return "(" + condition + ")", nil
}

// timeWithin writes the condition that a time lies between two ends.
func (w *predicateWriter) timeWithin(column string, t Type, low, high *Literal, ops [2]string) (string, error) {
	if low == nil && high == nil {
		return whereSet(column, "1 = 1"), nil
	}
	v, byValue := w.Dialect.(ValueTimes)
	if !byValue {
		all, err := w.timeEnds(column, t, []*Literal{low, high}, ops, t.Family == Date || !t.Zoned)
		return "(" + all + ")", err
	}
	walls, err := w.timeEnds(column, t, []*Literal{low, high}, ops, true)
	if err != nil {
		return "", err
	}
	instants, err := w.timeEnds(column, t, []*Literal{low, high}, ops, false)
	if err != nil {
		return "", err
	}
	return whereSet(column, fmt.Sprintf("CASE WHEN %s IS NULL THEN 1 = 0 WHEN %s THEN %s ELSE %s END",
		w.Epoch(column), v.WithoutZone(column), walls, instants)), nil
}

// timeEnds compares a time with the ends of a range: what a clock shows, or instants.
func (w *predicateWriter) timeEnds(column string, t Type, ends []*Literal, ops [2]string, wall bool) (string, error) {
	var all []string
	clock, hasClock := w.Dialect.(EngineClock)
	for i, end := range ends {
		switch {
		case end == nil:
		case end.Column != nil:
			other, err := w.Quote(end.Column.Name)
			if err != nil {
				return "", err
			}
			if _, byValue := w.Dialect.(ValueTimes); byValue {
				all = append(all, w.Epoch(column)+" "+ops[i]+" "+w.Epoch(other))
				continue
			}
			all = append(all, column+" "+ops[i]+" "+other)
		default:
			at := end.Instant
			if wall {
				at = end.Wall
			}
			expr, arg := Comparable(w.Dialect, column, at)
			if end.FromNow != nil && hasClock {
				all = append(all, expr+" "+ops[i]+" "+clock.Now(*end.FromNow, wall, t))
				continue
			}
			all = append(all, expr+" "+ops[i]+" "+w.bind(arg))
		}
	}
	return strings.Join(all, " AND "), nil
}

// IsText reports whether values of the type are compared as texts.
func (t Type) IsText() bool {
	switch t.Family {
	case Text, FixedText, Enum, UUID:
		return true
	}
	return false
}

// IsNumber reports whether values of the type are numbers.
func (t Type) IsNumber() bool {
	switch t.Family {
	case Integer, Decimal, FloatType:
		return true
	}
	return false
}

// IsTime reports whether values of the type are dates or timestamps.
func (t Type) IsTime() bool { return t.Family == Date || t.Family == Timestamp }

// ReadsClock reports whether a condition compares a time with the engine's clock, so that its
// answer changes while the table does not.
func ReadsClock(p Predicate) (reads bool) {
	walk(p, func(p Predicate) {
		if within, is := p.(Within); is {
			for _, end := range []*Literal{within.Low, within.High} {
				reads = reads || end != nil && end.FromNow != nil
			}
		}
	})
	return reads
}

// LiteralTime returns the literal of an instant. A zone says what a clock shows then.
func LiteralTime(at time.Time, zone *time.Location) Literal {
	_, offset := at.In(zone).Zone()
	return Literal{Instant: at, Wall: at.UTC().Add(time.Duration(offset) * time.Second)}
}
