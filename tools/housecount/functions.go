package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// module is the prefix of the product's import paths.
const module = "github.com/sentinel-dq/sentinel"

// standard are the named function types of the standard library that a field may have.
var standard = map[string]bool{
	"net/http.HandlerFunc":    true,
	"context.CancelFunc":      true,
	"context.CancelCauseFunc": true,
	"io/fs.WalkDirFunc":       true,
	"path/filepath.WalkFunc":  true,
}

// namedFunctions records the function types that a file names.
func (c *counts) namedFunctions(name string, source []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		types, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range types.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && (functionTypes{}).has(t.Type) {
				c.functionTypes[path.Dir(name)+"."+t.Name.Name] = true
			}
		}
	}
	return nil
}

// imports returns the import paths of a file by the names that the file uses.
func imports(file *ast.File) map[string]string {
	out := map[string]string{}
	for _, i := range file.Imports {
		target, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue // the parser accepted it
		}
		name := path.Base(target)
		if i.Name != nil {
			name = i.Name.Name
		}
		out[name] = target
	}
	return out
}

// functionTypes resolves the types of fields of one file, to find those that hold
// functions.
type functionTypes struct {
	dir     string            // the file's directory
	imports map[string]string // import paths by name
	named   map[string]bool   // named function types, as "directory.Name"
}

// has reports whether a type is a function, or a pointer, a list, a map or a channel of
// functions.
func (t functionTypes) has(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncType:
		return true
	case *ast.ParenExpr:
		return t.has(e.X)
	case *ast.StarExpr:
		return t.has(e.X)
	case *ast.ArrayType:
		return t.has(e.Elt)
	case *ast.MapType:
		return t.has(e.Value)
	case *ast.ChanType:
		return t.has(e.Value)
	case *ast.Ident:
		return t.named[t.dir+"."+e.Name]
	case *ast.SelectorExpr:
		of, ok := e.X.(*ast.Ident)
		return ok && t.foreign(t.imports[of.Name], e.Sel.Name)
	}
	return false
}

// foreign reports whether a type of another package is a function.
func (t functionTypes) foreign(target, name string) bool {
	if target == module {
		return t.named["."+"."+name]
	}
	if dir, ours := strings.CutPrefix(target, module+"/"); ours {
		return t.named[dir+"."+name]
	}
	return standard[target+"."+name]
}

// fieldNames returns the names of a field. An embedded field has its type's name.
func fieldNames(f *ast.Field) []*ast.Ident {
	if len(f.Names) > 0 {
		return f.Names
	}
	switch e := f.Type.(type) {
	case *ast.Ident:
		return []*ast.Ident{e}
	case *ast.SelectorExpr:
		return []*ast.Ident{e.Sel}
	}
	return nil
}
