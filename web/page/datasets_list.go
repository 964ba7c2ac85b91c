package page

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// DatasetList is a part of the datasets, for programs.
type DatasetList struct {
	Found    int              `json:"found"` // datasets that match, on all parts
	Datasets []DatasetSummary `json:"datasets"`
	After    string           `json:"after,omitempty"` // the parameter for the next part; "" if this is the last
}

// DatasetSummary is one dataset in short.
type DatasetSummary struct {
	Table    sentinel.Table  `json:"dataset"`
	Status   sentinel.Status `json:"status"` // the worst of the last results of its checks
	Message  string          `json:"message,omitempty"`
	Owner    string          `json:"owner,omitempty"`
	Tier     string          `json:"tier,omitempty"`
	Tags     []string        `json:"tags,omitempty"`
	Runbook  string          `json:"runbook,omitempty"`
	Incident string          `json:"incident,omitempty"` // id of its unresolved incident
	Checks   int             `json:"checks"`
	Tick     time.Time       `json:"tick,omitzero"`   // of the newest result
	Newest   time.Time       `json:"newest,omitzero"` // time of the newest row; zero if no check has seen it
}

// listed is the number of datasets in a part.
const listed = 1000

// List returns the datasets that match, by name. The parameters are those of the page. The
// error names a state that is not known, or a dataset that is none.
func (b *Board) List(v url.Values) (DatasetList, error) {
	for word := range strings.SplitSeq(v.Get("state"), ",") {
		if err := new(sentinel.Status).UnmarshalText([]byte(word)); word != "" && err != nil {
			return DatasetList{}, fmt.Errorf("state: %w", err)
		}
	}
	q, out := readQuery(v), DatasetList{Datasets: []DatasetSummary{}}
	words := strings.Fields(strings.ToLower(q.Text))
	incidents := map[sentinel.Table]string{}
	for _, i := range b.open() {
		incidents[i.Table] = i.ID
	}
	after, err := sentinel.ParseTable(q.After)
	if q.After != "" && err != nil {
		return out, fmt.Errorf("after: %w", err)
	}
	for _, d := range b.all() {
		status := d.Status()
		if !q.matches(d, words) || len(q.States) > 0 && !slices.Contains(q.States, status) {
			continue
		}
		out.Found++
		switch {
		case q.After != "" && d.Table.Compare(after) <= 0:
		case len(out.Datasets) == listed:
			out.After = out.Datasets[listed-1].Table.String()
		default:
			s := DatasetSummary{
				Table: d.Table, Status: status, Owner: d.Owner, Tier: d.Tier, Tags: d.Tags, Runbook: d.Runbook,
				Incident: incidents[d.Table], Checks: len(d.Checks), Newest: d.newest(),
			}
			if w := d.Worst(); w != nil {
				s.Message = w.Message
			}
			for i := range d.Checks {
				if t := d.Checks[i].Tick; t.After(s.Tick) {
					s.Tick = t
				}
			}
			out.Datasets = append(out.Datasets, s)
		}
	}
	return out, nil
}

// With returns the datasets with a check that has an id and one of some states, by name. The
// id "" is that of any check, and no states are any.
func (b *Board) With(id string, states []sentinel.Status) (tables []sentinel.Table) {
	for _, d := range b.all() {
		if slices.ContainsFunc(d.Checks, func(c check) bool {
			return (id == "" || c.ID == id) && (len(states) == 0 || slices.Contains(states, c.Status))
		}) {
			tables = append(tables, d.Table)
		}
	}
	return tables
}
