// Command housecount counts what the structure of the product's code is held to, in
// production code: the Go files of a repository without tests, tools/, and
// generated files.
//
//	make house
//	go run ./housecount DIRECTORY
//
// count.go reads the files; engines.go finds comparisons with an engine's name.
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
}

func (c *counts) print(w io.Writer) {
	share := 100 * float64(c.wide) / float64(max(1, c.lines))
	fmt.Fprintf(w, "lines of production code        %d in %d files, %d functions\n", c.lines, c.files, c.functions)
	fmt.Fprintf(w, "lines over %d characters       %d (%.2f %%)\n", maxWidth, c.wide, share)
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
