// Command housecount counts what the structure of the product's code is held to: the Go
// files of a repository without _test.go files, tools/ and generated files. Packages that
// only tests import are counted. It exits with 1 if a count is beyond its limit.
//
//	make house
//	go run ./housecount DIRECTORY
//
// count.go reads the files, functions.go finds the fields that hold functions, and
// engines.go finds comparisons with an engine's name.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	c, err := count(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "housecount:", err)
		os.Exit(1)
	}
	c.print(os.Stdout)
	broken := c.beyond()
	for _, b := range broken {
		fmt.Fprintln(os.Stderr, "housecount:", b)
	}
	if len(broken) > 0 {
		os.Exit(1)
	}
}

// The limits that fail `make lint`. The other counts are only printed.
const (
	limitWide      = 0.5 // percent of the lines
	limitParams    = 4   // functions
	limitCallbacks = 19  // fields
	limitEngines   = 0   // comparisons
)

// beyond says which counts are beyond their limits.
func (c *counts) beyond() (broken []string) {
	if share := c.share(); share > limitWide {
		broken = append(broken, fmt.Sprintf("%.2f %% of the lines have over %d characters, the limit is %.2f %%",
			share, maxWidth, limitWide))
	}
	for _, l := range []struct {
		what         string
		found, limit int
	}{
		{fmt.Sprintf("functions with %d or more parameters", manyParams), len(c.params), limitParams},
		{"exported fields of a function type", len(c.callbacks), limitCallbacks},
		{"comparisons of an engine by name outside its package", len(c.engines), limitEngines},
	} {
		if l.found > l.limit {
			broken = append(broken, fmt.Sprintf("%d %s, the limit is %d", l.found, l.what, l.limit))
		}
	}
	return broken
}

// share returns the percentage of lines that are too long.
func (c *counts) share() float64 { return 100 * float64(c.wide) / float64(max(1, c.lines)) }

func (c *counts) print(w io.Writer) {
	fmt.Fprintf(w, "lines of code without tests     %d in %d files, %d functions\n", c.lines, c.files, c.functions)
	fmt.Fprintf(w, "lines over %d characters       %d (%.2f %%)\n", maxWidth, c.wide, c.share())
	for _, l := range []struct {
		title string
		found []string
	}{
		{fmt.Sprintf("functions with %d or more parameters", manyParams), c.params},
		{fmt.Sprintf("functions over %d lines", maxFunction), c.long},
		{fmt.Sprintf("files over %d lines", maxFile), c.large},
		{"exported fields of a function type", c.callbacks},
		{"comparisons of an engine by name outside its package", c.engines},
	} {
		fmt.Fprintf(w, "\n%s: %d\n", l.title, len(l.found))
		for _, f := range l.found {
			fmt.Fprintln(w, "  "+f)
		}
	}
}
