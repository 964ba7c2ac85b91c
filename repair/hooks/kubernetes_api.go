package hooks

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sentinel-dq/sentinel/repair"
)

// kubernetesAPI is the API server during one step of a repair.
type kubernetesAPI struct {
	*Kubernetes
	run     *repair.Run
	details kubernetesDetails
}

// do makes one request as the service account. It reads the token and the authority
// again each time, because the kubelet renews them.
func (k kubernetesAPI) do(ctx context.Context, method, path string, body, answer any) (status int, err error) {
	server := k.Server
	if server == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return 0, &repair.RefusedError{Why: "this is no pod of a cluster: set server and account"}
		}
		server = "https://" + net.JoinHostPort(host, port)
	}
	c := httpCall{Method: method, URL: server + path, Timeout: requestTimeout, Repeatable: true,
		AllowPrivate: k.AllowPrivate, Header: http.Header{}, Direct: k.Server == ""}
	token, err := os.ReadFile(filepath.Join(k.Account, "token"))
	if err != nil {
		return 0, fmt.Errorf("the service account's token: %w", err)
	}
	k.run.Hide(strings.TrimSpace(string(token)))
	c.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	if method == http.MethodPatch {
		c.Header.Set("Content-Type", "application/strategic-merge-patch+json")
	}
	if strings.HasPrefix(server, "https://") {
		authority, err := os.ReadFile(filepath.Join(k.Account, "ca.crt"))
		if err != nil {
			return 0, fmt.Errorf("the cluster's authority: %w", err)
		}
		c.Roots = x509.NewCertPool()
		if !c.Roots.AppendCertsFromPEM(authority) {
			return 0, fmt.Errorf("the cluster's authority: %s holds no certificate", filepath.Join(k.Account, "ca.crt"))
		}
	}
	if body != nil {
		if c.Body, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	return c.json(ctx, k.run, answer)
}
