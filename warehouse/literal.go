package warehouse

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Literal is a value that a column is compared with, or another column of the row.
type Literal struct {
	Text    string    // of a text; it is bound
	SQL     string    // of a number or boolean, as every engine reads it
	Instant time.Time // of a time
	Wall    time.Time // what a clock of the zone shows at that time, written as UTC
	Column  *Column   // another column of the same kind
	// FromNow says that the time is one by the engine's clock when the statement runs. Instant
	// and Wall are what it was before, for engines that are no [EngineClock].
	FromNow *FromNow
}

// FromNow is the distance of a time from the engine's clock.
type FromNow struct {
	Shift  time.Duration
	Offset time.Duration // of the zone from UTC at that time
}

// EngineClock is a dialect that compares times with its own clock.
type EngineClock interface {
	// Now returns the clock plus n.Shift, as what the expression of [Comparable] for a column
	// of the type is compared with. It reads the clock when the statement reads rows, and not
	// before. With wall it is what a clock of the zone shows. For a date it is the day.
	Now(n FromNow, wall bool, t Type) string
}

// plainDecimal matches the numbers that a literal may be.
var plainDecimal = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$`)

// LiteralFor reads a value that a column is compared with. The column's type decides what
// the text means. A time without a zone is one of the given zone.
func LiteralFor(c *Column, text string, zone *time.Location) (Literal, error) {
	t := c.Type
	switch {
	case t.Family == UUID && !t.Unenforced:
		return Literal{Text: strings.ToLower(text)}, nil
	case t.IsText():
		if strings.ContainsRune(text, 0) {
			return Literal{}, fmt.Errorf("column %s: %q has a NUL character, which not every engine can hold", c.Name, text)
		}
		return Literal{Text: text}, nil
	case t.Family == Boolean, t.Family == Integer && t.Bits == 8 && isBoolean(text):
		return booleanLiteral(c, text)
	case t.IsNumber():
		return numberLiteral(c, text)
	case t.IsTime():
		return timeLiteral(c, text, zone)
	}
	return Literal{}, fmt.Errorf("column %s is %s, which is not compared with values: "+
		"use failed_rows with an expression", c.Name, t.Native)
}

func isBoolean(text string) bool {
	lower := strings.ToLower(text)
	return lower == "true" || lower == "false"
}

func booleanLiteral(c *Column, text string) (Literal, error) {
	switch strings.ToLower(text) {
	case "true", "1", "t", "yes":
		return Literal{SQL: "TRUE"}, nil
	case "false", "0", "f", "no":
		return Literal{SQL: "FALSE"}, nil
	}
	return Literal{}, fmt.Errorf("column %s is %s, and %q is neither true nor false", c.Name, c.Type.Native, text)
}

// longestDecimal is how many digits a number may have. MySQL reads no more.
const longestDecimal = 65

func numberLiteral(c *Column, text string) (Literal, error) {
	plain := strings.ReplaceAll(strings.TrimSpace(text), "_", "")
	if !plainDecimal.MatchString(plain) {
		return Literal{}, fmt.Errorf("column %s is %s, and %q is no number", c.Name, c.Type.Native, text)
	}
	exact, ok := new(big.Rat).SetString(plain)
	if !ok {
		return Literal{}, fmt.Errorf("column %s: %q is no number", c.Name, text)
	}
	if c.Type.Family == FloatType {
		return floatLiteral(c, exact, text)
	}
	digits := exact.FloatString(longestDecimal)
	digits = strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
	back, ok := new(big.Rat).SetString(digits)
	if !ok || back.Cmp(exact) != 0 || len(strings.Trim(digits, "-.")) > longestDecimal {
		return Literal{}, fmt.Errorf("column %s: %q has more than %d digits", c.Name, text, longestDecimal)
	}
	return Literal{SQL: digits}, nil
}

// floatLiteral writes the float that is nearest to a number, as the column would hold it.
func floatLiteral(c *Column, exact *big.Rat, text string) (Literal, error) {
	f, _ := exact.Float64()
	if c.Type.Bits == 32 {
		narrow, _ := exact.Float32()
		f = float64(narrow)
	}
	if math.IsInf(f, 0) {
		return Literal{}, fmt.Errorf("column %s: %q is larger than a %s can be", c.Name, text, c.Type.Native)
	}
	return Literal{SQL: strconv.FormatFloat(f, 'e', -1, 64)}, nil
}

// zonedForms and wallForms are the forms of times in a configuration.
var (
	zonedForms = []string{
		time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04Z07:00", "2006-01-02T15:04Z07:00",
	}
	wallForms = []string{
		time.DateOnly, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999",
		"2006-01-02 15:04", "2006-01-02T15:04",
	}
)

func timeLiteral(c *Column, text string, zone *time.Location) (Literal, error) {
	for _, form := range zonedForms {
		if at, err := time.Parse(form, text); err == nil {
			return onDay(c, LiteralTime(at, zone), text)
		}
	}
	for _, form := range wallForms {
		at, err := time.ParseInLocation(form, text, zone)
		if err != nil {
			continue
		}
		l := Literal{Instant: at, Wall: at}
		if l.Wall, err = time.Parse(form, text); err != nil {
			continue
		}
		return onDay(c, l, text)
	}
	return Literal{}, fmt.Errorf("column %s is %s, and %q is no date or time: want 2026-01-31 or 2026-01-31 12:00:00",
		c.Name, c.Type.Native, text)
}

// onDay refuses a time of day for a column of dates.
func onDay(c *Column, l Literal, text string) (Literal, error) {
	if c.Type.Family == Date && !c.Type.Unenforced && !l.Wall.Equal(l.Wall.Truncate(24*time.Hour)) {
		return l, fmt.Errorf("column %s is %s, and %q has a time of day: write the day alone", c.Name, c.Type.Native, text)
	}
	return l, nil
}

// LiteralColumn returns the value of another column of the same row as an end of a range.
func LiteralColumn(c, other *Column) (Literal, error) {
	zones := c.Type.Family == other.Type.Family && c.Type.Zoned == other.Type.Zoned || c.Type.Unenforced
	if c.Type.IsNumber() && other.Type.IsNumber() || c.Type.IsTime() && other.Type.IsTime() && zones {
		return Literal{Column: other}, nil
	}
	return Literal{}, fmt.Errorf("column %s is %s, and column %s is %s: only numbers are compared with numbers, "+
		"and times with times of the same kind", c.Name, c.Type.Native, other.Name, other.Type.Native)
}
