package checks_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// Whether a time without a zone lies before now is not known where no zone is configured.
func TestRangesUntilNowNeedAZone(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE z (at "+b.plain()+", day date)", "INSERT INTO z VALUES ("+b.ago(0)+", '2020-01-01')")
		b.loc = nil
		if b.name == "sqlite" { // its times are read as UTC, as documented
			b.want("z", &checks.Invalid{Column: "day", Max: "now"}, sentinel.Pass, "0 of 1 values of day are invalid")
			return
		}
		for _, column := range []string{"at", "day"} {
			b.want("z", &checks.Invalid{Column: column, Max: "now"}, sentinel.Error, "column "+column+" has no time zone of its own")
		}
	})
}
