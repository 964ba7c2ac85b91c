package dbt

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/sentinel-dq/sentinel/importers"
)

// folder is a level below `tests` or `data_tests` of dbt_project.yml, which holds settings of
// the tests of a project or of a folder of it.
type folder struct {
	file    importers.File
	project string   // the name of the project; "" if it is not known
	path    string   // as it is written: tests.shop.staging
	dirs    []string // the folders below the project
	other   bool     // of another project, such as a package
}

// folderSetting is one setting of a folder.
type folderSetting struct {
	folder
	key, value string
	at         importers.Place
}

// settingsOfTests are the settings that change what a test judges, and how it is reported.
var settingsOfTests = []string{"enabled", "where", "warn_if", "error_if", "severity", "limit", "fail_calc"}

// readFolder notes the settings of a level and of those below it. A mapping is a folder,
// unless its name begins with a plus sign.
func (p *project) readFolder(d folder, level *yaml.Node) {
	for _, f := range importers.Pairs(level) {
		key := strings.TrimPrefix(f.Name, "+")
		switch {
		case key == f.Name && f.Value.Kind == yaml.MappingNode:
			sub := d
			sub.path += "." + f.Name
			if atRoot := !strings.Contains(d.path, "."); !atRoot {
				sub.dirs = append(slices.Clone(d.dirs), f.Name)
			} else {
				sub.other = d.project != "" && d.project != f.Name
			}
			p.readFolder(sub, f.Value)
		case !slices.Contains(settingsOfTests, key):
		case key == "severity" && len(d.dirs) == 0 && !d.other: // taken over by readProject
		case key == "enabled" && strings.EqualFold(importers.Word(f.Value), "true"):
		default:
			p.folders = append(p.folders, folderSetting{d, key, importers.Word(f.Value), d.file.At(f.Key)})
		}
	}
}

// refuses reports whether a setting decides that tests do not run, or about which rows.
func (s folderSetting) refuses() bool { return !s.other && (s.key == "where" || s.key == "enabled") }

// remarkFolders tells of the settings of folders. A manifest holds them in each test.
func (p *project) remarkFolders() {
	for _, s := range p.folders {
		switch what := s.path + ": " + s.key; {
		case p.manifest:
		case s.refuses():
			p.out.Remark(s.at, what, "tests that it is about are left: run `dbt compile` and import target/manifest.json")
		default:
			p.out.Remark(s.at, what, "not taken over: run `dbt compile` and import target/manifest.json")
		}
	}
}

// ofFolder returns why a test is left for a setting of its folder; "" if there is none. What
// a test sets itself wins.
func (p *project) ofFolder(t *test) string {
	if p.manifest {
		return ""
	}
	for _, s := range p.folders {
		own := t.conf.where
		if s.key == "enabled" {
			own = t.conf.enabled
		}
		if s.refuses() && own == "" && s.holds(t.at.File) {
			return s.key + " of " + s.path + " in dbt_project.yml: run `dbt compile` and import target/manifest.json"
		}
	}
	return ""
}

// holds reports whether a file may be in a folder: its path has the names of the folders, or
// is too short to tell.
func (d folder) holds(file string) bool {
	names := strings.Split(path.Dir(filepath.ToSlash(file)), "/")
	for i := range names {
		if len(names)-i >= len(d.dirs) && slices.Equal(names[i:i+len(d.dirs)], d.dirs) {
			return true
		}
	}
	return !slices.Contains(names, "models")
}
