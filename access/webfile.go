package access

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/time/rate"
)

// WebFile is a web configuration file as all exporters of Prometheus have it: TLS of the
// listener, users with hashed passwords, headers, and a limit of requests. The format is that
// of github.com/prometheus/exporter-toolkit. The file and its certificates are read again for
// every connection, and its users for every request. While they cannot be read, the last ones
// stay in force. All methods may be called concurrently.
type WebFile struct {
	path string

	mu        sync.Mutex
	current   *webSettings
	tls       *tls.Config // nil: plain HTTP
	unread    error       // why the file cannot be read; nil if it can
	unreadTLS error       // why the certificates cannot be read
	passwords passwords
}

// webSettings is the content of a web configuration file.
type webSettings struct {
	toolkit.Config
	content []byte
	limiter *rate.Limiter // nil: no limit
}

// largestWebFile bounds the size of a file in bytes.
const largestWebFile = 1 << 20

// OpenWebFile reads a web configuration file and the certificates that it names. The error
// says what is wrong with it, without the text of a key or of a hash.
func OpenWebFile(path string) (*WebFile, error) {
	f := &WebFile{path: path}
	var err error
	if f.current, err = readWebFile(path, nil); err != nil {
		return nil, err
	}
	if f.current.TLSConfig.IsEnabled() {
		if f.tls, err = loadTLS(f.current); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return f, nil
}

// readWebFile reads a file. It returns last if the file has the same content.
func readWebFile(path string, last *webSettings) (*webSettings, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, largestWebFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	case len(content) > largestWebFile:
		return nil, fmt.Errorf("%s is larger than 1 MB: is it the right one?", path)
	case last != nil && bytes.Equal(content, last.content):
		return last, nil
	}
	s := &webSettings{content: content}
	s.TLSConfig.MinVersion, s.TLSConfig.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	s.HTTPConfig.HTTP2 = true
	if err := yaml.UnmarshalStrict(content, &s.Config); err != nil {
		return nil, fmt.Errorf("%s: %s", path, withoutValues(err))
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.TLSConfig.SetDirectory(filepath.Dir(path))
	if limit := s.RateLimiterConfig; limit.Interval > 0 {
		s.limiter = rate.NewLimiter(rate.Every(limit.Interval), limit.Burst)
	}
	return s, nil
}

// withoutPath takes the path out of an error of the system.
func withoutPath(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// withoutValues returns an error of the YAML reader without the values that it quotes, which
// may be a key or a hash.
func withoutValues(err error) string {
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	parts := strings.Split(text, "`")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = "..."
	}
	return strings.Join(parts, "`")
}

// headers are those that the format allows.
var headers = map[string][]string{
	"Strict-Transport-Security": nil,
	"X-Content-Type-Options":    {"nosniff"},
	"X-Frame-Options":           {"deny", "sameorigin"},
	"X-XSS-Protection":          nil,
	"Content-Security-Policy":   nil,
}

func (s *webSettings) validate() error {
	for name, hash := range s.Users {
		if badName(name) {
			return errors.New("basic_auth_users: want names of up to 64 characters, without control characters and colons")
		}
		if _, err := bcrypt.Cost([]byte(hash)); err != nil {
			return fmt.Errorf("basic_auth_users: %s: want a hash by bcrypt, as `htpasswd -nBC 10 %s` prints it", name, name)
		}
	}
	for name, value := range s.HTTPConfig.Header {
		allowed, known := headers[name]
		switch {
		case !known:
			return fmt.Errorf("http_server_config: the header %q cannot be set", name)
		case len(allowed) > 0 && !slices.Contains(allowed, value):
			return fmt.Errorf("http_server_config: %s: want one of %s", name, strings.Join(allowed, ", "))
		}
	}
	if limit := s.RateLimiterConfig; limit.Interval < 0 || limit.Interval > 0 && limit.Burst < 1 {
		return errors.New("rate_limit: want a burst of at least 1 and an interval such as 1s")
	}
	return nil
}

func badName(name string) bool {
	return name == "" || len(name) > 64 || strings.ContainsFunc(name, unicode.IsControl) || strings.Contains(name, ":")
}

// loadTLS reads the certificates. They are kept, so that a connection is answered while
// somebody replaces them.
func loadTLS(s *webSettings) (*tls.Config, error) {
	cfg, err := toolkit.ConfigToTLSConfig(&s.TLSConfig)
	if err != nil {
		return nil, err
	}
	certificate, err := cfg.GetCertificate(nil)
	if err != nil {
		return nil, err
	}
	cfg.Certificates, cfg.GetCertificate = []tls.Certificate{*certificate}, nil
	cfg.NextProtos = []string{"http/1.1"}
	if s.HTTPConfig.HTTP2 {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	return cfg, nil
}

// refresh reads the file again. After an error the last settings stay in force, also after
// one that an editor has emptied for a moment.
func (f *WebFile) refresh() *webSettings {
	f.mu.Lock()
	last := f.current
	f.mu.Unlock()
	next, err := readWebFile(f.path, last)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
	case next.TLSConfig.IsEnabled() != (f.tls != nil):
		err = fmt.Errorf("%s: TLS is switched on and off by a restart", f.path)
	case len(next.Users) == 0 && len(f.current.Users) > 0: // otherwise all that they read is open
		err = fmt.Errorf("%s has no users: users are switched off by a restart", f.path)
	}
	if f.unread = err; err == nil {
		f.current = next
	}
	return f.current
}

// TLSConfig returns the configuration of the listener; nil: it speaks plain HTTP.
func (f *WebFile) TLSConfig() *tls.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tls == nil {
		return nil
	}
	cfg := f.tls.Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.connection(), nil }
	return cfg
}

// connection returns the configuration of a connection that begins now.
func (f *WebFile) connection() *tls.Config {
	s := f.refresh()
	next, err := loadTLS(s)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unreadTLS = nil; err != nil {
		f.unreadTLS = fmt.Errorf("%s: %w", f.path, err)
	} else {
		f.tls = next
	}
	return f.tls
}

// Name says what the settings come from, as a secret's source does.
func (f *WebFile) Name() string { return "the file " + f.path }

// Refresh reads the files again, and returns why they cannot be read; nil: they can.
func (f *WebFile) Refresh(context.Context) error {
	if f.refresh().TLSConfig.IsEnabled() {
		f.connection()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.unread, f.unreadTLS)
}

// Certificate is the certificate of the listener as it was last read; nil: there is none.
func (f *WebFile) Certificate() *x509.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tls == nil {
		return nil
	}
	return f.tls.Certificates[0].Leaf
}

// login checks a name and a password.
func (f *WebFile) login(name, password string) bool {
	f.mu.Lock()
	users := f.current.Users
	f.mu.Unlock()
	if len(users) == 0 {
		return false
	}
	hash, known := users[name]
	if !known {
		hash = hashOfNobody
	}
	return f.passwords.match(name, string(hash), password) && known
}

// hashOf returns the hash of a user's password; "" for none.
func (f *WebFile) hashOf(name string) string {
	if f == nil {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.current.Users[name])
}

// hasUsers reports whether the file has users.
func (f *WebFile) hasUsers() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.current.Users) > 0
}

// headed sets the headers of the file, and holds requests to its limit. Paths of probes are
// not limited: an agent must not be ended because many ask it.
func (f *WebFile) headed(next http.Handler, open []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := f.refresh()
		if s.limiter != nil && !slices.Contains(open, r.URL.Path) && !s.limiter.Allow() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests: see rate_limit in the web configuration file", http.StatusTooManyRequests)
			return
		}
		for name, value := range s.HTTPConfig.Header {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}
