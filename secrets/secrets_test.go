package secrets

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var errRefused = &RefusedError{errors.New("401")}

// accepts is a receiver that knows one password.
func accepts(f sentinel.SecretSource, password *string, tries *int) func() error {
	return func() error {
		*tries++
		if f.Current() != *password {
			return errRefused
		}
		return nil
	}
}

// A file is read again when it was written to, replaced, or reached by a link that moved.
func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "current", "dsn")
	for _, version := range []string{"..1", "..2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "dsn"), "of"+version)
	}
	link := func(to string) {
		t.Helper()
		next := filepath.Join(dir, "next")
		if err := errors.Join(os.Symlink(to, next), os.Rename(next, filepath.Join(dir, "current"))); err != nil {
			t.Fatal(err)
		}
	}
	link("..1")
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, "of..1"},
		{func() { link("..2") }, "of..2"}, // as Kubernetes does
		{func() { write(t, path, "written\n") }, "written"},
		{func() {
			write(t, filepath.Join(dir, "new"), "replaced\r\n")
			if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
				t.Fatal(err)
			}
		}, "replaced"},
	} {
		c.change()
		if err := f.Refresh(t.Context()); err != nil || f.Current() != c.want {
			t.Errorf("%q, %v, want %q", f.Current(), err, c.want)
		}
	}
	if got := strings.Join(f.Past(), " "); got != "of..1 of..2 written" {
		t.Errorf("past texts: %s", got)
	}
}

// TestFormerTextsAreBounded: messages are cleared of the newest texts that a file had.
func TestFormerTextsAreBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "text0")
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		write(t, path, "text"+strings.Repeat("+", n+1))
		if err := f.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(f.Past(), " "); got != "text++++++ text+++++++ text++++++++ text+++++++++" {
		t.Errorf("former texts: %s", got)
	}
}

// A file that cannot be read for a moment keeps its text, and the error has none.
func TestAFileThatCannotBeReadKeepsItsText(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dsn")
	write(t, path, "hunter22")
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []func(){
		func() { write(t, path, "") },
		func() { write(t, path, "hunter23\x00") },
		func() { write(t, path, strings.Repeat("hunter24", LongestText)) },
		func() { _ = os.Remove(path) },
		func() { _ = os.Mkdir(path, 0o700) },
	} {
		broken()
		for range 2 {
			err := f.Refresh(t.Context())
			if err == nil || f.Current() != "hunter22" || strings.Contains(err.Error(), "hunter") || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, %q", err, f.Current())
			}
		}
	}
	_ = os.Remove(path)
	write(t, path, "hunter25")
	if err := f.Refresh(t.Context()); err != nil || f.Current() != "hunter25" {
		t.Errorf("%q, %v", f.Current(), err)
	}
}

// TestARefusedLoginIsTriedOnceMore: with the new secret, and only if there is one.
func TestARefusedLoginIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "old1")
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set, password, tries := Of(sentinel.SecretFrom(f), sentinel.NewSecret("fixed")), "new1", 0
	try := accepts(f, &password, &tries)
	if err := set.Try(t.Context(), IsRefused, try); !errors.Is(err, errRefused) || tries != 1 {
		t.Errorf("%v after %d tries, want one: nothing changed", err, tries)
	}
	// The same size and time as before: only a refused login finds it.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "new1")
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	tries = 0
	if err := set.Try(t.Context(), IsRefused, try); err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
	password, tries = "newest", 0
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	err = set.Try(t.Context(), IsRefused, try)
	if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), path) || tries != 1 {
		t.Errorf("%v after %d tries, want the file's error too", err, tries)
	}
	other, tries := errors.New("other"), 0
	if err := set.Try(t.Context(), IsRefused, func() error { tries++; return other }); !errors.Is(err, other) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestCommandsAreRunAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), "first")
	c := newCommand([]string{"cat", "token"}, dir)
	c.kept, c.pause = 20*time.Millisecond, 0
	if err := c.run(t.Context()); err != nil || c.Current() != "first" {
		t.Fatalf("%q, %v", c.Current(), err)
	}
	write(t, filepath.Join(dir, "token"), "second")
	for c.Current() == "first" && wait.For(t.Context(), time.Millisecond) {
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.kept, c.pause = time.Hour, 0
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "token"), "third")
	if err := c.Refresh(t.Context()); err != nil || c.Current() != "second" {
		t.Errorf("%q, %v: the answer is kept", c.Current(), err)
	}
	password, tries := "third", 0
	if err := (Set{c}).Try(t.Context(), IsRefused, accepts(c, &password, &tries)); err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
	c.pause = time.Hour
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "token"), "fourth")
	password, tries = "fourth", 0
	if err := (Set{c}).Try(t.Context(), IsRefused, accepts(c, &password, &tries)); err == nil || tries != 1 {
		t.Errorf("%v after %d tries: the command was run a moment ago", err, tries)
	}
}

func TestCommandsAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"false", "hunter22"}, "the command false: exit status 1"},
		{[]string{"sh", "-c", "echo hunter22 >&2; exit 3"}, "the command sh: exit status 3"},
		{[]string{"/nowhere/hunt", "hunter22"}, "the command /nowhere/hunt: no such file or directory"},
		{[]string{"true"}, "the command true: its output is empty"},
		{[]string{"sh", "-c", "yes hunter22"}, "the command sh: its output is longer than 64 KB"},
	} {
		_, err := RunCommand(t.Context(), c.words, t.TempDir())
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%q: %v, want %s", c.words, err, c.want)
		}
	}
}

// TestChildrenEndWithTheirCommand: whether it ends by itself or is ended, and whether they
// hold its output open.
func TestChildrenEndWithTheirCommand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		hangs  bool
	}{
		"a child that holds the output": {`sleep 60 & echo secret`, false},
		"a child in the background":     {`sleep 60 >/dev/null & echo secret`, false},
		"a command that hangs":          {`sleep 60 & sleep 60`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			pipe := filepath.Join(dir, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			alive, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer alive.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			began, failed := make([]byte, 1), make(chan error, 1)
			var got *Command
			go func() {
				var err error
				got, err = RunCommand(ctx, []string{"sh", "-c", "exec 3>pipe; echo >&3; " + c.script}, dir)
				failed <- err
			}()
			for n := 0; n == 0 && wait.For(t.Context(), time.Millisecond); { // nobody has it open yet: it is at its end
				n, _ = alive.Read(began)
			}
			if c.hangs {
				cancel()
			}
			err = <-failed
			if c.hangs != errors.Is(err, context.Canceled) || !c.hangs && (err != nil || got.Current() != "secret") {
				t.Errorf("%v", err)
			}
			if err := alive.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := alive.Read(began); !errors.Is(err, io.EOF) {
				t.Errorf("a child still has the pipe open: %v", err)
			}
		})
	}
}

// TestACallerWaitsNoLongerThanItWants for a run of another caller, and a run that ended with
// its caller leaves the next one its turn.
func TestACallerWaitsNoLongerThanItWants(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), "first")
	c := newCommand([]string{"sh", "-c", "cat token; test ! -e hang || { touch hangs; sleep 60; }"}, dir)
	c.kept, c.pause = 0, 0
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.pause = time.Hour
	write(t, filepath.Join(dir, "hang"), "")
	running, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Refresh(running) }()
	for {
		if _, err := os.Stat(filepath.Join(dir, "hangs")); err == nil || !wait.For(t.Context(), time.Millisecond) {
			break
		}
	}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, err := range []error{c.Refresh(gone), c.Renew(gone, c.Version())} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the end of the caller", err)
		}
	}
	end()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	write(t, filepath.Join(dir, "token"), "second")
	if err := os.Remove(filepath.Join(dir, "hang")); err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(t.Context()); err != nil || c.Current() != "second" {
		t.Errorf("%q, %v: the run that its caller ended counts as none", c.Current(), err)
	}
}

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	if words, err := SplitCommand(" vault kv  get -field=dsn secret/shop "); err != nil || len(words) != 5 {
		t.Errorf("%q, %v", words, err)
	}
	for _, line := range []string{"", " ", `echo "a b"`, "echo $X", "a | b", "a; b", "a > b", "`a`", "a 'b c'", "a\nb", "a \\b", "ls *"} {
		if words, err := SplitCommand(line); err == nil {
			t.Errorf("%q: %q", line, words)
		}
	}
}
