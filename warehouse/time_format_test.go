package warehouse_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestTimeFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format, text, read        string // a text in the format, and its time
		sortsAsNumber, hours, utc bool
	}{
		{"%Y%m%d", "20261129", "2026-11-29 00:00:00", true, false, false},
		{"%Y%m%d%H%M%S", "20261129235958", "2026-11-29 23:59:58", true, true, false},
		{"%d.%m.%Y %H:%M", "29.11.2026 23:59", "2026-11-29 23:59:00", false, true, false},
		{"%Y-%m-%dT%H:%M:%S.%fZ", "2026-11-29T23:59:58.123456Z", "2026-11-29 23:59:58", false, true, true},
		{"%Y-%m-%d %H:%M:%S UTC", "2026-11-29 23:59:58 UTC", "2026-11-29 23:59:58", false, true, true},
	} {
		f, err := warehouse.ParseTimeFormat(c.format)
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		if f.SortsAsNumber() != c.sortsAsNumber || f.HasHours() != c.hours || f.EndsInUTC() != c.utc {
			t.Errorf("%s: number %t, hours %t, UTC %t", c.format, f.SortsAsNumber(), f.HasHours(), f.EndsInUTC())
		}
		if !regexp.MustCompile(f.Pattern()).MatchString(c.text) {
			t.Errorf("%s: %s does not match %s", c.format, f.Pattern(), c.text)
		}
		parts := strings.Join(f.Parts(func(from, n int) string { return c.text[from-1 : from-1+n] }), "")
		if read := strings.ReplaceAll(parts, "'", ""); read != c.read {
			t.Errorf("%s: %s, want %s", c.format, read, c.read)
		}
	}
}

func TestTimeFormatsThatAreRefused(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"":                "at least a date",
		"%Y-%m":           "at least a date",
		"%H:%M":           "needs %Y",
		"%Y-%m-%d %M":     "%M needs %H",
		"%Y-%m-%d %Y":     "twice",
		"%y-%m-%d":        "want %Y",
		"%Y-%m-%d%":       "want %Y",
		"%Y-%m-%d'":       "cannot stand in a format",
		"%Y-%m-%d %H:%f0": "%f needs %M",
		"%f%Y":            "after the fraction",
	} {
		if _, err := warehouse.ParseTimeFormat(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", format, err, want)
		}
	}
}

// Numbers in a format are the times that they were written from.
func TestTimeFormatOfNumbers(t *testing.T) {
	t.Parallel()
	f, err := warehouse.ParseTimeFormat("%Y%m%d%H")
	if err != nil {
		t.Fatal(err)
	}
	wall := time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)
	n, err := f.Number(wall)
	back, err2 := f.FromNumber(n)
	if n != 2026112923 || err != nil || err2 != nil || !back.Equal(wall) {
		t.Errorf("%d, %v, %v, %v", n, err, back, err2)
	}
	for _, none := range []int64{0, 7, 2026133123, 99999999} {
		if at, err := f.FromNumber(none); err == nil {
			t.Errorf("%d is %v", none, at)
		}
	}
}
