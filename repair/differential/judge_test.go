package differential_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// judge carries out an attempt, and returns how it broke the law; "" if it did not.
func (s *scene) judge(t *testing.T, a *attempt) string {
	before, want, definition := s.target.rows(), s.source.rows(), s.target.describe()
	expected := s.expect(before, want, a)
	check := func() (changed bool, wrong string) {
		now := s.target.rows()
		difference := compareRows(before, now)
		if difference == "" {
			return false, ""
		}
		if wrong := compareRows(expected, now); wrong != "" {
			return true, fmt.Sprintf("the table is neither as it was (%s) nor as the source is (%s)", difference, wrong)
		}
		return true, ""
	}
	undone, wrong := s.carryOut(t, a, check)
	if wrong != "" {
		return wrong
	}
	changed, wrong := check()
	same := compareRows(expected, before) == ""
	switch {
	case wrong != "":
	case a.err != nil && changed:
		wrong = fmt.Sprintf("it was refused, and the table has changed: %v", a.err)
	case a.err != nil:
		wrong = s.judgeRefusal(a)
	case undone && changed:
		wrong = "it was taken back, and the table is not what it was"
	case !undone && !changed && !same:
		wrong = "it was applied, and nothing has changed: " + compareRows(expected, s.target.rows())
	}
	if now := s.target.describe(); wrong == "" && now != definition {
		wrong = "the definition of the table has changed to\n" + now + "\nfrom\n" + definition
	}
	if wrong == "" && a.err == nil {
		wrong = s.checkNumbers()
	}
	return wrong
}

// expect returns the rows of the table after a reload that is applied.
func (s *scene) expect(before, source []row, a *attempt) (rows []row) {
	rows = outside(before)
	kept := map[string]row{}
	for _, one := range inside(before) {
		kept[one[0].text] = one
	}
	for _, from := range source {
		one := slices.Clone(from)
		for i, c := range s.target.columns {
			if a.Columns == nil || slices.Contains(a.Columns, c.name) {
				continue
			}
			one[i+2] = s.unset(c)
			old, found := kept[one[0].text]
			if found && (!s.target.partitioned || same(one[1], old[1])) { // there the time is part of the key
				one[i+2] = old[i+2]
			}
		}
		if s.target.generated != "" {
			one = append(one, seenValue{seenNumber, s.double(one[0].text)})
		}
		rows = append(rows, one)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return number(a[0].text) - number(b[0].text) })
	return rows
}

func (s *scene) double(id string) string { return fmt.Sprint(2 * number(id)) }

func number(text string) (n int) {
	if _, err := fmt.Sscan(text, &n); err != nil {
		panic(err)
	}
	return n
}

// unset returns what a column holds in a new row that does not name it.
func (s *scene) unset(c column) seenValue {
	if c.def == "" {
		return seenValue{kind: seenNull}
	}
	t := s.target
	kind := c.seen
	if t.byClass {
		kind = seenStored
	}
	probe := "probe_" + fmt.Sprint(s.seed)
	t.must("CREATE TABLE "+t.quote(probe)+" (id integer, v "+c.sql+" DEFAULT ("+c.def+"))", "INSERT INTO "+
		t.quote(probe)+" (id) VALUES (1)")
	defer t.must("DROP TABLE " + t.quote(probe))
	return decodeSeen(t.texts("SELECT " + t.read("v", c.drawnType) + " FROM " + t.quote(probe))[0][0], kind)
}

// checkNumbers inserts a row without an id where the table numbers its rows, and returns what
// is wrong with the number.
func (s *scene) checkNumbers() string {
	t := s.target
	if t.identity == "" || t.unique {
		return ""
	}
	rows := t.rows()
	names, values := []string{"at"}, []string{"'" + t.at(-2e9) + "'"}
	for _, c := range t.columns {
		names, values = append(names, t.quote(c.name)), append(values, c.literal(s.r, 99))
	}
	if err := t.tried("INSERT INTO " + t.quoted() + " (" + strings.Join(names, ", ") + ") VALUES (" +
		strings.Join(values, ", ") + ")"); err != nil {
		return fmt.Sprintf("the next row got no number: %v", err)
	}
	taken := map[string]bool{}
	for _, one := range rows {
		taken[one[0].text] = true
	}
	for _, one := range t.rows() {
		if !taken[one[0].text] {
			t.must("DELETE FROM " + t.quoted() + " WHERE id = " + one[0].text)
			return ""
		}
	}
	return "the next row got a number that is taken"
}

// judgeRefusal returns what is wrong with a refusal: that it is none, does not say why, or
// comes where nothing can be lost.
func (s *scene) judgeRefusal(a *attempt) string {
	var refused *repair.RefusedError
	t := s.target
	plain := s.alike && t.key != "" && !t.constrained() && a.Method != "swap" && a.Columns == nil
	switch {
	case plain && !a.killed && !hard.MatchString(a.err.Error()):
		return fmt.Sprintf("tables of the same types: %v", a.err)
	case !errors.As(a.err, &refused) && !t.constrained() && !a.process:
		return fmt.Sprintf("a refusal for good says that another try may help: %T %v", a.err, a.err)
	case !reason.MatchString(a.err.Error()):
		return fmt.Sprintf("the refusal does not say which column or value: %v", a.err)
	}
	return ""
}

// reason is what a refusal says: the column, the constraint, or what the server says of a
// value. hard is what tables of the same types are refused for.
var (
	reason = regexp.MustCompile(`column .?[ckpu]\b|c\d|bad_statement \(\w+\)|conflict|unique key|of the key|` +
		`outside of the window|more than once|constraint|` +
		`without a key|partition|automatic numbers|row [\d]+:|UTF-8|refer`)
	hard = regexp.MustCompile(`more than once|outside of the window`)
)

// plainReason is the reason of a refusal without what differs each time.
func plainReason(err error) string {
	if kind := warehouse.KindOf(err); kind != "" {
		return string(kind)
	}
	text := err.Error()
	if cut := strings.LastIndex(text, ": "); strings.Contains(text, "column ") && cut > 0 {
		text = text[:cut]
	}
	return varying.ReplaceAllString(text, "…")
}

var varying = regexp.MustCompile(`"[^"]*"+|-?\d[\d.e+-]*|/\S+|\b[st]\d+\S*`)
