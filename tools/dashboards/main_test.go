package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	schema "github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/sentinel-dq/sentinel/grafana"
)

// embedded returns the dashboards that come with the product, by file name.
func embedded(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := fs.Glob(grafana.Files, "dashboards/*.json")
	if err != nil || len(files) != len(dashboards) {
		t.Fatalf("%v, %v", files, err)
	}
	all := map[string][]byte{}
	for _, name := range files {
		data, err := fs.ReadFile(grafana.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = data
	}
	return all
}

func TestTheFilesAreWhatTheGeneratorWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range embedded(t) {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is not what the generator writes: run make dashboards (%v)", name, err)
		}
	}
}

// TestGrafanasOwnTypesTakeTheDashboards decodes strictly: a field that Grafana
// does not know is an error.
func TestGrafanasOwnTypesTakeTheDashboards(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for name, data := range embedded(t) {
		//lint:ignore SA1019 version 2 is for new Grafanas only; what is imported everywhere is version 1
		var d schema.Dashboard
		var problems cog.BuildErrors // both methods return it, empty where all is well
		if err := d.UnmarshalJSONStrict(data); err != nil && (!errors.As(err, &problems) || len(problems) > 0) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := d.Validate(); err != nil && (!errors.As(err, &problems) || len(problems) > 0) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
