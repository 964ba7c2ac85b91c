package page

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
)

func init() {
	addScreen(screen{
		path: "/datasets/unwatched", template: "unwatched.html", role: access.Viewer, live: "unwatched",
		show: func(s *Site, r *http.Request) (any, error) { return s.listUnwatched(r.URL.Query()) },
	})
	addScreen(screen{
		path: "/datasets/unwatched/proposal", template: "proposal.html", role: access.Viewer, live: "unwatched",
		show: func(s *Site, r *http.Request) (any, error) { return s.showProposal(r.URL.Query().Get("of")) },
	})
	addAction(action{path: "/datasets/unwatched/look", role: access.Operator, do: lookForUnwatched})
	addAction(action{path: "/datasets/unwatched/proposal", role: access.Operator, do: proposeByRows})
}

// Unwatched is what is known of the tables that nobody watches. All methods may be called
// concurrently.
type Unwatched interface {
	// Known returns what was found in each warehouse, by the warehouse's name. It asks no
	// warehouse, and never blocks. ok is false if nobody looks.
	Known() (all []UnwatchedWarehouse, ok bool)
	// Look asks for all catalogs to be read soon.
	Look(ctx context.Context, who string) error
	// Propose asks for the rows of a listed table to be read soon, and for a proposal by them.
	Propose(ctx context.Context, t sentinel.Table, who string) error
}

// ErrUnwatchedOff says that nobody looks for tables that nobody watches.
var ErrUnwatchedOff = errors.New("the configuration says unwatched: off")

// UnwatchedWarehouse is what was found in one warehouse.
type UnwatchedWarehouse struct {
	Name      string    `json:"warehouse"`
	Read      time.Time `json:"read,omitzero"`    // when its catalog was read; zero: not yet
	Failed    string    `json:"failed,omitempty"` // why the last reading failed; what was found before stays
	Relations int       `json:"relations"`        // tables and views in the schemas that are looked at
	Count     int       `json:"unwatched"`        // of them, those that nobody watches
	Excluded  int       `json:"excluded"`         // of them, those that exclude: leaves out
	// Tables are those that nobody watches, by name: at most 10,000, those with the most rows.
	Tables  []UnwatchedTable `json:"tables,omitempty"`
	Looking bool             `json:"-"` // the catalog is being read, or will be at once
	Asked   []sentinel.Table `json:"-"` // whose rows are being read, or will be
}

// UnwatchedTable is a table that nobody watches.
type UnwatchedTable struct {
	Table    sentinel.Table `json:"table"`
	Kind     string         `json:"kind"`               // table, partitioned_table, view, materialized_view or foreign_table
	Rows     int64          `json:"rows"`               // the engine's estimate; -1: there is none
	Bytes    int64          `json:"bytes"`              // on disk, an estimate; -1: it is not known
	Proposal string         `json:"proposal,omitempty"` // an item of datasets:, as YAML; "": not proposed yet
	RowsRead time.Time      `json:"rows_read,omitzero"` // when its rows were read for the proposal; zero: it is by the catalog alone
	Failed   string         `json:"failed,omitempty"`   // why its rows could not be read
}

// unwatchedQuery is what the list is narrowed to and how it is sorted. It is in the URL.
type unwatchedQuery struct{ Text, Warehouse, Schema, Sort, After string }

func readUnwatchedQuery(v url.Values) unwatchedQuery {
	q := unwatchedQuery{
		Text: strings.TrimSpace(v.Get("q")), Warehouse: v.Get("warehouse"), Schema: v.Get("schema"), Sort: v.Get("sort"),
		After: v.Get("after"),
	}
	if q.Sort != "rows" {
		q.Sort = "name"
	}
	return q
}

// Path returns the address of the list with one parameter changed; "" removes it.
func (q unwatchedQuery) Path(key, value string) string {
	v := url.Values{}
	for k, text := range map[string]string{"q": q.Text, "warehouse": q.Warehouse, "schema": q.Schema, "sort": q.Sort} {
		if text != "" && !(k == "sort" && text == "name") {
			v.Set(k, text)
		}
	}
	v.Set(key, value)
	if value == "" {
		v.Del(key)
	}
	if len(v) == 0 {
		return "/datasets/unwatched"
	}
	return "/datasets/unwatched?" + v.Encode()
}

// matches reports whether a table is in the list.
func (q unwatchedQuery) matches(t sentinel.Table, words []string) bool {
	if q.Warehouse != "" && t.Warehouse != q.Warehouse || q.Schema != "" && t.Schema != q.Schema {
		return false
	}
	if len(words) == 0 {
		return true
	}
	name := strings.ToLower(t.String())
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(name, w) })
}

// unwatched returns the tables that match, by name or those with the most rows first. Tables that
// are watched since they were found are none of them.
func (b *Board) unwatched(all []UnwatchedWarehouse, q unwatchedQuery) (out []UnwatchedTable) {
	words := strings.Fields(strings.ToLower(q.Text))
	b.mu.RLock()
	for _, w := range all {
		for _, t := range w.Tables {
			if b.datasets[t.Table] == nil && q.matches(t.Table, words) {
				out = append(out, t)
			}
		}
	}
	b.mu.RUnlock()
	if q.Sort == "rows" {
		slices.SortFunc(out, func(a, b UnwatchedTable) int {
			return cmp.Or(cmp.Compare(b.Rows, a.Rows), a.Table.Compare(b.Table))
		})
	}
	return out
}

// unwatchedData is the content of unwatched.html.
type unwatchedData struct {
	tabs
	On                  bool
	Query               unwatchedQuery
	Of                  []UnwatchedWarehouse
	Looking             bool
	Found               int // in the list
	First, Last         int // of the rows of this page, from 1
	Next                string
	Groups              []unwatchedGroup
	Warehouses, Schemas []string
	YAML                string // the proposals of this page
	Proposed            int    // of the rows of this page, those with a proposal
	Now                 time.Time
}

// unwatchedGroup is the rows of one schema on this page.
type unwatchedGroup struct {
	Name  string // "" in a list that is not grouped
	Count int    // in the list
	Rows  []UnwatchedTable
}

// tabs are those of the lists of datasets.
type tabs struct {
	At        string // the path of the one that is shown
	Watched   int
	Unwatched int
	Looks     bool // somebody looks for tables that nobody watches
}

// tabs returns the tabs of the lists of datasets.
func (s *Site) tabs(at string) tabs {
	t := tabs{At: at, Watched: len(s.Board.all())}
	all, ok := s.unwatchedKnown()
	t.Looks = ok
	for _, w := range all {
		t.Unwatched += w.Count
	}
	return t
}

func (s *Site) unwatchedKnown() ([]UnwatchedWarehouse, bool) {
	if s.Unwatched == nil {
		return nil, false
	}
	return s.Unwatched.Known()
}

func (s *Site) listUnwatched(v url.Values) (d unwatchedData, err error) {
	q := readUnwatchedQuery(v)
	d = unwatchedData{tabs: s.tabs("/datasets/unwatched"), Query: q, Now: s.Clock.Now()}
	d.Of, d.On = s.unwatchedKnown()
	schemas := map[string]bool{}
	for _, w := range d.Of {
		d.Warehouses = append(d.Warehouses, w.Name)
		d.Looking = d.Looking || w.Looking
		if q.Warehouse == "" || q.Warehouse == w.Name {
			for _, t := range w.Tables {
				schemas[t.Table.Schema] = true
			}
		}
	}
	delete(schemas, "")
	d.Schemas = slices.Sorted(maps.Keys(schemas))
	rows := s.Board.unwatched(d.Of, q)
	d.Found = len(rows)
	begin := 0
	if q.After != "" {
		begin = 1 + slices.IndexFunc(rows, func(t UnwatchedTable) bool { return t.Table.String() == q.After })
	}
	end := min(begin+pageRows, len(rows))
	d.First, d.Last = min(begin+1, d.Found), end
	if end < len(rows) {
		d.Next = q.Path("after", rows[end-1].Table.String())
	}
	counts := map[string]int{}
	for _, t := range rows {
		counts[schemaOf(t.Table)]++
	}
	d.add(rows[begin:end], counts)
	return d, nil
}

// add adds the rows of one page, by schema where they are sorted by name.
func (d *unwatchedData) add(rows []UnwatchedTable, counts map[string]int) {
	var text strings.Builder
	for _, t := range rows {
		name := ""
		if d.Query.Sort == "name" {
			name = schemaOf(t.Table)
		}
		if n := len(d.Groups); n == 0 || d.Groups[n-1].Name != name {
			d.Groups = append(d.Groups, unwatchedGroup{Name: name, Count: counts[name]})
		}
		g := &d.Groups[len(d.Groups)-1]
		g.Rows = append(g.Rows, t)
		if text.WriteString(t.Proposal); t.Proposal != "" {
			d.Proposed++
		}
	}
	d.YAML = text.String()
}

func schemaOf(t sentinel.Table) string { return strings.Trim(t.Warehouse+"."+t.Schema, ".") }

// proposalData is the content of proposal.html.
type proposalData struct {
	UnwatchedTable
	Asked   bool           // its rows are being read, or will be
	Watched *dataset       // it is watched by now; nil: it is not
	Of      sentinel.Table // that the address names
	Now     time.Time
}

func (s *Site) showProposal(name string) (d proposalData, err error) {
	t, err := sentinel.ParseTable(name)
	if err != nil {
		return d, badRequest("Want ?of=warehouse.schema.table.")
	}
	all, _ := s.unwatchedKnown()
	d.Of, d.Now = t, s.Clock.Now()
	if d.Watched, _ = s.Board.of(t); d.Watched != nil {
		return d, nil
	}
	for _, w := range all {
		at, found := slices.BinarySearchFunc(w.Tables, t, func(o UnwatchedTable, t sentinel.Table) int {
			return o.Table.Compare(t)
		})
		if w.Name == t.Warehouse && found {
			d.UnwatchedTable, d.Asked = w.Tables[at], slices.Contains(w.Asked, t)
			return d, nil
		}
	}
	return d, notFound("No table of this name is among those that nobody watches. A table that is new is found at the next look.")
}

// lookForUnwatched asks for all catalogs to be read.
func lookForUnwatched(s *Site, r *request) (string, error) {
	const back = "/datasets/unwatched"
	if s.Unwatched == nil {
		return "", s.refused(ErrUnwatchedOff, back)
	}
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	if err := s.Unwatched.Look(ctx, r.Who()); err != nil {
		return "", s.refused(err, back)
	}
	return back, nil
}

// proposeByRows asks for the rows of one table to be read.
func proposeByRows(s *Site, r *request) (string, error) {
	t, err := sentinel.ParseTable(r.Field("of"))
	if err != nil {
		return "", badRequest("Which table?")
	}
	back := "/datasets/unwatched/proposal?of=" + url.QueryEscape(t.String())
	if s.Unwatched == nil {
		return "", s.refused(ErrUnwatchedOff, back)
	}
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	if err := s.Unwatched.Propose(ctx, t, r.Who()); err != nil {
		return "", s.refused(err, back)
	}
	return back, nil
}

// Unwatched tells the pages that what is known of tables that nobody watches has changed.
func (b *Board) Unwatched() { b.news.add("unwatched", sentinel.Table{}) }
