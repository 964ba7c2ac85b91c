package page_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/agent"
)

// The list is narrowed by a tag, and a search finds tags. Programs read all datasets in parts,
// each once, also where one of them is gone meanwhile.
func TestDatasetsAreFoundByTag(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var all []agent.Dataset
	for i := range 2500 {
		d := configured(table(i), "ann")
		for n := range d.Checks {
			d.Checks[n].Meta.Tags = []string{fmt.Sprint("tag-", i%3), "every"}
		}
		all = append(all, d)
	}
	s.board.Configured(all)
	for path, want := range map[string]string{
		"/datasets?tag=tag-1": "1 to 100 of 833", "/datasets?q=tag-2": "1 to 100 of 833", "/datasets?tag=every": "1 to 100 of 2,500",
		"/datasets?tag=none": "No dataset is like that",
	} {
		if _, body, _ := s.get(path, nil); !strings.Contains(body, want) {
			t.Errorf("%s has no %q", path, want)
		}
	}
	seen := map[string]int{}
	v := url.Values{"tag": {"every"}}
	for range 4 {
		list, err := s.board.List(v)
		if err != nil || list.Found != 2500 {
			t.Fatal(list.Found, err)
		}
		for _, d := range list.Datasets {
			seen[d.Table.String()]++
		}
		if list.After == "" {
			break
		}
		v.Set("after", list.After)
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%s is listed %d times", name, n)
		}
	}
	if len(seen) != 2500 {
		t.Errorf("%d are listed", len(seen))
	}
	gone := table(1)
	gone.Name += "!"
	if list, err := s.board.List(url.Values{"after": {gone.String()}}); err != nil || len(list.Datasets) != 1000 {
		t.Errorf("after one that is gone: %d, %v", len(list.Datasets), err)
	}
	for _, wrong := range []url.Values{{"state": {"bad"}}, {"after": {`w."`}}} {
		if _, err := s.board.List(wrong); err == nil {
			t.Errorf("%v is no mistake", wrong)
		}
	}
}
