package dbt

import (
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
		default:
			p.folders = append(p.folders, folderSetting{d, key, importers.Word(f.Value), d.file.At(f.Key)})
		}
	}
}

// refuses reports whether a setting decides that tests do not run, or about which rows.
func (s folderSetting) refuses() bool { return !s.other && (s.key == "where" || s.key == "enabled") }

// on reports whether a setting switches tests on, as they are without it.
func (s folderSetting) on() bool { return s.key == "enabled" && strings.EqualFold(s.value, "true") }

// off reports whether a setting switches tests off.
func (s folderSetting) off() bool { return s.key == "enabled" && strings.EqualFold(s.value, "false") }

// remarkFolders tells of the settings of folders. A manifest holds them in each test.
func (p *project) remarkFolders() {
	for _, s := range p.folders {
		switch what := s.path + ": " + s.key; {
		case p.manifest || s.on() || s.refuses() && s.off(): // tests that are off are listed one by one
		case s.refuses():
			p.out.Remark(s.at, what, "tests that it is about are left: run `dbt compile` and import target/manifest.json")
		default:
			p.out.Remark(s.at, what, "not taken over: run `dbt compile` and import target/manifest.json")
		}
	}
}

// ofFolder returns why a test is left for the settings of its folders; "" if they let it run. The
// setting of the deepest folder wins, and what a test sets itself wins over it.
func (p *project) ofFolder(t *test) string {
	if p.manifest {
		return ""
	}
	for key, own := range map[string]string{"where": t.conf.where, "enabled": t.conf.enabled} {
		if own != "" {
			continue
		}
		s, sure := p.deepest(key, t.at.File)
		switch {
		case s == nil || sure && s.on():
		case sure && s.off():
			return "it is disabled in dbt: enabled of " + s.path + " in dbt_project.yml"
		default:
			return s.key + " of " + s.path + " in dbt_project.yml: run `dbt compile` and import target/manifest.json"
		}
	}
	return ""
}

// deepest returns the setting of the deepest folder that holds a file, and whether it is surely
// the one; nil if there is none.
func (p *project) deepest(key, file string) (deepest *folderSetting, sure bool) {
	var maybe *folderSetting
	for i := range p.folders {
		s := &p.folders[i]
		if s.key != key || !s.refuses() {
			continue
		}
		switch holds, is := p.holds(s.folder, file); {
		case is && holds && (deepest == nil || len(s.dirs) >= len(deepest.dirs)):
			deepest = s
		case !is:
			maybe = s
		}
	}
	if maybe != nil && (deepest == nil && !maybe.on() || deepest != nil && maybe.value != deepest.value) {
		return maybe, false
	}
	return deepest, true
}
