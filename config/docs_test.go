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
	for _, page := range slices.Concat(pages, repairs, []string{"../README.md", "../docs/configuration.md"}) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 {
			t.Errorf("%s has no example", page)
		}
		for _, b := range blocks {
			block := b[1]
			switch {
			case strings.HasPrefix(block, "- on:"):
				block = "warehouses: {shop: {dsn: \"sqlite:x.db\", repair_dsn: \"sqlite:x.db\"}}\ndatasets:\n  - table: shop.t\n    checks: [row_count > 0]\n    repair:\n      " + strings.ReplaceAll(block, "\n", "\n      ")
			case strings.HasPrefix(block, "- "):
				block = "warehouses: {shop: {dsn: \"sqlite:x.db\"}}\ndatasets:\n  - table: shop.t\n    checks:\n      " + strings.ReplaceAll(block, "\n", "\n      ")
			}
			if _, err := config.Parse(filepath.Base(page), []byte(block), env("SHOP_DSN=postgres://reader@db/shop")); err != nil {
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
