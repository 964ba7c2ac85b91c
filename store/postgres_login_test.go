package store_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestNoPasswordOfAStateIsShown, in whatever form its address has it, written rightly or not.
func TestNoPasswordOfAStateIsShown(t *testing.T) {
	t.Parallel()
	const letters = `abcXYZ019/?#@:&= %'\"+;`
	forms := map[string]func(password string) string{
		"user":           func(p string) string { return "postgres://u:" + p + "@h/d" },
		"user, escaped":  func(p string) string { return "postgres://u:" + url.QueryEscape(p) + "@h/d" },
		"parameter":      func(p string) string { return "postgres://u@h/d?password=" + p },
		"p., escaped":    func(p string) string { return "postgres://u@h/d?sslmode=disable&password=" + url.QueryEscape(p) },
		"ssl":            func(p string) string { return "postgres://u@h/d?sslpassword=" + url.QueryEscape(p) },
		"word":           func(p string) string { return "host=h user=u password=" + p + " dbname=d" },
		"word in quotes": func(p string) string { return "host=h password='" + p + "' user=u" },
		"first word":     func(p string) string { return "password=" + p + " host=h" },
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 3000 {
		var b strings.Builder
		for range 6 + r.IntN(12) {
			b.WriteByte(letters[r.IntN(len(letters))])
		}
		// Parts of it that are long enough to tell something.
		password := "s3cr" + b.String() + "t0pw"
		for name, form := range forms {
			address := form(password)
			_, opened := store.OpenReader(t.Context(), "kind://"+address)
			for _, shown := range []string{store.Redact(address), opened.Error()} {
				for _, part := range []string{"s3cr", "t0pw", b.String(), url.QueryEscape(b.String())} {
					if strings.HasPrefix(shown, "postgres://") && strings.Contains(shown, part) || strings.Contains(shown, password) {
						t.Fatalf("%d, %s: %q is shown as %q", n, name, address, shown)
					}
				}
			}
		}
	}
}

// TestTheAddressOfAStateIsReadAgainWhenItIsRefused: the role of the old one may not log in any
// more, and its sessions are ended.
func TestTheAddressOfAStateIsReadAgainWhenItIsRefused(t *testing.T) {
	t.Parallel()
	owner := testenv.Postgres(t)
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	database := strings.Trim(u.Path, "/")
	as := func(role string) string {
		v := *u
		v.User = url.UserPassword(role, "s3cret-of-"+role)
		return v.String()
	}
	roles := []string{database + "_old", database + "_new"}
	for _, role := range roles {
		testenv.Exec(t, "pgx", owner, fmt.Sprintf("CREATE ROLE %s LOGIN SUPERUSER PASSWORD 's3cret-of-%s'", role, role))
	}
	path := filepath.Join(t.TempDir(), "state")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(as(roles[0]))
	file, err := secrets.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenDSN(t.Context(), sentinel.SecretFrom(file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Record(t.Context(), batch(1)); err != nil {
		t.Fatal(err)
	}
	refuse := func(role string) {
		testenv.Exec(t, "pgx", owner, "ALTER ROLE "+role+" NOLOGIN",
			fmt.Sprintf("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'", role))
	}
	refuse(roles[0])
	if err := s.Leading(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("with the old address: %v", err)
	}
	write(as(roles[1]))
	if err := s.Leading(t.Context()); err != nil {
		t.Errorf("with the new address: %v", err)
	}
	recorded := false
	for range 5 { // a session that was ended is noticed by its next use
		if _, err = s.Record(t.Context(), batch(2)); err == nil {
			recorded = true
			break
		}
	}
	if !recorded {
		t.Errorf("with the new address: %v", err)
	}
	r, err := store.OpenReaderDSN(t.Context(), sentinel.SecretFrom(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, role := range roles {
		testenv.Exec(t, "pgx", owner, "DROP OWNED BY "+role+" CASCADE", "DROP ROLE "+role)
	}
}
