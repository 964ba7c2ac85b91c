package rowvalues

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Side is a column of the table that values come from, or of the one that they are carried to.
type Side struct {
	Engine string // name of the dialect; the format of a file
	UTC    bool   // times without a zone are in UTC, which is the time zone of the dataset
	warehouse.Type
}

// FileText is the family of the columns of a CSV or JSONL file: each value is a text in
// the form of the table's type.
const FileText warehouse.Family = "file_text"

// ParquetFile is the engine of the columns of a Parquet file.
const ParquetFile = ".parquet"

// outcome is what happens to the values of a pair of columns.
type outcome string

const (
	exact   outcome = "exact"   // the table's type holds every value of the source's type
	checked outcome = "checked" // each value is checked; one that does not fit is refused
	refused outcome = "refused" // nothing is read
)

type families []warehouse.Family

// pairRule is a row of the table of pairs.
type pairRule struct {
	from, to families                 // nil matches all
	when     func(from, to Side) bool // nil matches all
	outcome  outcome
	note     string // checked: what each value must be; refused: the reason
	fix      string // refused: what to do
}

var (
	files      = families{FileText}
	booleans   = families{warehouse.Boolean}
	integers   = families{warehouse.Integer}
	decimals   = families{warehouse.Decimal}
	floats     = families{warehouse.FloatType}
	plainTexts = families{warehouse.Text}
	fixedTexts = families{warehouse.FixedText}
	enums      = families{warehouse.Enum}
	binaries   = families{warehouse.Binary}
	uuids      = families{warehouse.UUID}
	jsons      = families{warehouse.JSON}
	dates      = families{warehouse.Date}
	daytimes   = families{warehouse.Time}
	timestamps = families{warehouse.Timestamp}
	clocks     = families{warehouse.Time, warehouse.Timestamp}
	numbers    = families{warehouse.Integer, warehouse.Decimal}
	texts      = families{warehouse.Text, warehouse.FixedText}
	writings   = families{warehouse.Text, warehouse.FixedText, warehouse.Enum} // types whose values are texts
	times      = families{warehouse.Date, warehouse.Time, warehouse.Timestamp, warehouse.UUID, warehouse.JSON}
	natives    = families{warehouse.Array, warehouse.Interval, warehouse.Other}
)

const (
	sameType    = "give both columns the same type"
	throughSQL  = "load from a view of the source that casts the column"
	lostDigits  = "digits after the point would be lost"
	widen       = "widen the table's column, or " + throughSQL
	otherZone   = "one has a time zone and the other has none, so instants would shift"
	convertZone = "load from a view of the source that converts the column, such as by AT TIME ZONE with its zone"
)

// pairRules say which columns can be carried to which. The first row that matches
// decides; a pair without a row is refused. The rules are the same within one server,
// between servers, between engines and from files.
var pairRules = []pairRule{
	// Text files. A value is read as the table's type, and refused where it is not one.
	{files, binaries, declared, refused, "a text file has no form for bytes",
		"load a Parquet file or a table"},
	{files, nil, nil, checked, "read as the table's type", ""},

	// SQLite, where the type belongs to the value and columns take any.
	{nil, nil, bothUnenforced, checked, "the storage class stays the same", ""},
	{nil, natives, fromUnenforced, refused, "the source's engine has no such type", throughSQL},
	{nil, nil, fromUnenforced, checked, "the storage class suits the table's type", ""},
	{natives, nil, toUnenforced, refused, "the table's engine has no such type", throughSQL},
	{booleans, families{warehouse.Boolean, warehouse.Integer}, toUnenforced, exact, "", ""},
	{integers, numbers, toUnenforced, checked, "64 bits with a sign", ""},
	{decimals, numbers, toUnenforced, checked, "at most 15 digits", ""},
	{decimals, texts, toUnenforced, exact, "", ""},
	{numbers, floats, toUnenforced, checked, "at most 15 digits", ""},
	{floats, floats, toUnenforced, checked, "not NaN", ""},
	{times, texts, toUnenforced, checked, "of the years 0 to 9999", ""},
	{times, times, sameFamilyUnenforced, checked, "of the years 0 to 9999", ""},
	{nil, nil, toTypeless, checked, "stored in the class of its type", ""},

	// Booleans and numbers.
	{booleans, booleans, nil, exact, "", ""},
	{booleans, integers, toTinyint1, exact, "", ""},
	{integers, booleans, fromTinyint1, checked, "0 or 1", ""},
	{integers, integers, wholeRange, exact, "", ""},
	{integers, integers, nil, checked, "within the range of the table's type", ""},
	{integers, decimals, nil, checked, "no more digits than the table's type has", ""},
	{integers, floats, floatHoldsInteger, exact, "", ""},
	{integers, floats, nil, refused, "large numbers would be rounded", sameType + ", or " + throughSQL},
	{decimals, integers, withoutScale, checked, "within the range of the table's type", ""},
	{decimals, integers, nil, refused, lostDigits, widen},
	{decimals, decimals, smallerScale, refused, lostDigits, widen},
	{decimals, decimals, allDigits, exact, "", ""},
	{decimals, decimals, nil, checked, "no more digits than the table's type has", ""},
	{floats, floats, narrowerFloat, refused, "numbers would be rounded", widen},
	{floats, floats, nil, exact, "", ""},

	// Texts and bytes. A text that was filled up with blanks is carried without them.
	{writings, plainTexts, holdsLength, exact, "", ""},
	{writings, plainTexts, nil, checked, "no longer than the table's type", ""},
	{writings, fixedTexts, nil, checked, "no longer than the table's type, without blanks at the end", ""},
	{writings, enums, nil, checked, "one of the labels of the table's type", ""},
	{binaries, binaries, nil, checked, "no longer than the table's type; of its length if that fills up", ""},
	{binaries, texts, fromFile, checked, "UTF-8", ""}, // old writers do not mark texts
	{uuids, uuids, nil, exact, "", ""},
	{uuids, texts, nil, checked, "no longer than the table's type", ""},
	{texts, uuids, nil, checked, "a UUID in lower case with hyphens", ""},
	{jsons, jsons, nil, checked, "the same JSON value when it is read back", ""},
	{jsons, texts, nil, checked, "no longer than the table's type", ""},
	{texts, jsons, nil, checked, "JSON", ""},

	// Times.
	{dates, dates, nil, exact, "", ""},
	{daytimes, daytimes, sameZonedness, checked, "no finer than the table's type", ""},
	{timestamps, timestamps, sameZonedness, checked, "no finer than the table's type", ""},
	{timestamps, timestamps, instantsOfFile, checked, "an instant, for a dataset in UTC", ""},
	{clocks, clocks, otherZonedness, refused, otherZone, convertZone},

	// Types of one engine alone travel in its own words.
	{natives, natives, sameNative, exact, "", ""},
}

// Conditions of rules.

func bothUnenforced(from, to Side) bool { return from.Unenforced && to.Unenforced }
func fromUnenforced(from, _ Side) bool  { return from.Unenforced }
func toUnenforced(_, to Side) bool      { return to.Unenforced }
func toTypeless(_, to Side) bool        { return typeless(to) }
func declared(_, to Side) bool          { return !typeless(to) }
func typeless(to Side) bool             { return to.Unenforced && to.Native == "" }
func fromFile(from, _ Side) bool        { return from.Engine == ParquetFile }
func toTinyint1(_, to Side) bool        { return to.Native == "tinyint(1)" }
func fromTinyint1(from, _ Side) bool    { return from.Native == "tinyint(1)" }
func withoutScale(from, _ Side) bool    { return from.Precision > 0 && from.Scale <= 0 }
func narrowerFloat(from, to Side) bool  { return from.Bits > to.Bits }
func sameZonedness(from, to Side) bool  { return from.Family == to.Family && from.Zoned == to.Zoned }
func otherZonedness(from, to Side) bool { return from.Family == to.Family && from.Zoned != to.Zoned }

func sameFamilyUnenforced(from, to Side) bool { return to.Unenforced && from.Family == to.Family }

func instantsOfFile(from, to Side) bool {
	return from.Engine == ParquetFile && from.Zoned && !to.Zoned && to.UTC
}

func wholeRange(from, to Side) bool {
	low, high := integerRange(from.Type)
	min, max := integerRange(to.Type)
	return low.Cmp(min) >= 0 && high.Cmp(max) <= 0
}

// integerRange returns the smallest and the largest value of an integer type.
func integerRange(t warehouse.Type) (low, high *big.Int) {
	bits := uint(cmp.Or(t.Bits, 64))
	one := big.NewInt(1)
	if t.Unsigned {
		return big.NewInt(0), new(big.Int).Sub(new(big.Int).Lsh(one, bits), one)
	}
	half := new(big.Int).Lsh(one, bits-1)
	return new(big.Int).Neg(half), new(big.Int).Sub(half, one)
}

// floatHoldsInteger reports whether a float has a bit for each of the integer's.
func floatHoldsInteger(from, to Side) bool {
	mantissa := map[int]int{32: 24, 64: 53}[to.Bits]
	return from.Bits > 0 && from.Bits <= mantissa
}

func smallerScale(from, to Side) bool {
	return from.Precision > 0 && to.Precision > 0 && from.Scale > to.Scale
}

func allDigits(from, to Side) bool {
	return to.Precision == 0 || from.Precision > 0 && from.Precision-from.Scale <= to.Precision-to.Scale
}

func holdsLength(from, to Side) bool {
	return to.Length == 0 || from.Length > 0 && from.Length <= to.Length
}

func sameNative(from, to Side) bool {
	if from.Engine != to.Engine || from.Native != to.Native {
		return false
	}
	return from.Element == nil || to.Element == nil || from.Element.Native == to.Element.Native
}

// Pair is a column of the source with its column in the table.
type Pair struct {
	Name     string
	From, To Side
	rule     pairRule
}

// NewPair finds the rule of two columns. It refuses a pair that could lose something.
func NewPair(name string, from, to Side) (Pair, error) {
	for _, r := range pairRules {
		if r.from != nil && !slices.Contains(r.from, from.Family) || r.to != nil && !slices.Contains(r.to, to.Family) ||
			r.when != nil && !r.when(from, to) {
			continue
		}
		if r.outcome != refused {
			return Pair{name, from, to, r}, nil
		}
		return Pair{}, refusePair(name, from, to, r)
	}
	return Pair{}, refusePair(name, from, to, pairRule{note: "values of one type are not values of the other",
		fix: sameType + ", or " + throughSQL})
}

func refusePair(name string, from, to Side, r pairRule) error {
	return fmt.Errorf("column %s is %s in the source and %s in the table: %s: %s", name, from.describe(),
		to.describe(), r.note, r.fix)
}

// describe names a type as its engine does.
func (s Side) describe() string {
	return cmp.Or(s.Native, "without a type") + " (" + s.Engine + ")"
}

// CarriedInServer reports whether the server itself can copy all columns: the types are of
// the same kinds on both sides, so that it converts nothing.
func CarriedInServer(pairs []Pair) bool {
	for _, p := range pairs {
		from, to := p.From.Family, p.To.Family
		switch {
		case bothUnenforced(p.From, p.To):
		case from == warehouse.Enum && p.From.Native != p.To.Native:
			return false
		case from != to && !(slices.Contains(texts, from) && slices.Contains(texts, to)):
			return false
		}
	}
	return true
}
