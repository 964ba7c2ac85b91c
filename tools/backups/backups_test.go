// Package backups tests the backups of the state on a real server of the S3 protocol.
package backups

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/store"
)

const accessKey, secretKey = "the-access-key", "the-secret-key-of-the-gateway"

// startGateway builds versitygw and starts it on a directory with a bucket "kept". It
// returns its address and the directory of the bucket.
func startGateway(t *testing.T) (address, bucket string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "versitygw")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/versity/versitygw/cmd/versitygw")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root := t.TempDir()
	bucket = filepath.Join(root, "kept")
	if err := os.Mkdir(bucket, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	gateway := exec.Command(program, "--access", accessKey, "--secret", secretKey, "--port", address, "posix", root)
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gateway.Process.Kill(); err != nil {
			t.Error(err)
		}
		if err := gateway.Wait(); err == nil {
			t.Error("the gateway ended by itself")
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			return address, bucket
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func newState(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestBackupsInABucket: backups are written, listed, kept, read back and restored. Others'
// objects are left alone. Refused keys are read again from their file, and never printed.
func TestBackupsInABucket(t *testing.T) {
	address, bucket := startGateway(t)
	keyFile := filepath.Join(t.TempDir(), "key")
	write(t, keyFile, "an-old-secret-key")
	source, err := secrets.OpenFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	k := &backup.Keeper{
		Config: &backup.Config{
			To: "s3://kept/team/a", Endpoint: "http://" + address, Keep: 2,
			AccessKey: sentinel.NewSecret(accessKey), SecretKey: sentinel.SecretFrom(source),
		},
		Scratch: t.TempDir(), Clock: sentinel.ClockFunc(func() time.Time { return now }),
	}
	if err := k.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	s := newState(t)
	_, err = k.Take(t.Context(), s)
	if err == nil || strings.Contains(err.Error(), "an-old-secret-key") || !strings.Contains(err.Error(), "SignatureDoesNotMatch") {
		t.Fatalf("with another key: %v", err)
	}
	write(t, keyFile, secretKey)
	write(t, filepath.Join(bucket, "team-notes.txt"), "not a backup")
	var last backup.Backup
	for range 4 {
		record(t, s, now)
		if last, err = k.Take(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	all, err := k.List(t.Context())
	if err != nil || len(all) != 2 || all[0] != last {
		t.Fatalf("%v, %v, want two, first %v", all, err, last)
	}
	if _, err := os.Stat(filepath.Join(bucket, "team-notes.txt")); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "restored.db")
	if b, err := k.Fetch(t.Context(), "latest", path); err != nil || b != last {
		t.Fatalf("%v, %v", b, err)
	}
	if err := backup.Verify(t.Context(), path); err != nil {
		t.Error(err)
	}
	restored, err := store.OpenReader(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := restored.Stats(t.Context())
	if err := errors.Join(err, restored.Close()); err != nil || !st.Newest.Equal(last.At) {
		t.Errorf("newest tick %s, %v, want %s", st.Newest, err, last.At)
	}
	k.Config.To = "s3://nothing-here/a"
	if _, err := k.Take(t.Context(), s); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("%v, want NoSuchBucket", err)
	}
	if left, err := os.ReadDir(k.Scratch); err != nil || len(left) != 0 {
		t.Errorf("%v is left in the scratch directory, %v", left, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, s *store.Store, at time.Time) {
	t.Helper()
	r := sentinel.Result{
		Check: "c", Kind: "row_count", Table: sentinel.Table{Warehouse: "w", Name: "t"}, Tick: at, Status: sentinel.Pass,
	}
	if _, err := s.Record(t.Context(), store.Batch{Results: []sentinel.Result{r}}); err != nil {
		t.Fatal(err)
	}
}
