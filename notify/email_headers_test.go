package notify_test

import (
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// headerOf returns the lines of a mail's header.
func headerOf(data string) []string {
	head, _, _ := strings.Cut(data, "\r\n\r\n")
	return strings.Split(head, "\r\n")
}

// TestMailHeadersAreOfASCIIAndFolded holds RFC 5322 and RFC 2047 for names of the
// configuration and of the data: no header has a byte beyond ASCII or a line of more than
// 78 characters where it can be folded, none adds a header, and what is read again is what
// was meant.
func TestMailHeadersAreOfASCIIAndFolded(t *testing.T) {
	t.Parallel()
	var everybody []string
	for n := range 40 {
		everybody = append(everybody, fmt.Sprintf("Zoë Müller-%d <zoe%d@example.com>", n, n))
	}
	for name, title := range map[string]string{
		"ascii":     "orders",
		"cyrillic":  strings.Repeat("заказы за день ", 20),
		"chinese":   strings.Repeat("北京市朝阳区建国路", 20),
		"newlines":  "x\r\nBcc: evil@example.com\r\n\r\nbody",
		"encoded":   "x =?utf-8?q?=0D=0ABcc:_evil@example.com?= y",
		"bad bytes": "x\xff\xfe\x00y",
		"blanks":    strings.Repeat("a ", 400),
		"one word":  strings.Repeat("a", 900),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newMailServer(t, mailManners{starttls: true})
			e := server.channel("starttls")
			e.From, e.To = "Дозор <s@example.com>", everybody
			i := incident(1)
			i.Table.Name, i.Message = title, title
			n := newNotice(notify.Opened, i)
			if _, err := channel(t, e).Notify(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			data := server.mails()[0].data
			for _, line := range headerOf(data) {
				if strings.ContainsFunc(line, func(r rune) bool { return r > '~' || r < ' ' && r != '\t' }) {
					t.Errorf("not ASCII: %q", line)
				}
				if len(line) > 998 || len(line) > 78 && strings.Contains(strings.TrimSpace(line[1:]), " ") {
					t.Errorf("%d characters: %q", len(line), line)
				}
			}
			m, err := mail.ReadMessage(strings.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			from, err := m.Header.AddressList("From")
			to, toErr := m.Header.AddressList("To")
			if err = errors.Join(err, toErr); err != nil || from[0].Name != "Дозор" || len(to) != 40 ||
				to[39].Name != "Zoë Müller-39" {
				t.Errorf("%v %v, %v", from, to, err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != strings.ReplaceAll(n.Title(), "=?", "= ?") {
				t.Errorf("%q, %v, want %q", subject, err, n.Title())
			}
			if m.Header.Get("Bcc") != "" || len(m.Header) != 10 {
				t.Errorf("%d headers: %v", len(m.Header), m.Header)
			}
		})
	}
}

// TestMailLogsInAsConfigured holds the methods that are named, over TLS alone.
func TestMailLogsInAsConfigured(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]string{
		"auto":    "/me/pass-word ",
		"plain":   "/me/pass-word ",
		"login":   "me pass-word ",
		"xoauth2": "user=me\x01auth=Bearer pass-word\x01\x01 ",
	} {
		for _, tls := range []string{"starttls", "opportunistic"} {
			server := newMailServer(t, mailManners{starttls: true, auth: "PLAIN LOGIN XOAUTH2"})
			e := server.channel(tls)
			e.Username, e.Password, e.Auth = "me", sentinel.NewSecret("pass-word"), method
			if _, err := channel(t, e).Notify(t.Context(), notices()[0]); err != nil {
				t.Fatal(err)
			}
			if m := server.mails()[0]; m.login != want || !m.encrypted {
				t.Errorf("%s, %s: %q, encrypted: %t", method, tls, m.login, m.encrypted)
			}
		}
	}
	plain := newMailServer(t, mailManners{})
	if _, err := channel(t, plain.channel("opportunistic")).Notify(t.Context(), notices()[0]); err != nil {
		t.Error("a server without STARTTLS, where it is no condition:", err)
	}
	refusing := newMailServer(t, mailManners{starttls: true, auth: "XOAUTH2", answers: map[string]int{"AUTH": 535}})
	e := refusing.channel("starttls")
	e.Username, e.Password, e.Auth = "me", sentinel.NewSecret("expired-token"), "xoauth2"
	var permanent *notify.PermanentError
	_, err := channel(t, e).Notify(t.Context(), notices()[0])
	if !errors.As(err, &permanent) || strings.Contains(err.Error(), "expired-token") {
		t.Errorf("an expired token: %v", err)
	}
}

func TestMailCredentialsAreWhole(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*notify.Email){
		"go together": func(e *notify.Email) { e.Username = "me" },
		"both":        func(e *notify.Email) { e.Password = sentinel.NewSecret("x") },
		"needs":       func(e *notify.Email) { e.Auth = "xoauth2" },
		"auto, login": func(e *notify.Email) { e.Auth, e.Username, e.Password = "ntlm", "me", sentinel.NewSecret("x") },
	} {
		e := notify.Email{Host: "mail.example.com", From: "a@example.com", To: []string{"b@example.com"}}
		change(&e)
		if err := e.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error with %q, got %v", name, err)
		}
	}
}
