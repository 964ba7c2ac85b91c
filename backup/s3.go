package backup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// answerTimeout bounds the wait for the answer to one request.
const answerTimeout = time.Minute

// s3 keeps backups in a bucket.
type s3 struct {
	client         *minio.Client
	config         *Config
	bucket, prefix string
}

func newS3(c *Config) (*s3, error) {
	to, err := url.Parse(c.To)
	if err != nil || to.Host == "" || to.RawQuery != "" || to.User != nil {
		return nil, settings.Wrong("to", "want s3://bucket/prefix")
	}
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "https" && endpoint.Scheme != "http" ||
		strings.Trim(endpoint.Path, "/") != "" {
		return nil, settings.Wrong("endpoint", "want an address such as https://s3.example.com, without a path")
	}
	transport, err := minio.DefaultTransport(endpoint.Scheme == "https")
	if err != nil {
		return nil, err
	}
	transport.ResponseHeaderTimeout = answerTimeout
	transport.TLSClientConfig, transport.Proxy = c.Outbound.Transport()
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:     credentials.New(&configured{c}),
		Secure:    endpoint.Scheme == "https",
		Region:    c.Region,
		Transport: transport,
	})
	if err != nil {
		return nil, settings.Wrong("endpoint", "%v", err)
	}
	return &s3{client, c, to.Host, strings.Trim(to.Path, "/")}, nil
}

// configured gives the client the keys of the configuration as they are now: they may come
// from a file that changes. Without them it uses those of the environment or the machine.
type configured struct{ *Config }

// RetrieveWithCredContext implements credentials.Provider.
func (c *configured) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	if key := c.AccessKey.Reveal(); key != "" {
		return credentials.Value{
			AccessKeyID: key, SecretAccessKey: c.SecretKey.Reveal(), SignerType: credentials.SignatureV4,
		}, nil
	}
	chain := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: answerTimeout}},
	})
	return chain.GetWithContext(cc)
}

// Retrieve implements credentials.Provider.
func (c *configured) Retrieve() (credentials.Value, error) { return c.RetrieveWithCredContext(nil) }

// IsExpired implements credentials.Provider: the keys are asked for each time.
func (c *configured) IsExpired() bool { return true }

func (s *s3) key(name string) string { return path.Join(s.prefix, name) }

func (s *s3) put(ctx context.Context, name, file string) error {
	return s.try(ctx, func() error {
		_, err := s.client.FPutObject(ctx, s.bucket, s.key(name), file,
			minio.PutObjectOptions{ContentType: "application/vnd.sqlite3"})
		return err
	})
}

func (s *s3) get(ctx context.Context, name, file string) error {
	return s.try(ctx, func() error {
		return s.client.FGetObject(ctx, s.bucket, s.key(name), file, minio.GetObjectOptions{})
	})
}

func (s *s3) list(ctx context.Context) (all []Backup, err error) {
	err = s.try(ctx, func() error {
		all = nil
		prefix := s.key("sentinel-")
		for o := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
			if o.Err != nil {
				return o.Err
			}
			if b, ok := parse(path.Base(o.Key), o.Size); ok && o.Key == s.key(b.Name) {
				all = append(all, b)
			}
		}
		return nil
	})
	return all, err
}

func (s *s3) remove(ctx context.Context, name string) error {
	return s.try(ctx, func() error {
		return s.client.RemoveObject(ctx, s.bucket, s.key(name), minio.RemoveObjectOptions{})
	})
}

// try makes a request, and once more with keys that were read again where they are refused.
// Errors name no key.
func (s *s3) try(ctx context.Context, do func() error) error {
	err := secrets.Of(s.config).Try(ctx, refused, do)
	if err == nil {
		return nil
	}
	text := outbound.Scrub(err.Error(), s.config.AccessKey.Reveal(), s.config.SecretKey.Reveal())
	var answer minio.ErrorResponse
	if errors.As(err, &answer) && answer.Code != "" {
		text = fmt.Sprintf("the store answers %s: %s", answer.Code, text)
	}
	return errors.New(text)
}

// refused reports whether the store did not accept the keys.
func refused(err error) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && (answer.StatusCode == http.StatusForbidden ||
		answer.StatusCode == http.StatusUnauthorized)
}
