package checks

import (
	"fmt"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// typeDrift returns the kind of change from one type to another: widened if every old
// value fits the new type, narrowed if every new value fits the old one, else changed;
// "" if they are the same. A float never holds all integers or decimals, because it
// loses digits above 2^53.
func typeDrift(b, a warehouse.Type, across bool) sentinel.DriftKind {
	if across {
		b, a = canonical(b), canonical(a)
	} else if b.Native == a.Native && slices.Equal(b.Values, a.Values) {
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

// equalNative reports whether two types of equal canonical form have equal native names,
// apart from what the canonical form already holds.
func equalNative(b, a warehouse.Type) bool {
	return b.Native == a.Native || b.Family == a.Family && b.Family != warehouse.JSON && b.Family != warehouse.Other
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
	case t.Family == warehouse.Timestamp || t.Family == warehouse.Time:
		t.Precision = 0
	case t.Family == warehouse.Integer && t.Bits == 24:
		t.Bits = 32
	}
	t.Native = string(t.Family)
	return t
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
		return b.Bits <= a.Bits
	case warehouse.Decimal:
		return fitsDecimal(b, a)
	case warehouse.Text, warehouse.FixedText, warehouse.Binary:
		return a.Length == 0 || b.Length != 0 && b.Length <= a.Length
	case warehouse.Timestamp, warehouse.Time:
		return b.Zoned == a.Zoned && b.Precision <= a.Precision
	case warehouse.Enum:
		return len(b.Values) <= len(a.Values) && slices.Equal(b.Values, a.Values[:len(b.Values)])
	case warehouse.Array:
		return b.Element != nil && a.Element != nil && fits(*b.Element, *a.Element)
	case warehouse.JSON, warehouse.Other:
		return b.Native == a.Native
	}
	return true
}

func fitsFamily(b, a warehouse.Type) bool {
	switch {
	case b.Family == warehouse.Integer && a.Family == warehouse.Decimal:
		digits := map[int]int{8: 3, 16: 5, 24: 8, 32: 10, 64: 20}[b.Bits]
		return a.Precision == 0 || a.Precision-a.Scale >= digits
	case b.Family == warehouse.FixedText && a.Family == warehouse.Text:
		return a.Length == 0 || b.Length <= a.Length
	}
	return false
}

func fitsDecimal(b, a warehouse.Type) bool {
	if a.Precision == 0 {
		return true // any number of digits
	}
	return b.Precision != 0 && b.Scale <= a.Scale && b.Precision-b.Scale <= a.Precision-a.Scale
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
