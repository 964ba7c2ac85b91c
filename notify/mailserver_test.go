package notify_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailManners is how a mail server behaves.
type mailManners struct {
	starttls, implicit bool
	auth               string         // the methods it offers, such as "PLAIN LOGIN"
	answers            map[string]int // a code for the first word, or the words, of a command
	loseReply          bool           // hangs up after a mail instead of saying that it has it
	silent             bool           // never greets
}

// mailServer is a small SMTP server.
type mailServer struct {
	mailManners
	port        int
	certificate tls.Certificate
	caFile      string

	mu   sync.Mutex
	sent []mailSent
}

// mailSent is a mail that the server took.
type mailSent struct {
	from, login, data string
	to                []string
	encrypted         bool
}

func newMailServer(t *testing.T, manners mailManners) *mailServer {
	t.Helper()
	m := &mailServer{mailManners: manners}
	m.certify(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			sessions.Go(func() { m.serve(conn) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		sessions.Wait()
	})
	return m
}

// certify makes a certificate for 127.0.0.1.
func (m *mailServer) certify(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "mail"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	m.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	m.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(m.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *mailServer) mails() []mailSent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]mailSent(nil), m.sent...)
}

// session is one connection.
type session struct {
	net.Conn
	in   *bufio.Reader
	mail mailSent
}

func (s *session) say(format string, args ...any) { fmt.Fprintf(s, format+"\r\n", args...) }

func (s *session) line() (string, bool) {
	l, err := s.in.ReadString('\n')
	return strings.TrimRight(l, "\r\n"), err == nil
}

func (s *session) encrypt(c tls.Certificate) {
	s.Conn = tls.Server(s.Conn, &tls.Config{Certificates: []tls.Certificate{c}})
	s.in, s.mail.encrypted = bufio.NewReader(s.Conn), true
}

func (m *mailServer) serve(conn net.Conn) {
	s := &session{Conn: conn, in: bufio.NewReader(conn)}
	defer func() { _ = s.Close() }()
	if m.implicit {
		s.encrypt(m.certificate)
	}
	if m.silent {
		s.line()
		return
	}
	s.say("220 test")
	for {
		l, ok := s.line()
		if !ok || !m.command(s, l) {
			return
		}
	}
}

// command answers one line; false ends the session.
func (m *mailServer) command(s *session, l string) bool {
	words := strings.Fields(strings.ToUpper(l) + " ")
	for _, name := range []string{strings.ToUpper(l), words[0]} {
		if code := m.answers[name]; code != 0 {
			s.say("%d as configured", code)
			return true
		}
	}
	switch words[0] {
	case "EHLO":
		m.offer(s)
	case "STARTTLS":
		s.say("220 go on")
		s.encrypt(m.certificate)
	case "AUTH":
		return m.login(s, strings.Fields(l))
	case "MAIL":
		s.mail.from = l
		s.say("250 ok")
	case "RCPT":
		s.mail.to = append(s.mail.to, l)
		s.say("250 ok")
	case "DATA":
		return m.data(s)
	case "QUIT":
		s.say("221 bye")
		return false
	default:
		s.say("250 ok")
	}
	return true
}

func (m *mailServer) offer(s *session) {
	s.say("250-test")
	if m.starttls && !s.mail.encrypted {
		s.say("250-STARTTLS")
	} else if m.auth != "" {
		s.say("250-AUTH %s", m.auth)
	}
	s.say("250 8BITMIME")
}

func (m *mailServer) login(s *session, words []string) bool {
	said := append([]string(nil), words[2:]...)
	if words[1] == "LOGIN" {
		for _, question := range []string{"Username:", "Password:"} {
			s.say("334 %s", base64.StdEncoding.EncodeToString([]byte(question)))
			l, ok := s.line()
			if !ok {
				return false
			}
			said = append(said, l)
		}
	}
	for _, word := range said {
		text, err := base64.StdEncoding.DecodeString(word)
		if err != nil {
			s.say("501 no base64")
			return true
		}
		s.mail.login += strings.ReplaceAll(string(text), "\x00", "/") + " "
	}
	s.say("235 welcome")
	return true
}

func (m *mailServer) data(s *session) bool {
	s.say("354 go on")
	for {
		l, ok := s.line()
		if !ok {
			return false
		}
		if l == "." {
			break
		}
		s.mail.data += strings.TrimPrefix(l, ".") + "\r\n"
	}
	m.mu.Lock()
	m.sent = append(m.sent, s.mail)
	m.mu.Unlock()
	if m.loseReply {
		return false
	}
	s.say("250 taken")
	return true
}
