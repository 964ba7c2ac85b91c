package cli

import (
	"bufio"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// write writes the results as text, json or junit.
func (r report) write(w io.Writer, format string) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r.results)
	case "junit":
		return writeJUnit(w, r.results)
	}
	return writeText(w, r.results, r.took)
}

// statuses are in the order in which a summary counts them.
var statuses = []sentinel.Status{sentinel.Pass, sentinel.Warn, sentinel.Fail, sentinel.Unknown, sentinel.Error}

// colours are those of a terminal.
var colours = map[sentinel.Status]string{
	sentinel.Pass:    "\x1b[32m",
	sentinel.Warn:    "\x1b[33m",
	sentinel.Fail:    "\x1b[31m",
	sentinel.Unknown: "\x1b[36m",
	sentinel.Error:   "\x1b[35m",
}

// noColour ends a colour.
const noColour = "\x1b[0m"

// coloured marks a status on a terminal; NO_COLOR switches that off.
func coloured(w io.Writer, s sentinel.Status) string {
	out, isTerminal := w.(terminal)
	word := fmt.Sprintf("%-7s", s)
	f := out.file()
	if !isTerminal || f == nil || os.Getenv("NO_COLOR") != "" {
		return word
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return word
	}
	return colours[s] + word + noColour
}

func writeText(to io.Writer, results []sentinel.Result, took time.Duration) error {
	counts := map[sentinel.Status]int{}
	words := map[sentinel.Status]marked{}
	for _, s := range statuses {
		words[s] = marked(coloured(to, s))
	}
	w := bufio.NewWriterSize(to, 32<<10)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var last sentinel.Table
	for _, r := range worstLast(results) {
		counts[r.Status]++
		if r.Table != last {
			printf(tw, "%s\n", r.Table)
			last = r.Table
		}
		printf(tw, "  %s  %s\t%s\n", words[r.Status], shortID(r), r.Message)
		for i, f := range r.Findings {
			if i > 0 { // the first one is the result's message
				printf(tw, "  %s  \t%s\n", words[f.Status], f.Message)
			}
			if f.Statement != "" {
				printf(tw, "  \tstatement: %s;\n", f.Statement)
			}
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	line := fmt.Sprintf("\n%d checks", len(results))
	for _, s := range statuses {
		if counts[s] > 0 {
			line += fmt.Sprintf(", %d %s", counts[s], s)
		}
	}
	fmt.Fprintf(w, "%s (%s)\n", line, took.Round(time.Millisecond))
	return w.Flush()
}

// worstLast sorts the results of datasets by the worst of each, so that what is bad stands
// beside the prompt. Those of one dataset keep their order.
func worstLast(results []sentinel.Result) []sentinel.Result {
	worst := map[sentinel.Table]int{}
	for _, r := range results {
		worst[r.Table] = max(worst[r.Table], slices.Index(badness, r.Status))
	}
	out := slices.Clone(results)
	slices.SortStableFunc(out, func(a, b sentinel.Result) int { return worst[a.Table] - worst[b.Table] })
	return out
}

// badness has the statuses in the order in which people want to see them, the last first.
var badness = []sentinel.Status{sentinel.Pass, sentinel.Unknown, sentinel.Warn, sentinel.Error, sentinel.Fail}

// shortID leaves the table, which stands above, out of an id.
func shortID(r sentinel.Result) string {
	prefix := r.Table.String() + "/"
	if len(r.Check) > len(prefix) && r.Check[:len(prefix)] == prefix {
		return r.Check[len(prefix):]
	}
	return cmp.Or(r.Check, r.Kind)
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"timestamp,attr,omitempty"` // UTC
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Seconds float64    `xml:"time,attr"`
	Failure *junitText `xml:"failure,omitempty"`
	Error   *junitText `xml:"error,omitempty"`
	Skipped *junitText `xml:"skipped,omitempty"`
	Out     string     `xml:"system-out,omitempty"`
}

type junitText struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

func writeJUnit(w io.Writer, results []sentinel.Result) error {
	suite := junitSuite{Name: "sentinel", Tests: len(results)}
	if len(results) > 0 {
		suite.Time = results[0].Tick.UTC().Format("2006-01-02T15:04:05")
	}
	for _, r := range results {
		c := junitCase{Class: r.Table.String(), Name: shortID(r), Seconds: r.Duration.Seconds(), Out: r.Message}
		for _, f := range r.Findings {
			if f.Statement != "" {
				c.Out += "\n" + f.Key + ": " + f.Statement + ";"
			}
		}
		switch r.Status {
		case sentinel.Fail, sentinel.Warn:
			c.Failure = &junitText{r.Status.String(), r.Message}
			suite.Failures++
		case sentinel.Error:
			c.Error = &junitText{"error", r.Message}
			suite.Errors++
		case sentinel.Unknown:
			c.Skipped = &junitText{"unknown", r.Message}
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
