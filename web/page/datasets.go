package page

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

func init() {
	addScreen(screen{
		path: "/datasets", template: "datasets.html", nav: "Datasets", order: 20, live: "check incident",
		show: func(s *Site, r *http.Request) (any, error) {
			return s.listDatasets(r.Context(), readQuery(r.URL.Query()))
		},
	})
}

// pageRows is the number of datasets on one page of the list.
const pageRows = 100

// datasetQuery is what the list is narrowed to and how it is sorted. It is in the URL.
type datasetQuery struct {
	Text, Warehouse, Schema, Owner, Tier, Tag string
	States                                    []sentinel.Status // none: all
	Sort                                      string            // worst, name, oldest
	After                                     string            // the dataset before the first row; "" for the first page
}

func readQuery(v url.Values) datasetQuery {
	q := datasetQuery{
		Text: strings.TrimSpace(v.Get("q")), Warehouse: v.Get("warehouse"), Schema: v.Get("schema"), Owner: v.Get("owner"),
		Tier: v.Get("tier"), Tag: v.Get("tag"), Sort: v.Get("sort"), After: v.Get("after"),
	}
	if q.Sort != "name" && q.Sort != "oldest" {
		q.Sort = "worst"
	}
	for word := range strings.SplitSeq(v.Get("state"), ",") {
		var s sentinel.Status
		if word != "" && s.UnmarshalText([]byte(word)) == nil {
			q.States = append(q.States, s)
		}
	}
	return q
}

// Path returns the address of the list with one parameter changed; "" removes it.
func (q datasetQuery) Path(key, value string) string {
	v := url.Values{}
	for k, text := range map[string]string{
		"q": q.Text, "warehouse": q.Warehouse, "schema": q.Schema, "owner": q.Owner, "tier": q.Tier, "tag": q.Tag, "sort": q.Sort,
		"state": q.State(),
	} {
		if text != "" && !(k == "sort" && text == "worst") {
			v.Set(k, text)
		}
	}
	v.Set(key, value)
	if value == "" {
		v.Del(key)
	}
	if len(v) == 0 {
		return "/datasets"
	}
	return "/datasets?" + v.Encode()
}

// State is the states as the URL has them.
func (q datasetQuery) State() string {
	words := make([]string, len(q.States))
	for i, s := range q.States {
		words[i] = s.String()
	}
	return strings.Join(words, ",")
}

// matches reports whether a dataset is in the list, whatever its state.
func (q datasetQuery) matches(d *dataset, words []string) bool {
	switch {
	case q.Warehouse != "" && d.Table.Warehouse != q.Warehouse, q.Schema != "" && d.Table.Schema != q.Schema,
		q.Owner != "" && d.Owner != q.Owner, q.Tier != "" && d.Tier != q.Tier,
		q.Tag != "" && !slices.Contains(d.Tags, q.Tag):
		return false
	}
	for _, w := range words {
		if !strings.Contains(d.search, w) {
			return false
		}
	}
	return true
}

// datasetsData is the content of datasets.html.
type datasetsData struct {
	tabs
	Query                                    datasetQuery
	All                                      int // in the configuration
	Found                                    int // in the list
	First, Last                              int // of the rows of this page, from 1
	Next                                     string
	Pills                                    []pill
	Groups                                   []group
	Warehouses, Schemas, Owners, Tiers, Tags []string
}

// pill is a state with the number of datasets in it.
type pill struct {
	Status  sentinel.Status
	Count   int
	Path    string
	Pressed bool
}

// group is the rows of one schema on this page, and what the whole schema has in the list.
type group struct {
	Name   string // "" in a list that is not grouped
	Count  int
	Counts []pill // of the bad states
	Rows   []datasetRow
}

// datasetRow is one row of the list.
type datasetRow struct {
	*dataset
	State sentinel.Status
	Seen  string
	Age   time.Duration // of the newest row; negative: not known
	Late  bool          // a freshness check is bad
	Spark line
	Days  strip
	Value string
	Full  bool // the whole name is shown, in a list without groups
}

// ranked is a dataset with what it is sorted by.
type ranked struct {
	*dataset
	state sentinel.Status
	group string
	worst int // rank of the worst in the group
	at    int // among the rows by table
}

// rank orders statuses, the worst first.
func rank(s sentinel.Status) int {
	switch s {
	case sentinel.Fail:
		return 0
	case sentinel.Error:
		return 1
	case sentinel.Warn:
		return 2
	case sentinel.Unknown:
		return 3
	}
	return 4
}

func boolInt(v bool) int {
	if v {
		return 1
	}
	return 0
}

func (s *Site) listDatasets(ctx context.Context, q datasetQuery) (datasetsData, error) {
	all := s.Board.all()
	d := datasetsData{tabs: s.tabs("/datasets"), Query: q, All: len(all)}
	d.choices(all)
	words := strings.Fields(strings.ToLower(q.Text))
	counts := map[sentinel.Status]int{}
	var rows []ranked
	for _, o := range all {
		if !q.matches(o, words) {
			continue
		}
		r := ranked{dataset: o, state: o.Status(), group: o.group, at: len(rows)}
		counts[r.state]++
		if len(q.States) == 0 || slices.Contains(q.States, r.state) {
			rows = append(rows, r)
		}
	}
	d.pills(counts)
	d.Found = len(rows)
	groups := q.sort(rows)
	begin := 0
	if q.After != "" {
		begin = 1 + slices.IndexFunc(rows, func(r ranked) bool { return r.Table.String() == q.After })
	}
	end := min(begin+pageRows, len(rows))
	d.First, d.Last = min(begin+1, d.Found), end
	if end < len(rows) {
		d.Next = q.Path("after", rows[end-1].Table.String())
	}
	return d, s.addRows(ctx, &d, rows[begin:end], groups)
}

// sort sorts rows, and counts the states of each group; nil for a list without groups.
func (q datasetQuery) sort(rows []ranked) map[string]map[sentinel.Status]int {
	if q.Sort == "oldest" {
		slices.SortFunc(rows, func(a, b ranked) int {
			x, y := a.newest(), b.newest()
			if x.IsZero() != y.IsZero() {
				return boolInt(x.IsZero()) - boolInt(y.IsZero())
			}
			return cmp.Or(x.Compare(y), a.Table.Compare(b.Table))
		})
		return nil
	}
	groups := map[string]map[sentinel.Status]int{}
	worst := map[string]int{}
	for _, r := range rows {
		if groups[r.group] == nil {
			groups[r.group] = map[sentinel.Status]int{}
			worst[r.group] = rank(r.state)
		}
		groups[r.group][r.state]++
		worst[r.group] = min(worst[r.group], rank(r.state))
	}
	if q.Sort != "worst" {
		return groups // they are by table
	}
	for i := range rows {
		rows[i].worst = worst[rows[i].group]
	}
	slices.SortFunc(rows, func(a, b ranked) int {
		return cmp.Or(a.worst-b.worst, strings.Compare(a.group, b.group), rank(a.state)-rank(b.state),
			tierRank(a.Tier)-tierRank(b.Tier), a.at-b.at)
	})
	return groups
}

// newest is the time of the newest row; zero: no check has seen it.
func (d *dataset) newest() (at time.Time) {
	for _, c := range d.Checks {
		if c.Newest.After(at) {
			at = c.Newest
		}
	}
	return at
}

// addRows adds one page of rows, by group.
func (s *Site) addRows(
	ctx context.Context, d *datasetsData, rows []ranked, groups map[string]map[sentinel.Status]int,
) error {
	now := s.Clock.Now()
	for _, r := range rows {
		row, err := s.datasetRow(ctx, r, now)
		if err != nil {
			return err
		}
		if row.Full = groups == nil; row.Full {
			r.group = ""
		}
		if n := len(d.Groups); n == 0 || d.Groups[n-1].Name != r.group {
			g := group{Name: r.group}
			for status, n := range groups[r.group] {
				if g.Count += n; status != sentinel.Pass {
					g.Counts = append(g.Counts, pill{Status: status, Count: n})
				}
			}
			slices.SortFunc(g.Counts, func(a, b pill) int { return rank(a.Status) - rank(b.Status) })
			d.Groups = append(d.Groups, g)
		}
		g := &d.Groups[len(d.Groups)-1]
		g.Rows = append(g.Rows, row)
	}
	return nil
}

func (s *Site) datasetRow(ctx context.Context, r ranked, now time.Time) (row datasetRow, err error) {
	row = datasetRow{dataset: r.dataset, State: r.state, Age: -1}
	points, err := s.sparkOf(ctx, r.dataset)
	if err != nil {
		return row, err
	}
	if c := r.main(); c != nil {
		row.Value = number(c.Value)
		row.Spark = smallLine(points, 96, 24, c.Status.Bad())
	}
	for _, c := range r.Checks {
		if !c.Newest.IsZero() {
			row.Age = now.Sub(c.Newest)
			row.Late = c.Status == sentinel.Fail
		}
	}
	days, _, _ := s.Board.days(r.Table, r.Location, now)
	row.Days = sticks(days)
	row.Seen = r.seen()
	if _, i := s.Board.of(r.Table); i.Cause != "" && r.state != sentinel.Pass {
		row.Seen = "because of " + i.Cause
	}
	return row, nil
}

// seen says what was seen last, in one line; "" if all is as expected.
func (d *dataset) seen() string {
	switch c := d.Worst(); {
	case c == nil:
		return "no check has run yet"
	case c.Status == sentinel.Pass:
		return ""
	default:
		return c.Message
	}
}

// choices adds the values that the list can be narrowed to.
func (d *datasetsData) choices(all []*dataset) {
	warehouses, schemas, owners, tiers := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	tags := map[string]bool{}
	for _, o := range all {
		warehouses[o.Table.Warehouse], owners[o.Owner], tiers[o.Tier] = true, true, true
		for _, t := range o.Tags {
			tags[t] = true
		}
		if d.Query.Warehouse == "" || d.Query.Warehouse == o.Table.Warehouse {
			schemas[o.Table.Schema] = true
		}
	}
	list := func(of map[string]bool) []string {
		delete(of, "")
		return slices.Sorted(maps.Keys(of))
	}
	d.Warehouses, d.Schemas, d.Owners, d.Tiers = list(warehouses), list(schemas), list(owners), list(tiers)
	d.Tags = list(tags)
}

// pills adds the states, with what a press of each leads to.
func (d *datasetsData) pills(counts map[sentinel.Status]int) {
	all := []sentinel.Status{sentinel.Fail, sentinel.Warn, sentinel.Error, sentinel.Unknown, sentinel.Pass}
	for _, status := range all {
		p := pill{Status: status, Count: counts[status], Pressed: slices.Contains(d.Query.States, status)}
		other := d.Query
		if p.Pressed {
			other.States = slices.DeleteFunc(slices.Clone(other.States), func(o sentinel.Status) bool { return o == status })
		} else {
			other.States = append(slices.Clone(other.States), status)
		}
		p.Path = d.Query.Path("state", other.State())
		if p.Count > 0 || p.Pressed {
			d.Pills = append(d.Pills, p)
		}
	}
}

// Total is the number of datasets in any state.
func (d datasetsData) Total() (n int) {
	for _, p := range d.Pills {
		n += p.Count
	}
	return n
}
