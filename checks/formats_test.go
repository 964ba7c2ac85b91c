package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// formatExamples has texts of each format, and texts that are not.
var formatExamples = map[string][2][]string{
	"email":         {{"a@b.co", "a.b+c@sub.example.org", "o'brien@x.ie"}, {"a", "a@b", "@b.co", "a@b.co\n", "a b@c.de", "a@-b.co"}},
	"uuid":          {{"123e4567-e89b-12d3-a456-426614174000"}, {"123e4567e89b12d3a456426614174000", "x"}},
	"url":           {{"https://example.com/a?b#c", "HTTP://x"}, {"example.com", "https://", "https://a b"}},
	"ipv4":          {{"0.0.0.0", "255.255.255.255"}, {"256.1.1.1", "1.1.1", "01.1.1.1"}},
	"ipv6":          {{"::", "::1", "1::", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8"}, {":", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::"}},
	"iso_date":      {{"2026-01-31"}, {"2026-13-01", "2026-1-1", "20260131"}},
	"iso_timestamp": {{"2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31T12:00:00.5+02:00"}, {"2026-01-31", "2026-01-31T25:00"}},
	"integer":       {{"0", "-12", "+3"}, {"1.0", "", "x1", "1 "}},
	"decimal":       {{"1", "-1.5", ".5", "1."}, {".", "1e3", "1,5"}},
	"iban":          {{"DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"}, {"DE8937", "de89370400440532013000"}},
	"phone":         {{"+49 30 123456", "(030) 123-456"}, {"12", "phone"}},
	"credit_card":   {{"4111 1111 1111 1111", "378282246310005"}, {"4111", "4111-1111"}},
	"country_code":  {{"DE"}, {"de", "DEU"}},
	"currency_code": {{"EUR"}, {"eur", "EU"}},
}

// Every engine finds the texts that have a format, and those that have not.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, name := range checks.Formats() {
		if _, ok := formatExamples[name]; !ok {
			t.Errorf("%s needs examples", name)
		}
	}
	onEveryEngine(t, func(b *bench) {
		for name, texts := range formatExamples {
			for i, want := range []sentinel.Status{sentinel.Pass, sentinel.Fail} {
				table := name + []string{"_good", "_bad"}[i]
				b.exec("CREATE TABLE " + table + " (s varchar(60))")
				for _, text := range texts[i] {
					b.exec("INSERT INTO " + table + " VALUES ('" + strings.ReplaceAll(text, "'", "''") + "')")
				}
				c := &checks.Invalid{Column: "s", Format: name}
				if want == sentinel.Fail {
					c.Fail = bound(t, ">= 100%")
				}
				b.want(table, c, want, "")
			}
		}
	})
}
