package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
)

const excerptFile = `state: sqlite:s.db
warehouses: {shop: {dsn: "sqlite:shop.db"}}
datasets:
  # of the shop
  - table: shop.main.orders
    owner: ann

    # the old password was hunter2
    checks:
      - row_count > 0
    repair:
      - on: [row_count]
        webhook:
          url: https://hooks.example.com/secret-part
  # another
  - table: shop.main.w*
    checks: [row_count > 0]
  - {table: shop.main.flow, checks: [row_count > 0], repair: [{on: [row_count], webhook: {url: "https://x.example/secret"}}]}
  - table: shop.main.plain
    checks: [row_count: {where: "tokens > 0 AND mail = 'a@b.example'", fail: "< 1"}]
  - table: shop.main.by_word
    checks: [row_count: {where: "note <> 'Password = hunter2'", fail: "< 1"}]
  - table: shop.main.by_address
    checks: [row_count: {where: "link <> 'https://ann:hunter2@x.example/'", fail: "< 1"}]
  - table: shop.main.by_comment
    checks: [row_count > 0] # token: hunter2
`

// The entry of a dataset is found by its table or its pattern, has no secret, and is not shown
// when the file is another one by now.
func TestExcerpt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sentinel.yaml")
	if err := os.WriteFile(path, []byte(excerptFile), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string) (config.Excerpt, bool) {
		e, ok, err := c.Excerpt(sentinel.Table{Warehouse: "shop", Schema: "main", Name: name})
		if err != nil {
			t.Error(err)
		}
		return e, ok
	}
	const orders = "- table: shop.main.orders\n  owner: ann\n\n  checks:\n    - row_count > 0\n  repair: # see the file"
	if e, _ := of("orders"); e.File != "sentinel.yaml" || e.Line != 5 || e.Text != orders {
		t.Errorf("%+v", e)
	}
	if e, ok := of("flow"); !ok || e.Text != "" || e.Old { // it may hold secrets
		t.Errorf("%+v", e)
	}
	if e, _ := of("web_orders"); e.Line != 16 || e.Text != "- table: shop.main.w*\n  checks: [row_count > 0]" {
		t.Errorf("%+v", e)
	}
	if e, ok := of("plain"); !ok || e.Text == "" {
		t.Errorf("%+v", e)
	}
	for _, name := range []string{"by_word", "by_address", "by_comment"} {
		if e, ok := of(name); !ok || e.Text != "" || e.Old {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e, ok := of("other"); ok {
		t.Errorf("%+v", e)
	}
	if err := os.WriteFile(path, []byte("\n"+excerptFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, ok := of("orders"); !ok || e.Line != 5 || e.Text != "" || !e.Old {
		t.Errorf("of a changed file: %+v", e)
	}
}
