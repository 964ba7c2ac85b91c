package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// documented are the variables that the examples name.
func documented(name string) (string, bool) {
	switch {
	case name == "SHOP_DSN":
		return "postgres://reader@db/shop", true
	case strings.HasSuffix(name, "_URL"):
		return "https://hooks.example.com/x", true
	}
	return "s3cret", true
}

// TestDocumentedConfigurationLoads loads every YAML block of README and docs;
// a list of checks is put on a table first.
func TestDocumentedConfigurationLoads(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/checks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	repairs, err := filepath.Glob("../docs/repair/*.md")
	if err != nil {
		t.Fatal(err)
	}
	channels, err := filepath.Glob("../docs/notify/*.md")
	if err != nil {
		t.Fatal(err)
	}
	destinations, err := filepath.Glob("../docs/exporters/*.md")
	if err != nil {
		t.Fatal(err)
	}
	single := []string{
		"../README.md",
		"../docs/configuration.md",
		"../docs/anomaly.md",
		"../docs/prediction.md",
		"../docs/notifications.md",
		"../docs/failover.md",
		"../docs/samples.md",
	}
	for _, page := range slices.Concat(pages, repairs, channels, destinations, single) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 {
			t.Errorf("%s has no example", page)
		}
		for _, b := range blocks {
			block := config.FileWithExample(filepath.Base(filepath.Dir(page)), b[1])
			if _, err := config.Parse(filepath.Base(page), []byte(block), documented); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
}

// TestEveryKindHasAPage holds the registry to the docs, and the zero value of
// each kind to a clean answer.
func TestEveryKindHasAPage(t *testing.T) {
	t.Parallel()
	for _, kind := range checks.Kinds() {
		if _, err := os.Stat("../docs/checks/" + kind + ".md"); err != nil {
			t.Error(err)
		}
		c, err := checks.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err != nil && err.Error() == "" {
			t.Errorf("%s: an empty error", kind)
		}
	}
}
