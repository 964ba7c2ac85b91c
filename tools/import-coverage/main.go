// Command import-coverage counts how many tests of dbt projects become checks, and which are
// left. Each argument is a folder with the files of a project, such as a clone of
// https://github.com/duneanalytics/spellbook, or with its target/manifest.json. No Jinja is
// rendered: a manifest, which holds the statements of macros, leaves less. Tests that the
// project switches off are counted apart. The share is that of the others.
//
//	go run ./import-coverage FOLDER...
package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/dbt"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "import-coverage: want folders of dbt projects")
		os.Exit(2)
	}
	all := count{}
	fmt.Printf("%-36s %8s %8s %8s %8s %7s\n", "project", "tests", "off", "checks", "left", "share")
	for _, folder := range os.Args[1:] {
		one, err := project(folder)
		if err != nil {
			fmt.Fprintln(os.Stderr, "import-coverage:", err)
			os.Exit(1)
		}
		one.print(filepath.Base(folder))
		all.add(one)
	}
	all.print("all")
	fmt.Printf("\n%-72s %8s\n", "kind", "tests")
	printCounts(all.kinds)
	fmt.Printf("\n%-72s %8s\n", "left", "tests")
	printCounts(all.left)
}

// count is what became of tests.
type count struct {
	kinds, left map[string]int // by kinds, and by name and reason
	off         int            // they are disabled in dbt
}

func (c *count) add(o count) {
	c.off += o.off
	if c.kinds == nil {
		c.kinds, c.left = map[string]int{}, map[string]int{}
	}
	for k, n := range o.kinds {
		c.kinds[k] += n
	}
	for k, n := range o.left {
		c.left[k] += n
	}
}

func sum(m map[string]int) (total int) {
	for _, n := range m {
		total += n
	}
	return total
}

func (c *count) print(name string) {
	taken, left := sum(c.kinds), sum(c.left)
	share := "-"
	if taken+left > 0 {
		share = fmt.Sprintf("%.1f%%", 100*float64(taken)/float64(taken+left))
	}
	fmt.Printf("%-36s %8d %8d %8d %8d %7s\n", name, taken+left+c.off, c.off, taken, left, share)
}

func printCounts(m map[string]int) {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(m[b]-m[a], strings.Compare(a, b)) })
	for _, k := range keys {
		fmt.Printf("%-72s %8d\n", k, m[k])
	}
}

// project imports the files of a folder. A file that is not of dbt, or not YAML, has no tests.
func project(folder string) (count, error) {
	c := count{kinds: map[string]int{}, left: map[string]int{}}
	var files []importers.File
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		known := slices.Contains([]string{".yml", ".yaml", ".sql"}, filepath.Ext(name)) ||
			filepath.Base(name) == "manifest.json"
		if err != nil || d.IsDir() || !known {
			return err
		}
		data, err := os.ReadFile(name)
		f := importers.File{Name: name, Data: data}
		if err == nil && (slices.Contains([]string{".json", ".sql"}, filepath.Ext(name)) || ofDBT(f)) {
			files = append(files, f)
		}
		return err
	})
	if err != nil {
		return c, err
	}
	got, err := importers.Import("dbt", files, importers.Options{Schema: "analytics"})
	if err != nil {
		return c, err
	}
	for _, n := range got.Taken {
		if isTest(n) {
			c.kinds[n.Why]++
		}
	}
	for _, n := range got.Left {
		switch {
		case !isTest(n):
		case strings.Contains(n.Why, "is disabled in dbt"):
			c.off++
		default:
			c.left[nameOf(n)+": "+short(n.Why)]++
		}
	}
	return c, nil
}

func ofDBT(f importers.File) bool {
	roots, err := importers.Parse(f)
	if err != nil {
		return false
	}
	for _, key := range []string{"models", "sources", "seeds", "snapshots"} {
		if importers.Items(importers.Under(roots[0], key)) != nil {
			return true
		}
	}
	return strings.HasPrefix(filepath.Base(f.Name), "dbt_project.")
}

// isTest reports whether a construct is a test: neither freshness nor a contract.
func isTest(n importers.Note) bool {
	name := nameOf(n)
	return strings.Contains(n.What, ": ") && name != "freshness" && name != "contract" &&
		!strings.HasPrefix(n.What, "unit test ")
}

// nameOf returns the name of a test, without its column.
func nameOf(n importers.Note) string {
	name := n.What[strings.LastIndex(n.What, ": ")+1:]
	name, _, _ = strings.Cut(strings.TrimSpace(name), "(")
	return name
}

var inQuotes = regexp.MustCompile(`"[^"]*"|: .*`)

// short leaves out of a reason what differs from test to test.
func short(why string) string {
	why = inQuotes.ReplaceAllString(why, "")
	return why[:min(len(why), 60)]
}
