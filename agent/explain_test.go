package agent

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
)

// What bad rows have in common is in the result with which a check turned bad, and in its
// incident as long as it is open. It is looked for once.
func TestBadRowsAreExplainedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var tuples []string
	for i := range 300 {
		tuples = append(tuples, fmt.Sprintf("(%d, 'c%d', 1)", i, i%5))
	}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "CREATE TABLE t (id integer, country text, n integer)",
		"INSERT INTO t VALUES "+strings.Join(tuples, ", "), "UPDATE t SET n = -1 WHERE country = 'c3'")
	c := &checks.Invalid{Column: "n", Min: "0", Options: checks.Options{
		Samples: &checks.Samples{Columns: []string{"country"}, Explain: []string{"country"}}}}
	l := start(t, dir, everySecond(t, "range", c))
	const text = "; all of the bad rows: country = c3"
	l.poll("the incident is explained", func() bool {
		open := l.open()
		return len(open) == 1 && strings.HasSuffix(open[0].Message, text)
	})
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "UPDATE t SET n = -1 WHERE country = 'c4'")
	l.poll("the explanation stays", func() bool {
		i := l.open()[0]
		return strings.HasPrefix(i.Message, "120 of 300 values") && strings.HasSuffix(i.Message, "; when it began, all of the bad rows: country = c3") &&
			i.Findings[0].Explanation == text[2:] &&
			i.Findings[0].Message == i.Message
	})
	history, err := l.memory.Runs(t.Context(), "range", time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	explained := 0
	for _, h := range history {
		if strings.HasSuffix(h.Message, text) {
			explained++
		}
	}
	if explained != 1 || len(history) < 2 {
		t.Errorf("%d of %d results are explained", explained, len(history))
	}
	l.end()
}
