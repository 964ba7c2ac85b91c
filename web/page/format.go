package page

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/report"
)

// functions are what templates may call. base is the path of the site behind a proxy.
func functions(base string) template.FuncMap {
	return template.FuncMap{
		"asset":   func(name string) string { return base + "/assets/" + assets()[name].name },
		"href":    func(path string) string { return base + path },
		"dataset": func(t sentinel.Table) string { return base + datasetPath(t) },
		"when":    when,
		"words":   func(v any) string { return strings.ReplaceAll(fmt.Sprint(v), "_", " ") },
		"clock":   clockTime,
		"ago":     func(now, t time.Time) string { return duration(now.Sub(t)) },
		"span":    duration,
		"seconds": func(s float64) string { return duration(time.Duration(s * float64(time.Second))) },
		"word":    statusWord,
		"short":   shortTable,
		"percent": percent, "mean": mean, "part": part,
		"count":   count,
		"count64": func(n int64) string { return separate(strconv.FormatInt(n, 10)) }, "repairWord": repairWord,
		"number":   number,
		"plural":   plural,
		"utc":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"in":       func(t time.Time, zone *time.Location, layout string) string { return t.In(zone).Format(layout) },
		"lower":    strings.ToLower,
		"query":    url.QueryEscape,
		"add":      func(a, b int) int { return a + b },
		"neg":      func(a int) int { return -a },
		"fix":      fix,
		"steps":    func() []int { return []int{1, 2, 3, 4, 5, 6, 7, 8, 9} },
		"lineage":  lineagePath,
		"odds":     func(v float64) string { return fmt.Sprintf("%+.1f", v) },
		"spanName": spanName,
		"choice": func(key, label, any, value string, values []string) choice {
			return choice{key, label, any, value, values}
		},
		"report_rows": func(title, of string, rows []report.Row, more int) reportTable {
			return reportTable{title, of, rows, more}
		},
		"heatX": func(column int) int { return column*21 + 9 },
	}
}

// choice is a field with a list of values.
type choice struct {
	Key, Label, Any, Value string
	Values                 []string
}

// reportTable is a table of a report.
type reportTable struct {
	Title, Of string
	Rows      []report.Row
	More      int
}

// statusWord is the word for a status that stands beside its glyph.
func statusWord(s sentinel.Status) string {
	switch s {
	case sentinel.Fail:
		return "Failing"
	case sentinel.Warn:
		return "Warning"
	case sentinel.Error:
		return "Could not look"
	case sentinel.Unknown:
		return "Not known yet"
	}
	return "Passing"
}

// duration writes how long something takes or lasts, by its two largest units: "2h 11m".
func duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 24*time.Hour:
		return strings.TrimSuffix(fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60), " 0m")
	}
	return strings.TrimSuffix(fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24), " 0h")
}

// percent writes a share of 0 to 1. A share that is not whole is never rounded to 100 %.
func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v < 1 && v > 0.9995:
		return strconv.FormatFloat(math.Floor(v*1e5)/1e3, 'f', -1, 64) + " %"
	}
	return strconv.FormatFloat(math.Round(v*1e3)/10, 'f', -1, 64) + " %"
}

// count writes a whole number with separators of thousands.
func count(n int) string { return separate(strconv.Itoa(n)) }

// number writes a measured value: whole numbers with separators, others with four digits.
func number(n sentinel.Number) string {
	switch v, whole := n.Int64(); {
	case n.Absent():
		return "–"
	case whole:
		return separate(strconv.FormatInt(v, 10))
	}
	return float(n.Float64())
}

// float writes a value with at most four digits that matter.
func float(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) >= 1000 && math.Abs(v) < 1e15:
		return separate(strconv.FormatFloat(math.Round(v), 'f', 0, 64))
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// separate puts a comma between the thousands of a whole number.
func separate(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// plural writes a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// shortTable is a table without its warehouse.
func shortTable(t sentinel.Table) string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// fix writes a coordinate, moved by some pixels.
func fix(v float64, by ...int) string {
	for _, b := range by {
		v += float64(b)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// spanName is a number of days for people.
func spanName(days int) string {
	switch days {
	case 1:
		return "1 day"
	case 182:
		return "26 weeks"
	}
	return strconv.Itoa(days) + " d"
}
