package openapi

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// source reads comments and constants from the Go files of a module.
type source struct {
	root, module string
	packages     map[string]*pkg // by their paths
}

// pkg is what the files of a package say.
type pkg struct {
	types     map[string]string            // comments
	fields    map[string]map[string]string // comments, by type and name
	constants map[string][]string          // values of strings, by type
}

// of returns the package of a type; an empty one for types of no module or of others.
func (s source) of(t reflect.Type) (*pkg, error) {
	path := t.PkgPath()
	if p, known := s.packages[path]; known {
		return p, nil
	}
	p := &pkg{types: map[string]string{}, fields: map[string]map[string]string{}, constants: map[string][]string{}}
	s.packages[path] = p
	if path != s.module && !strings.HasPrefix(path, s.module+"/") {
		return p, nil
	}
	dir := filepath.Join(s.root, strings.TrimPrefix(path, s.module))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if g, general := d.(*ast.GenDecl); general {
				if err := p.add(g); err != nil {
					return nil, fmt.Errorf("%s: %w", e.Name(), err)
				}
			}
		}
	}
	return p, nil
}

// add takes a declaration of types or constants.
func (p *pkg) add(g *ast.GenDecl) error {
	for _, spec := range g.Specs {
		switch v := spec.(type) {
		case *ast.TypeSpec:
			p.types[v.Name.Name] = sentence(g.Doc, v.Doc, v.Comment)
			if of, isStruct := v.Type.(*ast.StructType); isStruct {
				p.addFields(v.Name.Name, of)
			}
		case *ast.ValueSpec:
			named, is := v.Type.(*ast.Ident)
			if g.Tok != token.CONST || !is {
				continue
			}
			for _, value := range v.Values {
				literal, is := value.(*ast.BasicLit)
				if !is || literal.Kind != token.STRING {
					continue
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					return err
				}
				p.constants[named.Name] = append(p.constants[named.Name], text)
			}
		}
	}
	return nil
}

func (p *pkg) addFields(name string, of *ast.StructType) {
	comments := map[string]string{}
	for _, f := range of.Fields.List {
		for _, n := range f.Names {
			comments[n.Name] = sentence(f.Doc, f.Comment)
		}
	}
	p.fields[name] = comments
}

// sentence joins comments to one line. Links of Go's documentation lose their brackets.
func sentence(groups ...*ast.CommentGroup) string {
	var words []string
	for _, g := range groups {
		if g != nil {
			words = append(words, strings.Fields(g.Text())...)
		}
	}
	return docLink.ReplaceAllString(strings.Join(words, " "), "$1")
}

// docLink is a link in a comment of Go.
var docLink = regexp.MustCompile(`\[\*?([A-Za-z.]+)\]`)

// comment returns the comment of a type.
func (s source) comment(t reflect.Type) (string, error) {
	p, err := s.of(t)
	if err != nil {
		return "", err
	}
	return p.types[t.Name()], nil
}

// fieldComment returns the comment of a field of a struct.
func (s source) fieldComment(owner reflect.Type, name string) (string, error) {
	p, err := s.of(owner)
	if err != nil {
		return "", err
	}
	return p.fields[owner.Name()][name], nil
}

// constants returns the values that the constants of a type of strings have; nil if it has none.
func (s source) constants(t reflect.Type) ([]string, error) {
	p, err := s.of(t)
	if err != nil {
		return nil, err
	}
	return p.constants[t.Name()], nil
}
