package page

import (
	"bytes"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/sentinel-dq/sentinel/docs"
)

func init() {
	addScreen(screen{path: "/docs", template: "docs.html", nav: "Docs", order: 70, show: listDocs})
	addScreen(screen{path: "/docs/{page...}", template: "doc.html", show: showDoc})
}

// markdown writes the pages of the documentation, which are a part of the program. Raw HTML in
// them is left out all the same.
var markdown = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(
		parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(linksInside{}, 500))))
})

// linksInside leaves the words of a link to a file that is no page of the documentation, such as
// one of the source: the agent does not have it.
type linksInside struct{}

// pageKey is the path of the page that is converted, in the context of its parser.
var pageKey = parser.NewContextKey()

// Transform implements [parser.ASTTransformer].
func (linksInside) Transform(doc *ast.Document, _ text.Reader, c parser.Context) {
	name, _ := c.Get(pageKey).(string)
	var outside []*ast.Link
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && entering && !known(name, string(l.Destination)) {
			outside = append(outside, l)
		}
		return ast.WalkContinue, nil
	})
	for _, l := range outside {
		for child := l.FirstChild(); child != nil; child = l.FirstChild() {
			l.Parent().InsertBefore(l.Parent(), l, child)
		}
		l.Parent().RemoveChild(l.Parent(), l)
	}
}

// known reports whether a link of a page leads to another site, or to a file that is served.
func known(page, to string) bool {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path == "" {
		return err == nil
	}
	name := path.Join(path.Dir(page), u.Path)
	_, err = fs.Stat(docs.Files, name)
	served := path.Ext(name) == ".md" || path.Dir(name) == "plots" || path.Dir(name) == "page"
	return err == nil && served
}

// docsData is the content of docs.html.
type docsData struct {
	Query   string
	Folders []docFolder
}

// docFolder is the pages of one folder of the documentation.
type docFolder struct {
	Name  string
	Pages []foundDoc
}

// foundDoc is a page with the first line in which the query was found.
type foundDoc struct {
	docs.Page
	Line string
}

func listDocs(_ *Site, r *http.Request) (any, error) {
	d := docsData{Query: strings.TrimSpace(r.FormValue("q"))}
	pages, err := docs.Pages()
	if err != nil {
		return d, err
	}
	words := strings.Fields(strings.ToLower(d.Query))
	for _, p := range pages {
		line, found := findWords(p, words)
		if !found {
			continue
		}
		if n := len(d.Folders); n == 0 || d.Folders[n-1].Name != p.Folder() {
			d.Folders = append(d.Folders, docFolder{Name: p.Folder()})
		}
		f := &d.Folders[len(d.Folders)-1]
		f.Pages = append(f.Pages, foundDoc{p, line})
	}
	return d, nil
}

// findWords reports whether a page has all words, and returns the first line that has one.
func findWords(p docs.Page, words []string) (line string, found bool) {
	if len(words) == 0 {
		return "", true
	}
	text := strings.ToLower(p.Text)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return "", false
		}
	}
	for l := range strings.Lines(p.Text) {
		if strings.Contains(strings.ToLower(l), words[0]) {
			return shorten(strings.Trim(l, "#|- \n"), 160), true
		}
	}
	return "", true
}

// docData is the content of doc.html.
type docData struct {
	docs.Page
	HTML template.HTML // made of a page that is embedded in the program
}

func showDoc(_ *Site, r *http.Request) (any, error) {
	name := r.PathValue("page")
	if name == "" {
		return nil, notFound("There is no such page in the documentation.")
	}
	if path.Ext(name) == "" {
		name += ".md"
	}
	p, err := docs.Read(path.Clean(name))
	switch {
	case path.Ext(name) != ".md":
		return nil, notFound("There is no page " + name + " in the documentation.")
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		return nil, notFound("There is no page " + name + " in the documentation that came with this agent.")
	case err != nil:
		return nil, err
	}
	var out bytes.Buffer
	c := parser.NewContext()
	c.Set(pageKey, p.Path)
	if err := markdown().Convert([]byte(p.Text), &out, parser.WithContext(c)); err != nil {
		return nil, err
	}
	return docData{p, template.HTML(out.String())}, nil
}
