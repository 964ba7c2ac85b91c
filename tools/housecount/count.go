package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
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

// skipped are the folders whose code is no part of the product, or is imported by
// tests alone.
var skipped = []string{".git", "bin", "testdata", "tools", "testenv", "repairtest", "drivers"}

// counts is what was found. The lists hold "file:line what".
type counts struct {
	files, lines, functions, wide           int
	params, long, large, callbacks, engines []string
}

// count reads the production code under root.
func count(root string) (*counts, error) {
	c := &counts{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && slices.Contains(skipped, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return c.file(filepath.ToSlash(name), source)
	})
	return c, err
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
			c.fields(set, n)
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
func (c *counts) fields(set *token.FileSet, s *ast.StructType) {
	for _, field := range s.Fields.List {
		if !isFunction(field.Type) {
			continue
		}
		for _, name := range field.Names {
			if at := set.Position(name.Pos()); name.IsExported() {
				c.callbacks = append(c.callbacks, fmt.Sprintf("%s:%d %s", at.Filename, at.Line, name.Name))
			}
		}
	}
}

func isFunction(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncType:
		return true
	case *ast.ParenExpr:
		return isFunction(e.X)
	case *ast.ArrayType:
		return isFunction(e.Elt)
	case *ast.MapType:
		return isFunction(e.Value)
	}
	return false
}
