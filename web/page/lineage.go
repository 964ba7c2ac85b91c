package page

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

func init() {
	addScreen(screen{
		path: "/lineage", template: "lineage.html", nav: "Lineage", order: 50, live: "check incident",
		show: func(s *Site, r *http.Request) (any, error) { return s.lineage(r) },
	})
}

const (
	mostNodes   = 200 // of a graph
	nodeWidth   = 196
	nodeHeight  = 48
	columnStep  = 250
	rowStep     = 72
	defaultStep = 4
	nameChars   = 20 // that fit into a node
	seenChars   = 22
)

// graph is a layered graph as SVG. What a dataset is made of stands to its left.
type graph struct {
	Width, Height int
	Heads         []head
	Edges         []edge
	Nodes         []graphNode
}

type head struct {
	X    int
	Text string
}

// edge is a line between two datasets. Hot: what is wrong with the first reaches the second.
type edge struct {
	D   string
	Hot bool
}

// graphNode is one dataset in a graph.
type graphNode struct {
	neighbour
	X, Y     int
	Name     string
	Line     string
	Selected bool
	Class    string
	More     int // datasets of the layer that are not drawn; then there is no table
}

// reach is a dataset that another one reaches, in the table below the graph.
type reach struct {
	neighbour
	Steps int
	Due   time.Duration // until its deadline; negative: it has none
}

// lineageData is the content of lineage.html.
type lineageData struct {
	Of        sentinel.Table
	Query     string
	Direction string
	Steps     int
	Sentence  string
	Why       string
	Graph     graph
	Reached   []reach
	Tree      []reach // on phones, and for screen readers
	Names     []string
}

func (s *Site) lineage(r *http.Request) (lineageData, error) {
	d := lineageData{Query: strings.TrimSpace(r.FormValue("of")), Direction: r.FormValue("dir"), Steps: defaultStep}
	if n, err := strconv.Atoi(r.FormValue("steps")); err == nil && n >= 1 && n <= 9 {
		d.Steps = n
	}
	if d.Direction != "up" && d.Direction != "down" {
		d.Direction = "both"
	}
	all := s.Board.all()
	start := d.choose(all)
	if start == nil {
		d.Sentence = "No dataset depends on another one"
		if d.Query != "" {
			return d, notFound("No dataset " + d.Query + " is watched.")
		}
		return d, nil
	}
	d.Of = start.Table
	byTable := make(map[sentinel.Table]*dataset, len(all))
	for _, o := range all {
		byTable[o.Table] = o
	}
	down := walk(start.Table, d.Steps, func(t sentinel.Table) []sentinel.Table { return below(byTable, t) })
	up := walk(start.Table, d.Steps, func(t sentinel.Table) []sentinel.Table { return above(byTable, t) })
	layers := map[sentinel.Table]int{start.Table: 0}
	if d.Direction != "down" {
		for t, n := range up {
			layers[t] = -n
		}
	}
	if d.Direction != "up" {
		for t, n := range down {
			layers[t] = max(layers[t], n)
		}
	}
	d.Graph = s.layout(layers, byTable, start.Table)
	d.Reached = s.reached(down, start.Table)
	d.Tree = s.reached(layers, sentinel.Table{})
	d.say(start)
	return d, nil
}

// choose returns the dataset to begin at: the one that is asked for, or else the worst of those
// that others depend on.
func (d *lineageData) choose(all []*dataset) (start *dataset) {
	for _, o := range all {
		if len(o.Downstream)+len(o.Upstream) == 0 {
			continue
		}
		if len(d.Names) < mostNodes {
			d.Names = append(d.Names, o.Table.String())
		}
		better := start == nil || rank(o.Status()) < rank(start.Status()) ||
			o.Status() == start.Status() && len(o.Downstream) > len(start.Downstream)
		if d.Query == "" && better {
			start = o
		}
	}
	if d.Query == "" {
		return start
	}
	for _, o := range all {
		if o.Table.String() == d.Query {
			return o
		}
	}
	for _, o := range all {
		if strings.Contains(o.search, strings.ToLower(d.Query)) {
			return o
		}
	}
	return nil
}

func below(of map[sentinel.Table]*dataset, t sentinel.Table) []sentinel.Table {
	if o := of[t]; o != nil {
		return o.Downstream
	}
	return nil
}

func above(of map[sentinel.Table]*dataset, t sentinel.Table) []sentinel.Table {
	if o := of[t]; o != nil {
		return o.Upstream
	}
	return nil
}

// walk returns the datasets that are reached within a number of steps, with the most steps of any
// way to each, so that a layer never stands beside what it is made of.
func walk(from sentinel.Table, steps int, next func(sentinel.Table) []sentinel.Table) map[sentinel.Table]int {
	found := map[sentinel.Table]int{}
	here := []sentinel.Table{from}
	for n := 1; n <= steps && len(here) > 0; n++ {
		seen := map[sentinel.Table]bool{}
		var further []sentinel.Table
		for _, t := range here {
			for _, o := range next(t) {
				if o != from && !seen[o] {
					seen[o] = true
					found[o] = n
					further = append(further, o)
				}
			}
		}
		here = further
	}
	return found
}

// layout places datasets by their layers, from the left. In each layer the worst come first.
func (s *Site) layout(
	layers map[sentinel.Table]int, byTable map[sentinel.Table]*dataset, selected sentinel.Table,
) graph {
	columns := map[int][]neighbour{}
	first, last := 0, 0
	for t, n := range layers {
		columns[n] = append(columns[n], s.neighbours([]sentinel.Table{t})...)
		first, last = min(first, n), max(last, n)
	}
	most := max(1, mostNodes/(last-first+1))
	g := graph{Width: (last-first)*columnStep + nodeWidth + 2, Height: 24}
	at := map[sentinel.Table]graphNode{}
	for n := first; n <= last; n++ {
		slices.SortFunc(columns[n], func(a, b neighbour) int {
			return cmp.Or(rank(a.State)-rank(b.State), a.Table.Compare(b.Table))
		})
		x, y := (n-first)*columnStep+1, 32
		g.Heads = append(g.Heads, head{x, headText(n)})
		for i, o := range columns[n] {
			if i == most {
				g.Nodes = append(g.Nodes, graphNode{X: x, Y: y, More: len(columns[n]) - most})
				y += rowStep
				break
			}
			node := graphNode{neighbour: o, X: x, Y: y, Selected: o.Table == selected, Class: nodeClass(o.State)}
			node.Name, node.Line = shorten(shortTable(o.Table), nameChars), shorten(o.Seen, seenChars)
			at[o.Table] = node
			g.Nodes = append(g.Nodes, node)
			y += rowStep
		}
		g.Height = max(g.Height, y)
	}
	for _, node := range g.Nodes {
		for _, t := range above(byTable, node.Table) {
			if from, drawn := at[t]; drawn && from.X < node.X {
				g.Edges = append(g.Edges, edge{curve(from, node), from.State == sentinel.Fail || from.State == sentinel.Warn})
			}
		}
	}
	slices.SortStableFunc(g.Edges, func(a, b edge) int { return boolInt(a.Hot) - boolInt(b.Hot) })
	return g
}

func headText(layer int) string {
	switch {
	case layer == -1:
		return "Made of"
	case layer < 0:
		return fmt.Sprintf("%d steps before", -layer)
	case layer == 1:
		return "Makes"
	case layer > 1:
		return fmt.Sprintf("%d steps on", layer)
	}
	return ""
}

func nodeClass(s sentinel.Status) string {
	switch s {
	case sentinel.Fail:
		return "nx"
	case sentinel.Warn:
		return "nw"
	case sentinel.Error:
		return "ne"
	}
	return "n0"
}

// curve is the path of an edge.
func curve(from, to graphNode) string {
	x1, y1, x2, y2 := from.X+nodeWidth, from.Y+nodeHeight/2, to.X, to.Y+nodeHeight/2
	middle := (x1 + x2) / 2
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, middle, y1, middle, y2, x2, y2)
}

// shorten cuts a text that does not fit into a node. The whole text is in its title.
func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// reached lists datasets with what is due there, the soonest first.
func (s *Site) reached(of map[sentinel.Table]int, without sentinel.Table) (out []reach) {
	due := map[sentinel.Table]time.Duration{}
	for _, r := range s.Agent.Risks() {
		due[r.Table] = r.Left
	}
	for t, n := range of {
		if t == without {
			continue
		}
		r := reach{neighbour: s.neighbours([]sentinel.Table{t})[0], Steps: n, Due: -1}
		if left, known := due[t]; known && left > 0 {
			r.Due = left
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b reach) int {
		if without == (sentinel.Table{}) { // the tree
			return cmp.Or(a.Steps-b.Steps, rank(a.State)-rank(b.State), a.Table.Compare(b.Table))
		}
		if (a.Due < 0) != (b.Due < 0) {
			return boolInt(a.Due < 0) - boolInt(b.Due < 0)
		}
		return cmp.Or(cmp.Compare(a.Due, b.Due), a.Steps-b.Steps, a.Table.Compare(b.Table))
	})
	return out[:min(len(out), mostNodes)]
}

// say says what the dataset reaches.
func (d *lineageData) say(start *dataset) {
	name := start.Table.Name
	switch n := len(d.Reached); n {
	case 0:
		d.Sentence = name + " reaches no other dataset"
	default:
		d.Sentence = name + " reaches " + plural(n, "dataset", "datasets")
	}
	d.Why = statusWord(start.Status())
	if text := start.seen(); text != "" {
		d.Why += ": " + text
	}
	if len(d.Reached) > 0 && d.Reached[0].Due >= 0 {
		d.Why += fmt.Sprintf(". %s is needed first, in %s", d.Reached[0].Table, duration(d.Reached[0].Due))
	}
	d.Why += "."
}

// lineagePath is the address of the graph around a dataset.
func lineagePath(t sentinel.Table) string { return "/lineage?of=" + url.QueryEscape(t.String()) }
