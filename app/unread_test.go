package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
)

// TestASecretThatCannotBeReadIsTold by a metric and the log, while the last one stays in force.
func TestASecretThatCannotBeReadIsTold(t *testing.T) {
	t.Parallel()
	w := &way{T: t, dir: t.TempDir(), agent: freeAddress(t)}
	testenv.Exec(t, "sqlite", filepath.Join(w.dir, "shop.db"), "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	w.write("token", "tiger\n")
	w.write("sentinel.yaml", fmt.Sprintf(`
state: sqlite:state.db
listen: %s
token_file: token
warehouses: {shop: {dsn: "sqlite:shop.db"}}
datasets: [{table: shop.main.orders, checks: [row_count > 0]}]
`, w.agent))
	log, err := os.Create(filepath.Join(w.dir, "agent.log"))
	if err != nil {
		t.Fatal(err)
	}
	w.stderr = log
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	unread := func(n int) func() bool {
		return func() bool {
			return strings.Contains(w.get(w.agent, "/metrics"), fmt.Sprintf("\nsentinel_secrets_unread %d\n", n))
		}
	}
	w.until("all secrets are read", unread(0))
	if err := os.Remove(filepath.Join(w.dir, "token")); err != nil {
		t.Fatal(err)
	}
	w.until("one is not read any more", unread(1))
	if code, body := w.reload(); code == 401 {
		t.Errorf("the last token counts: %d %s", code, body)
	}
	w.write("token", "tiger\n")
	w.until("it is read again", unread(0))
	said, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the last one stays in force", "no such file", "a secret can be read again"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the log does not say %q:\n%s", want, said)
		}
	}
}
