package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits that are counted against.
const (
	maxWidth    = 120 // characters of a line; a tab counts as one
	maxFunction = 60  // lines of a function, its signature and braces among them
	maxFile     = 400 // lines of a file
	manyParams  = 6   // parameters of a function; the receiver is none
)

// skipped are the folders whose code is no part of the product. Packages that only
// tests import, such as testenv, are counted.
var skipped = []string{".git", "bin", "testdata", "tools"}

// counts is what was found. The lists hold "file:line what".
type counts struct {
	files, lines, functions, wide           int
	params, long, large, callbacks, engines []string

	functionTypes map[string]bool // named function types, as "directory.Name"
}

// count reads the code under root, without tests.
func count(root string) (*counts, error) {
	c := &counts{functionTypes: map[string]bool{}}
	if err := eachFile(root, c.namedFunctions); err != nil {
		return nil, err
	}
	return c, eachFile(root, c.file)
}

// eachFile calls do with every file's path below root and its content.
func eachFile(root string, do func(name string, source []byte) error) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != root && slices.Contains(skipped, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return do(filepath.ToSlash(name), source)
	})
}

func (c *counts) file(name string, source []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(file) {
		return nil
	}
	lines := bytes.Split(bytes.TrimSuffix(source, []byte("\n")), []byte("\n"))
	c.files++
	c.lines += len(lines)
	if len(lines) > maxFile {
		c.large = append(c.large, fmt.Sprintf("%s %d lines", name, len(lines)))
	}
	for i, line := range lines {
		if utf8.RuneCount(line) > maxWidth {
			c.wide++
		}
		if !ownsEngine(name) && comparesEngine(string(line)) {
			c.engines = append(c.engines, fmt.Sprintf("%s:%d %s", name, i+1, bytes.TrimSpace(line)))
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			c.function(set, n)
		case *ast.StructType:
			c.fields(set, n, functionTypes{dir: path.Dir(name), imports: imports(file), named: c.functionTypes})
		}
		return true
	})
	return nil
}

func (c *counts) function(set *token.FileSet, f *ast.FuncDecl) {
	c.functions++
	at := set.Position(f.Pos())
	if n := f.Type.Params.NumFields(); n >= manyParams {
		c.params = append(c.params, fmt.Sprintf("%s:%d %s %d parameters", at.Filename, at.Line, f.Name.Name, n))
	}
	if n := set.Position(f.End()).Line - at.Line + 1; n > maxFunction {
		c.long = append(c.long, fmt.Sprintf("%s:%d %s %d lines", at.Filename, at.Line, f.Name.Name, n))
	}
}

// fields finds the exported fields whose type is a function, or a list or a map of
// functions.
func (c *counts) fields(set *token.FileSet, s *ast.StructType, types functionTypes) {
	for _, field := range s.Fields.List {
		if !types.has(field.Type) {
			continue
		}
		for _, name := range fieldNames(field) {
			if at := set.Position(name.Pos()); name.IsExported() {
				c.callbacks = append(c.callbacks, fmt.Sprintf("%s:%d %s", at.Filename, at.Line, name.Name))
			}
		}
	}
}
