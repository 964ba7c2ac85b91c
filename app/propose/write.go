package propose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
)

// head is for a warehouse's name and the variable with its DSN.
const head = `state: sqlite:sentinel.db

warehouses:
  %s:
    dsn: ${%s}

defaults: {schedule: "*/5 * * * *", timezone: UTC}

datasets:
`

// VariableOf is the environment variable with the DSN of a warehouse.
func VariableOf(warehouse string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, warehouse)) + "_DSN"
}

// YAML writes the configuration.
func (p *Proposal) YAML() string {
	var b strings.Builder
	for _, left := range p.Left {
		fmt.Fprintf(&b, "# left out: %s\n", left)
	}
	fmt.Fprintf(&b, head, p.Warehouse, VariableOf(p.Warehouse))
	for _, t := range p.Tables {
		t.write(&b)
	}
	return b.String()
}

// YAML writes the table as an item of `datasets:`.
func (t *Table) YAML() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

// write writes the table as an item, or as a comment if no check of it is left: a dataset
// without checks does not load.
func (t *Table) write(b *strings.Builder) {
	var item strings.Builder
	t.item(&item)
	if t.checked() {
		b.WriteString(item.String())
		return
	}
	for line := range strings.Lines(item.String()) {
		b.WriteString("  # " + strings.TrimPrefix(line, "  "))
	}
}

// checked reports whether the table has a check that is not left out.
func (t *Table) checked() bool {
	return slices.ContainsFunc(t.Checks, func(c Check) bool { return c.Text != "" && c.Off == "" })
}

func (t *Table) item(b *strings.Builder) {
	fmt.Fprintf(b, "  - table: %s\n", text(t.Name.String()))
	switch {
	case t.Time.Column == "":
	case t.Time.typed():
		fmt.Fprintf(b, "    time_column: %s\n", text(t.Time.Column))
	default:
		fmt.Fprintf(b, "    time: %s\n", t.Time.yaml())
	}
	if len(t.DependsOn) > 0 {
		var names []string
		for _, up := range t.DependsOn {
			names = append(names, text(up.String()))
		}
		fmt.Fprintf(b, "    depends_on: [%s]\n", strings.Join(names, ", "))
	}
	for _, n := range t.Notes {
		fmt.Fprintf(b, "    # %s\n", oneLine(n))
	}
	b.WriteString("    checks:\n")
	for _, c := range t.Checks {
		switch {
		case c.Text == "":
			fmt.Fprintf(b, "      # %s\n", oneLine(c.Off))
		case c.Off != "":
			fmt.Fprintf(b, "      # - %s   # left out: %s\n", c.Text, c.Off)
		case c.Note != "":
			fmt.Fprintf(b, "      - %s   # %s\n", c.Text, oneLine(c.Note))
		default:
			fmt.Fprintf(b, "      - %s\n", c.Text)
		}
	}
}

// text writes a text so that the configuration reads it as it is: $ begins a variable there.
func text(s string) string {
	s = strings.ReplaceAll(s, "$", "$$")
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// Judge leaves out the checks that were tried and would be wrong at once. cfg is the
// configuration of [Proposal.YAML], and results are those of its checks.
func (p *Proposal) Judge(cfg *config.Config, results []sentinel.Result) {
	by := map[string]sentinel.Result{}
	for _, r := range results {
		by[r.Check] = r
	}
	datasets := cfg.Datasets
	for i := range p.Tables {
		if !p.Tables[i].checked() {
			continue // it is a comment
		}
		configured := datasets[0].Checks
		datasets = datasets[1:]
		for j := range p.Tables[i].Checks {
			c := &p.Tables[i].Checks[j]
			if c.Text == "" || c.Off != "" {
				continue
			}
			r := by[configured[0].Common().ID]
			configured = configured[1:]
			switch r.Status {
			case sentinel.Error:
				c.Off = "it cannot be run: " + oneLine(r.Message)
			case sentinel.Fail, sentinel.Warn:
				c.Off = "it would be a " + r.Status.String() + " now: " + oneLine(r.Message)
			}
		}
	}
}

// oneLine is the beginning of a message, for a comment.
func oneLine(s string) string {
	s = strings.TrimPrefix(s, "could not run: ")
	if words := []rune(strings.Join(strings.Fields(s), " ")); len(words) > 200 {
		return string(words[:200]) + "…"
	} else {
		return string(words)
	}
}
