package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// typeDrift returns the kind of change from one type to another: widened if every old
// value fits the new type, narrowed if every new value fits the old one, else changed;
// "" if they are the same. A float never holds all integers or decimals, because it
// loses digits above 2^53.
func typeDrift(b, a warehouse.Type, across bool) sentinel.DriftKind {
	switch {
	case across:
		b, a = bothHold(canonical(b), canonical(a))
	case sameType(b.Native, a.Native) && slices.Equal(b.Values, a.Values):
		return ""
	}
	up, down := fits(b, a), fits(a, b)
	switch {
	case up && down:
		if across || equalNative(b, a) {
			return ""
		}
		return sentinel.TypeChanged
	case up:
		return sentinel.TypeWidened
	case down:
		return sentinel.TypeNarrowed
	}
	return sentinel.TypeChanged
}

// sameType reports whether two names of types are the same. Snapshots of older versions
// have names with their schema.
func sameType(before, after string) bool {
	return before == after || withoutSchema(before) == after || before == withoutSchema(after)
}

func withoutSchema(native string) string {
	if i := strings.IndexAny(native, `.("'`); i > 0 && native[i] == '.' {
		return native[i+1:]
	}
	return native
}

// equalNative reports whether two types of equal canonical form are the same, although
// their native names differ: engines have several names for one type.
func equalNative(b, a warehouse.Type) bool {
	if b.Native == a.Native {
		return true
	}
	switch b.Family {
	case warehouse.JSON, warehouse.Other, warehouse.Enum:
		return false
	}
	return b.Family == a.Family && b.Zerofill == a.Zerofill
}

// canonical removes differences between engines that have no meaning.
func canonical(t warehouse.Type) warehouse.Type {
	switch {
	case t.Native == "tinyint(1)":
		return warehouse.Type{Family: warehouse.Boolean, Native: "boolean"} // how MySQL spells BOOLEAN
	case t.Family == warehouse.FixedText:
		t.Family = warehouse.Text
	case t.Family == warehouse.Text && t.Length >= 65535:
		t.Length = 0
	case t.Family == warehouse.Binary:
		t.Padded = false
		if t.Length >= 65535 {
			t.Length = 0
		}
	case t.Family == warehouse.Timestamp || t.Family == warehouse.Time:
		t.Precision = 0
	case t.Family == warehouse.Integer && t.Bits == 24:
		t.Bits = 32
	case t.Family == warehouse.Other:
		t.Native = strings.ToLower(t.Native)
		return t
	}
	t.Native = string(t.Family)
	return t
}

// bothHold removes what only one of two types of different engines has. An engine that
// takes values of any size says nothing about size, zone and precision.
func bothHold(b, a warehouse.Type) (warehouse.Type, warehouse.Type) {
	if b.Family != a.Family || !b.Unenforced && !a.Unenforced {
		return b, a
	}
	b.Bits, b.Unsigned, b.Zoned = a.Bits, a.Unsigned, a.Zoned
	if b.Length == 0 || a.Length == 0 {
		b.Length, a.Length = 0, 0
	}
	if b.Precision == 0 || a.Precision == 0 {
		b.Precision, b.Scale, a.Precision, a.Scale = 0, 0, 0, 0
	}
	return b, a
}

// fits reports whether every value of b is a value of a, with the same meaning.
func fits(b, a warehouse.Type) bool {
	if b.Family != a.Family {
		return fitsFamily(b, a)
	}
	switch a.Family {
	case warehouse.Integer:
		if b.Unsigned == a.Unsigned {
			return b.Bits <= a.Bits
		}
		return b.Unsigned && b.Bits < a.Bits // unsigned into a wider signed one
	case warehouse.FloatType:
		return b.Bits <= a.Bits && fitsSign(b, a) && fitsDecimal(b, a)
	case warehouse.Decimal:
		return fitsSign(b, a) && fitsDecimal(b, a)
	case warehouse.Text, warehouse.FixedText:
		return fitsLength(b, a)
	case warehouse.Binary:
		// Values are filled up to the length: other lengths are other values.
		return b.Padded == a.Padded && (fitsLength(b, a) && !a.Padded || b.Length == a.Length)
	case warehouse.Timestamp, warehouse.Time:
		return b.Zoned == a.Zoned && b.Precision <= a.Precision
	case warehouse.Interval:
		return fitsInterval(b, a)
	case warehouse.Enum:
		return fitsValues(b, a)
	case warehouse.Array:
		return b.Element != nil && a.Element != nil && fits(*b.Element, *a.Element)
	case warehouse.JSON, warehouse.Other:
		return b.Native == a.Native || fitsOther(b, a)
	}
	return true
}

func fitsFamily(b, a warehouse.Type) bool {
	switch {
	case b.Family == warehouse.Integer && a.Family == warehouse.Decimal:
		digits := map[int]int{8: 3, 16: 5, 24: 8, 32: 10, 64: 19}[b.Bits]
		if b.Bits == 64 && b.Unsigned {
			digits = 20
		}
		return fitsSign(b, a) && (a.Precision == 0 || a.Precision-a.Scale >= digits)
	case b.Family == warehouse.FixedText && a.Family == warehouse.Text:
		return a.Length == 0 || b.Length <= a.Length
	}
	return false
}

func fitsSign(b, a warehouse.Type) bool { return b.Unsigned || !a.Unsigned }

func fitsLength(b, a warehouse.Type) bool {
	return a.Length == 0 || b.Length != 0 && b.Length <= a.Length
}

func fitsDecimal(b, a warehouse.Type) bool {
	if a.Precision == 0 {
		return true // any number of digits
	}
	return b.Precision != 0 && b.Scale <= a.Scale && b.Precision-b.Scale <= a.Precision-a.Scale
}

func fitsValues(b, a warehouse.Type) bool {
	return len(b.Values) <= len(a.Values) && slices.Equal(b.Values, a.Values[:len(b.Values)])
}

// fitsInterval compares fields and digits of seconds. Without digits there are six.
func fitsInterval(b, a warehouse.Type) bool {
	fields := func(t warehouse.Type) string {
		name, _, suffix := warehouse.SplitType(t.Native)
		return strings.TrimSpace(name + " " + suffix)
	}
	digits := func(t warehouse.Type) int { return cmp.Or(t.Precision, 7) }
	return (fields(b) == fields(a) || fields(a) == "interval") && digits(b) <= digits(a)
}

// fitsOther knows the types that have no family of their own and hold the values of
// another one.
func fitsOther(b, a warehouse.Type) bool {
	from, _, _ := strings.Cut(b.Native, "(")
	to, _, _ := strings.Cut(a.Native, "(")
	switch {
	case len(b.Values) > 0 && len(a.Values) > 0:
		return from == to && fitsValues(b, a)
	case from == "cidr" && to == "inet":
		return true
	}
	// A length grows where the dialect says what it is.
	sized := func(t warehouse.Type) bool { return t.Length > 0 || !strings.Contains(t.Native, "(") }
	return from == to && sized(b) && sized(a) && fitsLength(b, a)
}

// typeText formats a type for messages.
func typeText(t warehouse.Type, across bool) string {
	if across && t.Native != "" {
		c := canonical(t)
		if c.Family != warehouse.Other {
			return fmt.Sprintf("%s (%s)", t.Native, canonicalText(c))
		}
	}
	if t.Family == warehouse.Enum && len(t.Values) > 0 {
		return fmt.Sprintf("%s %q", t.Native, t.Values)
	}
	return t.Native
}

func canonicalText(t warehouse.Type) string {
	switch t.Family {
	case warehouse.Integer:
		if t.Unsigned {
			return fmt.Sprintf("unsigned integer, %d bits", t.Bits)
		}
		return fmt.Sprintf("integer, %d bits", t.Bits)
	case warehouse.Decimal:
		if t.Precision > 0 {
			return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
		}
	case warehouse.Text:
		if t.Length > 0 {
			return fmt.Sprintf("text up to %d", t.Length)
		}
	case warehouse.Timestamp:
		if t.Zoned {
			return "timestamp with time zone"
		}
		return "timestamp without time zone"
	}
	return string(t.Family)
}
