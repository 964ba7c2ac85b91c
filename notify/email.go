package notify

import (
	"bytes"
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
	"net/smtp"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("email", func() Notifier { return &Email{} }) }

// Email sends mail by SMTP: plain text and HTML. Mails of one incident share a
// thread, and one that is sent again has the same Message-ID.
type Email struct {
	Host     string          `yaml:"host" required:"true" doc:"Name of an SMTP server."`
	Port     int             `yaml:"port" doc:"Port. Default: 465 with tls: implicit, else 587."`
	From     string          `yaml:"from" required:"true" doc:"Address of the sender."`
	To       []string        `yaml:"to" required:"true" doc:"Addresses of the recipients."`
	Username string          `yaml:"username" doc:"Name to log in with."`
	Password sentinel.Secret `yaml:"password" doc:"Password to log in with."`
	TLS      string          `yaml:"tls" enum:"starttls,implicit,none" doc:"Encryption. Default: implicit on port 465, else starttls."`
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
	case e.Password != "" && e.TLS == "none" && !isLoopback(e.Host):
		return settings.Wrong("tls", "none would send the password in the clear")
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
	if err := e.begin(c); err != nil {
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
		return (&tls.Dialer{Config: e.config()}).DialContext(ctx, "tcp", address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

func (e *Email) config() *tls.Config {
	return &tls.Config{ServerName: e.Host, RootCAs: e.roots, MinVersion: tls.VersionTLS12}
}

// begin makes the connection safe and says who sends.
func (e *Email) begin(c *smtp.Client) error {
	if err := c.Hello(e.Hello); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if e.TLS == "starttls" {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return permanent("%s offers no STARTTLS: set tls: implicit, or none for a server that needs no protection", e.Host)
		}
		if err := c.StartTLS(e.config()); err != nil {
			return fmt.Errorf("starting TLS: %w", err)
		}
	}
	if e.Username == "" {
		return nil
	}
	_, methods := c.Extension("AUTH")
	var auth smtp.Auth = smtp.PlainAuth("", e.Username, e.Password.Reveal(), e.Host)
	if !strings.Contains(" "+methods+" ", " PLAIN ") && strings.Contains(" "+methods+" ", " LOGIN ") {
		auth = &loginAuth{e.Username, e.Password}
	}
	if err := c.Auth(auth); err != nil {
		return fmt.Errorf("signing in: %w", err)
	}
	return nil
}

// recipients names sender and recipients. refused is of those that the server
// does not take while it takes others.
func (e *Email) recipients(c *smtp.Client) (refused, err error) {
	if err := c.Mail(bare(e.From)); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	taken := 0
	for _, to := range e.To {
		if err := c.Rcpt(bare(to)); err != nil {
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

// loginAuth is the AUTH LOGIN that some servers offer instead of PLAIN. Like
// PLAIN it is never used on a connection that others can read.
type loginAuth struct {
	username string
	password sentinel.Secret
}

func (a *loginAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !isLoopback(server.Name) {
		return "", nil, errors.New("the connection is not encrypted")
	}
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(question []byte, more bool) ([]byte, error) {
	switch q := strings.ToLower(string(bytes.TrimSpace(question))); {
	case !more:
		return nil, nil
	case strings.HasPrefix(q, "user"):
		return []byte(a.username), nil
	case strings.HasPrefix(q, "pass"):
		return []byte(a.password.Reveal()), nil
	default:
		return nil, fmt.Errorf("the server asks %q", clip(flat(q), 40))
	}
}

// messageID names a message or a thread within the sender's domain.
func (e *Email) messageID(of string) string {
	sum := sha256.Sum256([]byte(of))
	_, domain, _ := strings.Cut(bare(e.From), "@")
	return "<" + hex.EncodeToString(sum[:16]) + "@" + domain + ">"
}
