package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("email", func() Notifier { return &Email{} }) }

// Email sends mail by SMTP, as plain text and HTML. Mails of one incident share a
// thread. A mail that is sent again has the same Message-ID.
type Email struct {
	Host     string          `yaml:"host" required:"true" doc:"Name of an SMTP server."`
	Port     int             `yaml:"port" doc:"Port. Default: 465 with tls: implicit, else 587."`
	From     string          `yaml:"from" required:"true" doc:"Address of the sender."`
	To       []string        `yaml:"to" required:"true" doc:"Addresses of the recipients."`
	Username string          `yaml:"username" doc:"Name to log in with."`
	Password sentinel.Secret `yaml:"password" doc:"Password to log in with; with auth: xoauth2 the access token."`
	Auth     string          `yaml:"auth" default:"auto" enum:"auto,plain,login,scram-sha-256,xoauth2" doc:"How to log in. auto: plain, or login where the server has only that."`
	TLS      string          `yaml:"tls" enum:"starttls,opportunistic,implicit,none" doc:"Encryption. Default: implicit on port 465, else starttls."`
	CAFile   string          `yaml:"ca_file" doc:"PEM file of authorities to trust instead of the system's."`
	Hello    string          `yaml:"hello" default:"localhost" doc:"Host name that the agent gives to the server."`

	roots *x509.CertPool
}

// Files implements settings.FileUser.
func (e *Email) Files() []*string { return []*string{&e.CAFile} }

// Validate implements Notifier.
func (e *Email) Validate() error {
	if e.TLS == "" {
		e.TLS = map[bool]string{true: "implicit", false: "starttls"}[e.Port == 465]
	}
	e.Port = cmp.Or(e.Port, map[bool]int{true: 465, false: 587}[e.TLS == "implicit"])
	if err := settings.Complete(e); err != nil {
		return err
	}
	switch {
	case e.Host == "":
		return settings.Wrong("host", "want the name of an SMTP server")
	case !e.Password.IsZero() && e.TLS == "none" && !isLoopback(e.Host):
		return settings.Wrong("tls", "none would send the password in the clear")
	case e.Username == "" && !e.Password.IsZero():
		return settings.Wrong("username", "username and password go together: set both, or none")
	case e.Username != "" && e.Password.IsZero():
		return settings.Wrong("password", "username and password go together: set both, or none")
	case e.Auth != "auto" && e.Username == "":
		return settings.Wrong("auth", "%s needs username and password", e.Auth)
	case len(e.To) == 0:
		return settings.Wrong("to", "want at least one address")
	}
	if _, err := mail.ParseAddress(e.From); err != nil {
		return settings.Wrong("from", "%q is not a mail address: %v", e.From, err)
	}
	for i, address := range e.To {
		if _, err := mail.ParseAddress(address); err != nil {
			return settings.Wrong(settings.Index("to", i), "%q is not a mail address: %v", address, err)
		}
	}
	if e.CAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(e.CAFile)
	if err != nil {
		return settings.In("ca_file", err)
	}
	if e.roots = x509.NewCertPool(); !e.roots.AppendCertsFromPEM(pem) {
		return settings.Wrong("ca_file", "%s: no certificate in it", e.CAFile)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Notify implements Notifier. An acknowledgement is not mailed.
func (e *Email) Notify(ctx context.Context, n Notice) (string, error) {
	if n.Kind == Acknowledged {
		return "", nil
	}
	message, err := e.message(n)
	if err != nil {
		return "", permanent("writing the mail: %w", err)
	}
	return "", scrub(mailError(e.send(ctx, message)), []sentinel.Secret{e.Password})
}

// mailError classes an SMTP answer: 5xx is final.
func mailError(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 500 {
		return &PermanentError{err}
	}
	return err
}

// send delivers one message within ctx.
func (e *Email) send(ctx context.Context, message []byte) error {
	conn, err := e.dial(ctx)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", e.Host, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // wakes what waits for the server
	defer stop()
	c, err := smtp.NewClient(conn, e.Host)
	if err != nil {
		return fmt.Errorf("greeting: %w", errors.Join(err, conn.Close()))
	}
	defer c.Close() // after Quit it is closed already
	if err := e.begin(ctx, c); err != nil {
		return err
	}
	refused, err := e.recipients(c)
	if err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("sending the mail: %w", err)
	}
	if _, err = w.Write(message); err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("sending the mail: %w", err)
	}
	if refused != nil {
		return permanent("the others got it, but %w", refused)
	}
	// The server has taken the mail; a connection that ends now changes nothing.
	_ = c.Quit()
	return nil
}

func (e *Email) dial(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
	if e.TLS == "implicit" {
		return (&tls.Dialer{Config: e.config(ctx)}).DialContext(ctx, "tcp", address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// config trusts ca_file, or else the authorities of `outbound:`.
func (e *Email) config(ctx context.Context) *tls.Config {
	roots := e.roots
	if roots == nil {
		roots = outbound.RulesOf(ctx).Roots()
	}
	return &tls.Config{ServerName: e.Host, RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// begin makes the connection safe and says who sends.
func (e *Email) begin(ctx context.Context, c *smtp.Client) error {
	if err := c.Hello(e.Hello); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	offered, _ := c.Extension("STARTTLS")
	switch {
	case e.TLS == "starttls" && !offered:
		return permanent("%s offers no STARTTLS: set tls: implicit, or none for a server that needs no protection", e.Host)
	case e.TLS == "starttls", e.TLS == "opportunistic" && offered:
		if err := c.StartTLS(e.config(ctx)); err != nil {
			return fmt.Errorf("starting TLS: %w", err)
		}
	}
	if e.Username == "" {
		return nil
	}
	if _, encrypted := c.TLSConnectionState(); !encrypted && !isLoopback(e.Host) {
		return permanent("%s offers no encryption, so the password is not sent: set tls: implicit", e.Host)
	}
	_, methods := c.Extension("AUTH")
	if err := c.Auth(e.login(methods)); err != nil {
		err = fmt.Errorf("signing in: %w", err)
		if answer := (*textproto.Error)(nil); errors.As(err, &answer) && answer.Code >= 500 {
			return &secrets.RefusedError{Err: err}
		}
		return err
	}
	return nil
}

// login returns how to log in. methods are those that the server offers. The caller makes
// sure that the connection is encrypted, or does not leave this machine.
func (e *Email) login(methods string) smtp.Auth {
	has := func(name string) bool { return strings.Contains(" "+methods+" ", " "+name+" ") }
	method, password := e.Auth, e.Password.Reveal()
	if method == "auto" {
		method = "plain"
		if !has("PLAIN") && has("LOGIN") {
			method = "login"
		}
	}
	switch method {
	case "login":
		return smtp.LoginAuth(e.Username, password, e.Host, true)
	case "scram-sha-256":
		return smtp.ScramSHA256Auth(e.Username, password)
	case "xoauth2":
		return smtp.XOAuth2Auth(e.Username, password)
	}
	return smtp.PlainAuth("", e.Username, password, e.Host, true)
}

// recipients sends the sender's and the recipients' addresses. refused has the
// recipients that the server refuses while it accepts others.
func (e *Email) recipients(c *smtp.Client) (refused, err error) {
	if err := c.Mail(envelope(e.From)); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	taken := 0
	for _, to := range e.To {
		if err := c.Rcpt(envelope(to)); err != nil {
			refused = errors.Join(refused, fmt.Errorf("recipient %s: %w", bare(to), err))
			continue
		}
		taken++
	}
	if taken == 0 {
		return nil, refused
	}
	return refused, nil
}

// bare is the address without a name; Validate has parsed it.
func bare(address string) string {
	a, err := mail.ParseAddress(address)
	if err != nil {
		return address
	}
	return a.Address
}

// envelope is the address as the commands of SMTP have it.
func envelope(address string) string { return (&mail.Address{Address: bare(address)}).String() }

// messageID names a message or a thread within the sender's domain, without brackets.
func (e *Email) messageID(of string) string {
	sum := sha256.Sum256([]byte(of))
	sender := bare(e.From)
	return hex.EncodeToString(sum[:16]) + sender[strings.LastIndexByte(sender, '@'):]
}
