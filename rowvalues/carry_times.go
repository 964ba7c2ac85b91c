package rowvalues

import (
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

func toDate(v warehouse.Value) (warehouse.Value, error) {
	if v.Kind == warehouse.DateValue {
		return v, nil
	}
	if v.Kind == warehouse.TextValue {
		if _, err := time.Parse(time.DateOnly, v.Text); err == nil {
			return warehouse.Value{Kind: warehouse.DateValue, Text: v.Text}, nil
		}
	}
	return unsuited(v, "a date such as 2026-03-11")
}

func toTime(v warehouse.Value, t warehouse.Type) (warehouse.Value, error) {
	switch v.Kind {
	case warehouse.TimeValue:
	case warehouse.TextValue:
		at, err := time.Parse("15:04:05", v.Text)
		if err != nil || t.Zoned {
			return unsuited(v, "a time of day such as 15:04:05")
		}
		v = warehouse.Value{Kind: warehouse.TimeValue, Text: at.Format("15:04:05.999999999")}
	default:
		return unsuited(v, "a time of day")
	}
	return v, checkFraction(v, t)
}

// timeForm is the form of a time, with all digits of the finest unit.
const timeForm = "2006-01-02 15:04:05.999999999"

// textTimes are the forms in which files and SQLite write a time. The fraction is optional.
var textTimes = []string{
	"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02",
}

func toTimestamp(v warehouse.Value, to Side) (warehouse.Value, error) {
	kind := warehouse.TimestampValue
	if to.Zoned {
		kind = warehouse.InstantValue
	}
	switch {
	case v.Kind == warehouse.TextValue:
		at, zoned, err := parseTime(v.Text)
		if err != nil {
			return v, err
		}
		_, offset := at.Zone()
		if offset != 0 && !to.Zoned || zoned != to.Zoned && !to.UTC {
			return v, fmt.Errorf("%s and the table's %s: one has a zone, the other has none, and %s", Shown(v), to.Native,
				"only for a dataset whose time zone is UTC both mean the same")
		}
		v = warehouse.Value{Kind: kind, Text: at.UTC().Format(timeForm)}
	case v.Kind == warehouse.InstantValue && !to.Zoned: // of a file; its rule says when
		v.Kind = kind
	}
	if v.Kind != kind {
		return unsuited(v, "a time such as 2026-03-11T02:00:00Z")
	}
	return v, checkFraction(v, to.Type)
}

// parseTime reads a time in one of the forms that files and SQLite use. One without a zone
// is returned in UTC.
func parseTime(text string) (at time.Time, zoned bool, err error) {
	for _, form := range textTimes {
		for _, zone := range []string{"", "Z07:00", "Z07", "Z0700", " Z07:00"} {
			if at, err := time.Parse(form+zone, text); err == nil {
				return at, zone != "", nil
			}
		}
	}
	return at, false, fmt.Errorf("%s is no time such as 2026-03-11T02:00:00Z", Shown(warehouse.Value{Text: text}))
}

// checkFraction refuses a time with more digits of a second than the type has.
func checkFraction(v warehouse.Value, t warehouse.Type) error {
	_, fraction, _ := strings.Cut(v.Text, ".")
	digits := len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
	if t.Precision > 0 && digits > t.Precision-1 || digits > 6 && !t.Unenforced {
		return fmt.Errorf("%s has %d digits of a second, and the table's %s holds %d", Shown(v), digits, t.Native,
			max(0, min(6, t.Precision-1)))
	}
	return nil
}
