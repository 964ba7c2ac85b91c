package main

import (
	"fmt"
	"strings"
	"time"
)

// richChecks are those of research on peers: what Soda's users call ordinary.
const richChecks = `, {missing: {column: customer_id}}, {aggregate: {column: amount, function: avg, fail: "< 0"}}` +
	`, {aggregate: {column: amount, function: max, fail: "< 0"}}, {aggregate: {column: amount, function: min, fail: "< 0"}}` +
	`, {invalid: {column: status, valid_values: [new, paid, shipped, closed]}}, {duplicate: {columns: [id]}}`

// configOf is the configuration of Sentinel for a question.
func configOf(name, dsn string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state: sqlite:%s.db\nwarehouses: {w: {dsn: %q}}\ndefaults: {timezone: UTC}\ndatasets:\n", name, dsn)
	switch name {
	case "events":
		b.WriteString("  - table: w.public.events\n    time_column: created_at\n    checks: [{row_count: {bucket: day, fail: \"< 1\"}}, {freshness: {column: updated_at, fail: 1d}}, schema]\n")
	case "events-estimate":
		b.WriteString("  - table: w.public.events\n    time_column: created_at\n    checks: [{row_count: {estimate: true, fail: \"< 1\"}}, {freshness: {column: updated_at, fail: 1d}}, schema]\n")
	default:
		rich := ""
		if name == "rich" {
			rich = richChecks
		}
		for i := range *tables {
			fmt.Fprintf(&b, "  - table: w.mart.t_%03d\n    time_column: updated_at\n    checks: [row_count > 0, {freshness: {fail: 1d}}, schema%s]\n", i+1, rich)
		}
	}
	return b.String()
}

// floorOf returns the statements that an expert would write by hand for the same question: one
// aggregate a table, and one catalog statement. What a key proves is not asked.
func floorOf(name string) []string {
	day := time.Now().UTC().Truncate(24 * time.Hour)
	from, to := day.AddDate(0, 0, -1).Format("'2006-01-02Z'"), day.Format("'2006-01-02Z'")
	catalog := func(schema string) string {
		return "SELECT c.oid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid WHERE n.nspname = '" + schema + "' AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition AND c.relkind IN ('r','p')"
	}
	newest := "SELECT max(updated_at) FROM public.events WHERE created_at >= " + from
	switch name {
	case "events":
		return []string{
			catalog("public"), "SELECT count(*) FROM public.events WHERE created_at >= " + from + " AND created_at < " + to, newest,
		}
	case "events-estimate":
		return []string{
			catalog("public"),
			"SELECT sum(c.reltuples) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass",
			newest,
		}
	}
	extra := ""
	if name == "rich" {
		extra = ", count(*) FILTER (WHERE customer_id IS NULL), avg(amount), max(amount), min(amount), count(*) FILTER (WHERE status NOT IN ('new','paid','shipped','closed'))"
	}
	statements := []string{catalog("mart")}
	for i := range *tables {
		statements = append(statements, fmt.Sprintf("SELECT count(*), max(updated_at)%s FROM mart.t_%03d", extra, i+1))
	}
	return statements
}
