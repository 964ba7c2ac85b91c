package notify_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/outbound"
)

// to is a mail channel of the test's server.
func (m *mailServer) channel(tls string) *notify.Email {
	return &notify.Email{
		Host:   "127.0.0.1",
		Port:   m.port,
		From:   "Sentinel <sentinel@example.com>",
		To:     []string{"Ada <ada@example.com>", "bob@example.com"},
		TLS:    tls,
		CAFile: m.caFile,
	}
}

// mailParts reads the plain text and the HTML of a mail.
func mailParts(t *testing.T, m *mail.Message) (text, page string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, into := range []*string{&text, &page} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		*into = strings.ReplaceAll(string(data), "\r\n", "\n")
	}
	return text, page
}

func TestMail(t *testing.T) {
	t.Parallel()
	server := newMailServer(t, mailManners{})
	e := channel(t, server.channel("none"))
	for _, n := range notices()[:3] {
		if _, err := e.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	mails := server.mails()
	if len(mails) != 2 { // an acknowledgement is not mailed
		t.Fatalf("%d mails", len(mails))
	}
	golden(
		t,
		"email.golden",
		strings.ReplaceAll(mails[0].from+"\n"+strings.Join(mails[0].to, "\n")+"\n\n"+mails[0].data, "\r\n", "\n"),
	)
	var heads []mail.Header
	for _, one := range mails {
		m, err := mail.ReadMessage(strings.NewReader(one.data))
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, m.Header)
		text, page := mailParts(t, m)
		for _, want := range []string{
			"newest row is 1h5m old",
			"at most 1h",
			"data-platform",
			"sentinel incidents show inc0001",
			"https://wiki.example.com/orders",
		} {
			if !strings.Contains(text, want) || !strings.Contains(page, want) {
				t.Errorf("%q is missing in\n%s\n%s", want, text, page)
			}
		}
	}
	if heads[0].Get("References") != heads[1].Get("References") ||
		heads[0].Get("Message-Id") == heads[1].Get("Message-Id") {
		t.Errorf("one thread, two messages: %v %v", heads[0], heads[1])
	}
}

// The password crosses an encrypted connection alone, in the way the server asks.
func TestMailSignsIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server mailManners
		tls    string
		login  string
	}{
		"starttls, plain": {mailManners{starttls: true, auth: "PLAIN LOGIN"}, "starttls", "/me/pass-word "},
		"implicit, plain": {mailManners{implicit: true, auth: "PLAIN"}, "implicit", "/me/pass-word "},
		"starttls, login": {mailManners{starttls: true, auth: "LOGIN"}, "starttls", "me pass-word "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newMailServer(t, c.server)
			e := server.channel(c.tls)
			e.Username, e.Password = "me", sentinel.NewSecret("pass-word")
			if _, err := channel(t, e).Notify(t.Context(), notices()[0]); err != nil {
				t.Fatal(err)
			}
			if m := server.mails()[0]; m.login != c.login || !m.encrypted {
				t.Errorf("%q encrypted %t", m.login, m.encrypted)
			}
		})
	}
	server := newMailServer(t, mailManners{auth: "PLAIN"})
	e := server.channel("starttls")
	e.Username, e.Password = "me", sentinel.NewSecret("pass-word")
	var permanent *notify.PermanentError
	if _, err := channel(t, e).Notify(t.Context(), notices()[0]); !errors.As(err, &permanent) ||
		!strings.Contains(err.Error(), "STARTTLS") {
		t.Error("without STARTTLS:", err)
	}
	stranger := newMailServer(t, mailManners{starttls: true})
	e = stranger.channel("starttls")
	e.CAFile = server.caFile
	if _, err := channel(t, e).Notify(t.Context(), notices()[0]); err == nil || len(stranger.mails()) > 0 {
		t.Error("a server with another's certificate was believed:", err)
	}
}

// What an SMTP server answers decides whether another try can help.
func TestMailErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server    mailManners
		permanent bool
		mails     int
		says      string
	}{
		"busy":           {mailManners{answers: map[string]int{"MAIL": 451}}, false, 0, "sender: 451"},
		"unknown sender": {mailManners{answers: map[string]int{"MAIL": 550}}, true, 0, "sender: 550"},
		"nobody known":   {mailManners{answers: map[string]int{"RCPT": 550}}, true, 0, "recipient ada@example.com"},
		"one is unknown": {
			mailManners{answers: map[string]int{"RCPT TO:<BOB@EXAMPLE.COM>": 550}},
			true,
			1,
			"recipient bob@example.com: 550",
		},
		"greylisted":      {mailManners{answers: map[string]int{"RCPT": 450}}, false, 0, "450"},
		"reply lost":      {mailManners{loseReply: true}, false, 1, "sending the mail"},
		"silent for ever": {mailManners{silent: true}, false, 0, "greeting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newMailServer(t, c.server)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := channel(t, server.channel("none")).Notify(ctx, notices()[0])
			var permanent *notify.PermanentError
			if err == nil || errors.As(err, &permanent) != c.permanent || !strings.Contains(err.Error(), c.says) ||
				len(server.mails()) != c.mails {
				t.Errorf("%v, %d mails", err, len(server.mails()))
			}
		})
	}
}

func TestMailConfiguration(t *testing.T) {
	t.Parallel()
	good := notify.Email{Host: "mail.example.com", From: "a@example.com", To: []string{"b@example.com"}}
	if e := good; e.Validate() != nil || e.Port != 587 || e.TLS != "starttls" {
		t.Errorf("%+v", e)
	}
	if e := good; true {
		e.Port = 465
		if err := e.Validate(); err != nil || e.TLS != "implicit" {
			t.Error(e.TLS, err)
		}
	}
	for name, change := range map[string]func(*notify.Email){
		"not a mail address": func(e *notify.Email) { e.To = []string{"bob"} },
		"at least one":       func(e *notify.Email) { e.To = nil },
		"in the clear":       func(e *notify.Email) { e.TLS, e.Password = "none", sentinel.NewSecret("x") },
		"implicit, none, opportunistic, starttls": func(e *notify.Email) { e.TLS = "ssl" },
		"ca_file": func(e *notify.Email) { e.CAFile = "/no/such/file" },
	} {
		e := good
		change(&e)
		if err := e.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error with %q, got %v", name, err)
		}
	}
}

// TestMailTrustsTheAuthoritiesOfTheRules, where the channel has none of its own.
func TestMailTrustsTheAuthoritiesOfTheRules(t *testing.T) {
	t.Parallel()
	server := newMailServer(t, mailManners{starttls: true})
	rules := &outbound.Rules{CAFile: server.caFile}
	e := server.channel("starttls")
	e.CAFile = ""
	if err := errors.Join(rules.Validate(), e.Validate()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Notify(rules.In(t.Context()), notices()[0]); err != nil {
		t.Error(err)
	}
	if _, err := e.Notify(t.Context(), notices()[0]); err == nil {
		t.Error("without the rules the certificate is trusted")
	}
}
