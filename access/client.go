package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Client is how the command line reaches the running agent. The zero value is the agent of
// this configuration on this machine.
type Client struct {
	URL      string          `yaml:"url" doc:"Address of the agent. Default: listen, on this machine."`
	CAFile   string          `yaml:"ca_file" doc:"PEM file of authorities to trust beside the system's."`
	CertFile string          `yaml:"cert_file" doc:"PEM file of a certificate to show, where the agent asks for one."`
	KeyFile  string          `yaml:"key_file" doc:"PEM file of its key."`
	Username string          `yaml:"username" doc:"Name of a user of the agent, in place of a token."`
	Password sentinel.Secret `yaml:"password" doc:"Password of the user."`
}

// Validate checks that what goes together is there. Files are read when a command needs them.
func (c *Client) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https"):
		return settings.Wrong("url", "want an address such as https://sentinel.example.com")
	case c.URL != "" && u.User != nil:
		return settings.Wrong("url", "write user and password as username and password")
	case c.Username == "" && !c.Password.IsZero():
		return settings.Wrong("username", "username and password go together: set both, or none")
	case c.Username != "" && c.Password.IsZero():
		return settings.Wrong("password", "username and password go together: set both, or none")
	case c.CertFile == "" && c.KeyFile != "":
		return settings.Wrong("cert_file", "cert_file and key_file go together: set both, or none")
	case c.CertFile != "" && c.KeyFile == "":
		return settings.Wrong("key_file", "cert_file and key_file go together: set both, or none")
	}
	return nil
}

// BaseURL is the address of the agent, without a slash at its end. listen is the one that the
// agent listens on.
func (a *Access) BaseURL(listen string) string {
	if a.Client.URL != "" {
		return strings.TrimSuffix(a.Client.URL, "/")
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return a.Scheme() + "://" + listen
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.IsUnspecified() {
		host = map[bool]string{true: "127.0.0.1", false: "::1"}[addr.Is4()]
	}
	return a.Scheme() + "://" + net.JoinHostPort(host, port)
}

// ClientTLS returns how the command line trusts the agent. It trusts the certificate of the
// agent of this configuration itself, so that nothing needs to be configured on its machine.
func (a *Access) ClientTLS() (*tls.Config, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a system without authorities
	}
	cfg := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if a.Client.CAFile != "" {
		pem, err := os.ReadFile(a.Client.CAFile)
		if err != nil {
			return nil, fmt.Errorf("web.client.ca_file: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("web.client.ca_file: " + a.Client.CAFile + " holds no certificate")
		}
	}
	if a.Client.CertFile != "" {
		own, err := tls.LoadX509KeyPair(a.Client.CertFile, a.Client.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("web.client.cert_file: %w", err)
		}
		cfg.Certificates = []tls.Certificate{own}
	}
	if a.Client.URL != "" || a.file == nil {
		return cfg, nil
	}
	if agent := a.file.Certificate(); agent != nil {
		roots.AddCert(agent)
		cfg.ServerName = nameIn(agent)
	}
	return cfg, nil
}

// nameIn returns a name that a certificate is for.
func nameIn(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return strings.Replace(c.DNSNames[0], "*.", "sentinel.", 1)
	case len(c.IPAddresses) > 0:
		return c.IPAddresses[0].String()
	}
	return ""
}
