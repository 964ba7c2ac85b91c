// Package docs embeds the documentation, so that it is read where the agent runs.
package docs

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Files are the pages and their pictures, and the description of the API, by their paths below
// docs/.
//
//go:embed *.md */*.md plots/*.svg page/*.png openapi.json
var Files embed.FS

// Page is one page.
type Page struct {
	Path  string // below docs/, such as checks/freshness.md
	Title string // its first heading
	Text  string // Markdown
}

// Name is the path without the ending.
func (p Page) Name() string { return strings.TrimSuffix(p.Path, ".md") }

// Folder is the folder of the page; "" for those above.
func (p Page) Folder() string {
	if dir := path.Dir(p.Path); dir != "." {
		return dir
	}
	return ""
}

// Pages returns all pages: those without a folder first, then by path.
func Pages() (all []Page, err error) {
	err = fs.WalkDir(Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".md" {
			return err
		}
		p, err := Read(name)
		all = append(all, p)
		return err
	})
	slices.SortFunc(all, func(a, b Page) int {
		if c := strings.Compare(a.Folder(), b.Folder()); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
	return all, err
}

// Read reads a page by its path below docs/. The error is [fs.ErrNotExist] if there is none.
func Read(name string) (Page, error) {
	text, err := Files.ReadFile(name)
	if err != nil {
		return Page{}, err
	}
	p := Page{Path: name, Title: name, Text: string(text)}
	for line := range strings.Lines(p.Text) {
		if title, found := strings.CutPrefix(line, "# "); found {
			p.Title = strings.TrimSpace(title)
			break
		}
	}
	return p, nil
}
