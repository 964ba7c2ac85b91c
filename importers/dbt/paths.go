package dbt

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// layout is where a project keeps its files: the directory of its dbt_project.yml, and the folders
// of it, as paths with slashes.
type layout struct {
	dir       string
	resources []string // of models, seeds, snapshots and tests: settings of folders are relative to them
	tests     []string
}

// readLayout reads the paths of a dbt_project.yml. Older names of the keys are known, too.
func readLayout(f importers.File, root *yaml.Node) layout {
	paths := func(or string, keys ...string) (out []string) {
		for _, key := range keys {
			for _, one := range importers.Words(importers.Under(root, key)) {
				out = append(out, path.Clean(filepath.ToSlash(one)))
			}
		}
		if len(out) == 0 {
			out = []string{or}
		}
		return out
	}
	l := layout{dir: path.Dir(filepath.ToSlash(f.Name)), tests: paths("tests", "test-paths")}
	l.resources = slices.Concat(l.tests, paths("models", "model-paths", "source-paths"), paths("seeds", "seed-paths", "data-paths"),
		paths("snapshots", "snapshot-paths"))
	return l
}

// below returns the path of a file below a folder. ok is false if it lies elsewhere.
func below(folder, file string) (rest string, ok bool) {
	rest, err := filepath.Rel(folder, file)
	rest = filepath.ToSlash(rest)
	return rest, err == nil && rest != ".." && !strings.HasPrefix(rest, "../")
}

// absolute returns a path with which others can be compared.
func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// layoutOf returns the layout of the project that a file is in, which is the innermost, and its path
// there; nil if no dbt_project.yml was given for it.
func (p *project) layoutOf(file string) (of *layout, rest string) {
	for i, l := range p.layouts {
		in, ok := below(absolute(l.dir), absolute(file))
		if ok && (of == nil || len(in) < len(rest)) {
			of, rest = &p.layouts[i], in
		}
	}
	return of, rest
}

// inTests reports whether a file is in the folder of tests of its project. Without the project's
// dbt_project.yml the names of its folders tell: models may be in a folder of tests, too.
func (p *project) inTests(file string) bool {
	if of, rest := p.layoutOf(file); of != nil {
		return slices.ContainsFunc(of.tests, func(tests string) bool {
			in, ok := below(tests, rest)
			return ok && !slices.Contains(strings.Split(path.Dir(in), "/"), "fixtures") // rows of unit tests
		})
	}
	folders := strings.Split(path.Dir(filepath.ToSlash(file)), "/")
	return slices.Contains(folders, "tests") && !slices.ContainsFunc(folders, func(name string) bool {
		return slices.Contains([]string{"models", "macros", "snapshots", "analyses", "analysis", "fixtures"}, name)
	})
}

// holds reports whether a file is in a folder of the project, and whether that is sure: folders are
// named from that of the models, seeds, snapshots or singular tests on.
func (p *project) holds(d folder, file string) (holds, sure bool) {
	if len(d.dirs) == 0 {
		return true, true
	}
	of, rest := p.layoutOf(file)
	if of == nil {
		return false, false
	}
	for _, resource := range of.resources {
		in, ok := below(resource, rest)
		if !ok {
			continue
		}
		names := strings.Split(path.Dir(in), "/")
		holds, sure = holds || len(names) >= len(d.dirs) && slices.Equal(names[:len(d.dirs)], d.dirs), true
	}
	return holds, sure
}
