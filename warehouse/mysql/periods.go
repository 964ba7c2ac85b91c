package mysql

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// periodCheck is the check by which the catalog of MariaDB shows a period. A user's own check
// may look like it.
var periodCheck = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^check \\(`(?:[^`]|``)+` < `(?:[^`]|``)+`\\)$")
})

// A statement that creates a table says what is a period, and which keys take periods.
var (
	periodLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("(?m)^\\s*PERIOD FOR `((?:[^`]|``)+)` \\(")
	})
	overlapLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("(?m)^\\s*(?:PRIMARY KEY|UNIQUE KEY `((?:[^`]|``)+)`) \\(.*, ?`((?:[^`]|``)+)` WITHOUT OVERLAPS\\)")
	})
)

// readPeriods adds the periods of tables (MariaDB), and the keys in which they may not overlap.
// The catalog shows a period as a check. So only a table with such a check is asked for, one by
// one. What the user may not read is unreadable afterwards.
func readPeriods(ctx context.Context, s warehouse.Sessions, c *warehouse.Catalog) {
	var tables []*warehouse.Table
	var statements []warehouse.Statement
	for name, t := range c.Tables {
		quoted, err := warehouse.QuoteTable(Dialect{}, name)
		if err == nil && t.ReadErr == nil && slices.ContainsFunc(t.Details, looksLikePeriod) {
			tables = append(tables, t)
			statements = append(statements, warehouse.Statement{SQL: nowait + "SHOW CREATE TABLE " + quoted})
		}
	}
	if len(tables) == 0 {
		return
	}
	s.Run(ctx, statements, func(i int, rows warehouse.Rows, err error) {
		t := tables[i]
		switch {
		case err == nil && len(rows) == 1:
			addPeriods(t, rows[0][1].Text)
		case warehouse.KindOf(err) == warehouse.Forbidden:
			t.Unreadable |= warehouse.Details | warehouse.Rules
		default:
			t.ReadErr, t.Unreadable = cmp.Or(err, errNotOpened), warehouse.AllFacts
		}
	})
}

func looksLikePeriod(d warehouse.Detail) bool {
	return d.Part == warehouse.CheckPart && periodCheck().MatchString(d.Value)
}

// addPeriods reads the statement that creates a table.
func addPeriods(t *warehouse.Table, text string) {
	for _, m := range periodLine().FindAllStringSubmatch(text, -1) {
		addDetail(t, warehouse.CheckPart, unquoted(m[1]), warehouse.PeriodFact, "as a period")
	}
	for _, m := range overlapLine().FindAllStringSubmatch(text, -1) {
		key := cmp.Or(unquoted(m[1]), "PRIMARY")
		addDetail(t, warehouse.IndexPart, key, warehouse.PeriodFact, unquoted(m[2])+" without overlaps")
	}
}

func unquoted(name string) string { return strings.ReplaceAll(name, "``", "`") }
