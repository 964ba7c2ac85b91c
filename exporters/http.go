package exporters

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/secrets"
	"github.com/sentinel-dq/sentinel/settings"
)

// httpTimeout bounds one delivery.
const httpTimeout = 10 * time.Second

// post sends a body. Its error holds the answer of a destination that refused it, and
// never the address, which may hold a secret.
func post(ctx context.Context, to sentinel.Secret, headers map[string]string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Reveal(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the address cannot be used")
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	// Connections stay open, because a destination gets a request every few seconds.
	resp, err := outbound.RulesOf(ctx).Keeping().Do(req)
	if err != nil {
		return outbound.WithoutURL(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && resp.StatusCode/100 == 2 {
		return nil
	}
	said := outbound.Scrub(resp.Status+": "+string(answer), to.Reveal(), headers["Authorization"])
	err = errors.New("answered " + outbound.OneLine(said, 300))
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return &secrets.RefusedError{Err: err}
	}
	return err
}

// needURL returns an error unless the value is an HTTP address.
func needURL(field string, s sentinel.Secret) error {
	if !outbound.IsURL(s.Reveal()) {
		return settings.Wrong(field, "want an address that starts with http:// or https://")
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
