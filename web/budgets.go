package web

import (
	"net/http"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/budget"
)

// budgetAnswer says how a warehouse's budget stands. Times are in seconds.
type budgetAnswer struct {
	Warehouse  string          `json:"warehouse"`
	Budget     sentinel.Number `json:"budget_seconds"`     // that the statements of a day may take
	Used       sentinel.Number `json:"used_seconds"`       // that they have taken since midnight in UTC
	Expected   sentinel.Number `json:"expected_seconds"`   // of a day with the ticks that remain
	Configured sentinel.Number `json:"configured_seconds"` // of a day with all ticks
	Over       bool            `json:"over"`               // a day takes more, and no check may tick more rarely
	Moved      []budgetMoved   `json:"moved"`              // checks that tick more rarely
}

// budgetMoved are checks of one table that tick more rarely, all at the same time.
type budgetMoved struct {
	Table    string          `json:"dataset"`
	Checks   []string        `json:"checks"`           // ids
	Schedule string          `json:"schedule"`         // as configured
	Every    sentinel.Number `json:"every_seconds"`    // of each stretch of this length one tick runs
	Cost     sentinel.Number `json:"tick_seconds"`     // that the statements of one tick take
	Ticks    sentinel.Number `json:"ticks"`            // in a day, as a mean
	AllTicks sentinel.Number `json:"configured_ticks"` // in a day, as configured
}

// budgets returns how the budgets of warehouses stand.
func (s *Server) budgets(w http.ResponseWriter, _ *http.Request) {
	answer := []budgetAnswer{}
	for _, r := range s.Agent.Budgets() {
		answer = append(answer, answerOf(r))
	}
	s.json(w, answer, nil)
}

func answerOf(r budget.Report) budgetAnswer {
	a := budgetAnswer{
		Warehouse: r.Warehouse, Budget: sentinel.Float(r.Budget), Used: sentinel.Float(r.Used),
		Expected: sentinel.Float(r.Expected), Configured: sentinel.Float(r.Configured), Over: r.Over, Moved: []budgetMoved{},
	}
	for _, m := range r.Moved {
		a.Moved = append(a.Moved, budgetMoved{
			Table: m.Table, Checks: nonNil(m.Checks), Schedule: m.Schedule, Every: sentinel.Float(m.Every),
			Cost: sentinel.Float(m.Cost), Ticks: sentinel.Float(m.Ticks), AllTicks: sentinel.Float(m.AllTicks),
		})
	}
	return a
}
