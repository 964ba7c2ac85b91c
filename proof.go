package sentinel

import (
	"fmt"
	"strings"
	"time"
)

// Proof is what the checks of a dataset, and those of its dependents that read it, say of a
// repair before it is applied.
type Proof struct {
	At      time.Time `json:"at,omitzero"`       // tick that the checks were judged at
	Source  string    `json:"source,omitempty"`  // where the staged rows are from
	Content string    `json:"content,omitempty"` // digest of the staged rows
	Judged  []string  `json:"judged,omitempty"`  // ids of the checks that were judged on the staged rows
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Before has what the checks said of the tables as they were: status, bad findings,
	// and the observations that say how new the rows are.
	Before []Result `json:"before,omitempty"`
	// Against has what speaks against the repair; empty if it would help.
	Against []Objection `json:"against,omitempty"`
}

// Whole reports whether every check was judged on the staged rows. What fails after such a
// proof, on rows that others have written to since, says nothing of the source's rows.
func (p *Proof) Whole() bool { return p != nil && len(p.Judged) > 0 && len(p.LeftOut) == 0 }

// LeftOut is a check that could not be judged on staged rows.
type LeftOut struct {
	Check string `json:"check"`
	Why   string `json:"why"`
}

// Objection is a finding that a repair would leave or bring.
type Objection struct {
	Check string `json:"check"`
	Still bool   `json:"still"` // the finding that the repair is for; else it is new, or worse than before
	Finding
}

// Text says in one line what speaks against the repair.
func (p Proof) Text() string {
	const shown = 5
	parts := make([]string, 0, shown+1)
	for i, o := range p.Against {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more", len(p.Against)-shown))
			break
		}
		verb := "would fail"
		if o.Still {
			verb = "would still fail"
		}
		parts = append(parts, fmt.Sprintf("%s %s: %s", o.Check, verb, o.Message))
	}
	return strings.Join(parts, "; ")
}

// UnhelpfulSource is a source of a repair whose rows do not help.
type UnhelpfulSource struct {
	Source  string `json:"source"`
	Content string `json:"content"` // digest of the rows
	Repair  string `json:"repair"`  // id of the repair that found it
	Why     string `json:"why"`
	Applied bool   `json:"applied,omitempty"` // the rows were in the table, and were taken back
}
