package web

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/web/openapi"
	"github.com/sentinel-dq/sentinel/web/openapi/openapitest"
)

var update = flag.Bool("update", false, "write docs/openapi.json and the routes in docs/api.md")

// described is the API as its description has it. The guard of /metrics is of its own.
func described(t *testing.T) openapi.API {
	t.Helper()
	routes := []openapi.Route{{Method: "GET", Path: "/metrics", Operation: openapi.Operation{
		ID: "metrics", Summary: "The metrics, in the text format of Prometheus or as OpenMetrics.", Group: ofAgent,
		Role: openapi.Reader,
	}}}
	for _, r := range new(Server).routes() {
		routes = append(routes, openapi.Route{Method: r.method, Path: r.path, Operation: r.Operation})
	}
	return openapi.API{
		Title: "Sentinel", Version: "1", Routes: routes, Source: "..", Module: "github.com/sentinel-dq/sentinel",
		About: "What a running agent answers. Answers of the same version may get more members. Errors are plain text.",
		Types: map[reflect.Type]openapi.Schema{
			reflect.TypeFor[sentinel.Number](): {
				Type: []string{"number", "string", "null"},
				Description: "A number. It is a text where a float of 64 bits would lose digits, and for NaN, +Inf and -Inf; " +
					"null if there is none.",
			},
			reflect.TypeFor[sentinel.Status](): {Type: "string", Enum: []string{"pass", "warn", "fail", "unknown", "error"}},
			reflect.TypeFor[sentinel.Table]():  {Type: "string", Description: "A table as warehouse.schema.table; odd names are in quotes."},
		},
		Forms: map[reflect.Type]reflect.Type{
			reflect.TypeFor[sentinel.Result](): reflect.TypeFor[struct {
				Seconds float64 `json:"duration_seconds"`
			}](),
			reflect.TypeFor[sentinel.Score](): reflect.TypeFor[struct {
				Value sentinel.Number `json:"value"`
				Score sentinel.Number `json:"score"`
				Low   sentinel.Number `json:"low"`
				High  sentinel.Number `json:"high"`
			}](),
		},
	}
}

// docs/openapi.json and the table in docs/api.md are what the routes say.
func TestTheDescriptionIsGenerated(t *testing.T) {
	t.Parallel()
	api := described(t)
	want, err := openapi.Write(api)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- routes -->\n", "<!-- end of routes -->"
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("docs/api.md wants %q and %q", begin, end)
	}
	for file, want := range map[string]string{
		"../docs/openapi.json": string(want), "../docs/api.md": head + begin + listed(api.Routes) + end + tail,
	} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s is not what the routes say: run make docs (%v)", file, err)
		}
	}
}

// listed writes the routes as tables, by group.
func listed(routes []openapi.Route) string {
	var b strings.Builder
	group := ""
	sorted := slices.Clone(routes)
	slices.SortStableFunc(sorted, func(a, b openapi.Route) int { return cmp.Compare(a.Group, b.Group) })
	for _, r := range sorted {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(&b, "\n## %s\n\n| route | answers | who |\n|---|---|---|\n", strings.ToUpper(group[:1])+group[1:])
		}
		who := map[string]string{"": "everybody", openapi.Reader: "readers"}[r.Role]
		var query []string
		for _, p := range r.Parameters {
			if !strings.Contains(r.Path, "{"+p.Name+"}") {
				query = append(query, "`"+p.Name+"`")
			}
		}
		about := r.Summary
		if query != nil {
			about += " Parameters: " + strings.Join(query, ", ") + "."
		}
		fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", r.Method, r.Path, about, cmp.Or(who, r.Role))
	}
	return b.String() + "\n"
}

// patterns collects what is registered.
type patterns []string

func (p *patterns) Handle(pattern string, _ http.Handler) { *p = append(*p, pattern) }

// Every route of the API is described, and nothing else is.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	s := &Server{Clock: sentinel.ClockFunc(func() time.Time { return time.Time{} })}
	g := access.NewGuard(access.Access{}, nil, s.Clock, s)
	var registered patterns
	s.register(&registered, g)
	got := openapitest.Read(t).Operations()
	slices.Sort(got)
	slices.Sort(registered)
	if !slices.Equal(got, registered) {
		t.Errorf("described:  %q\nregistered: %q", got, registered)
	}
	ids := map[string]bool{}
	for _, r := range s.routes() {
		if r.ID == "" || ids[r.ID] || !strings.HasSuffix(r.Summary, ".") || r.Group == "" {
			t.Errorf("%s %s wants an id of its own, a group and a sentence", r.method, r.path)
		}
		ids[r.ID] = true
	}
}

// Whatever a handler may write is as the description says: values of its type, drawn at random,
// with every number, time and name.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	d := openapitest.Read(t)
	for _, r := range new(Server).routes() {
		if r.Answer == nil {
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			draw := drawer{rand.New(rand.NewPCG(1, 2)), d}
			for range 200 {
				v := reflect.New(reflect.TypeOf(r.Answer)).Elem()
				draw.fill(v, 0)
				if v.Kind() == reflect.Slice && v.IsNil() {
					v = reflect.MakeSlice(v.Type(), 0, 0) // as nonNil does
				}
				text, err := json.Marshal(v.Interface())
				if err != nil {
					t.Fatalf("%+v: %v", v, err)
				}
				if err := d.Answer(r.method, r.path, text); err != nil {
					t.Fatalf("%s\n%v", text, err)
				}
			}
		})
	}
}

// drawer draws values.
type drawer struct {
	*rand.Rand
	description *openapitest.Description
}

var texts = []string{"", "a", "größe \x00 <b>\u2028", "\xff", `a."b".c`, "null", "é\u202e"}

// fill sets a value, and all in it.
func (d drawer) fill(v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case sentinel.Number:
		v.Set(reflect.ValueOf([]sentinel.Number{
			{}, sentinel.Int(-3), sentinel.Int(1<<53 + 1), sentinel.Float(1.5), sentinel.Float(1e300), sentinel.Float(math.NaN()),
			sentinel.Float(math.Inf(-1)),
		}[d.IntN(7)]))
		return
	case sentinel.Status:
		v.SetUint(d.Uint64N(5))
		return
	case time.Time:
		if d.IntN(4) > 0 {
			v.Set(reflect.ValueOf(time.Unix(d.Int64N(250e9)-60e9, d.Int64N(1e9)).UTC()))
		}
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf([]json.RawMessage{nil, json.RawMessage(`{"a":[1,null]}`), json.RawMessage(`"x"`)}[d.IntN(3)]))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, 1, -1, math.MaxInt64, math.MinInt64}[d.IntN(5)])
	case reflect.Float64:
		v.SetFloat([]float64{0, 1.5, -1e300, math.NaN(), math.Inf(1)}[d.IntN(5)])
	case reflect.String:
		from := texts
		if words := d.description.Words(v.Type().Name()); words != nil {
			from = words
		}
		v.SetString(from[d.IntN(len(from))])
	case reflect.Pointer:
		if d.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			d.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if n := d.IntN(3); n > 0 || d.IntN(2) == 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				d.fill(v.Index(i), depth+1)
				if e := v.Index(i); e.Kind() == reflect.Slice && e.IsNil() {
					e.Set(reflect.MakeSlice(e.Type(), 0, 0)) // a row is never null
				}
			}
		}
	case reflect.Map:
		if d.IntN(3) > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			d.fill(key, depth+1)
			d.fill(value, depth+1)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				d.fill(f, depth+1)
			}
		}
	}
}
