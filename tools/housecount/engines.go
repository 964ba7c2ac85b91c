package main

import (
	"regexp"
	"strings"
)

// engine matches a Go string that is an engine's name.
const engine = `"(?:postgres|postgresql|mysql|mariadb|sqlite|duckdb)"`

// comparisons are the forms in which code asks which engine it works with. A switch
// counts by its cases.
var comparisons = []*regexp.Regexp{
	regexp.MustCompile(`[!=]=\s*` + engine),
	regexp.MustCompile(engine + `\s*[!=]=`),
	regexp.MustCompile(`\bcase\b[^:]*` + engine),
	regexp.MustCompile(`^\s*` + engine + `\s*:`),                                          // the key of a map
	regexp.MustCompile(`\{\s*` + engine + `\s*:`),                                         // the same, on one line
	regexp.MustCompile(`\[` + engine + `\]`),                                              // an index
	regexp.MustCompile(`[!=]=\s*(?:\w+\.)?(?:Postgres|PostgreSQL|MySQL|SQLite|DuckDB)\b`), // a constant
	regexp.MustCompile(`\.\(\*?(?:warehouse\.)?(?:Postgres|MySQL|SQLite|DuckDB)\)`),
	regexp.MustCompile(`\bonPostgres\(\)`),
}

// comparesEngine reports whether a line of code compares an engine by its name or
// by its type. Comments are left out.
func comparesEngine(line string) bool {
	code, _, _ := strings.Cut(line, "// ")
	if strings.HasPrefix(strings.TrimSpace(code), "//") {
		return false
	}
	for _, c := range comparisons {
		if c.MatchString(code) {
			return true
		}
	}
	return false
}

// ownsEngine reports whether a file belongs to the package of an engine.
func ownsEngine(name string) bool {
	for _, own := range []string{"postgres", "mysql", "sqlite", "dialecttest"} {
		for _, parent := range []string{"warehouse/", "store/"} {
			if strings.HasPrefix(name, parent+own+"/") {
				return true
			}
		}
	}
	return strings.HasPrefix(name, "drivers/")
}
