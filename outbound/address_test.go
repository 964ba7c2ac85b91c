package outbound

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
)

// names are the addresses that names have here.
type names map[string]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if addr, ok := n[host]; ok {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr(addr)}, nil
	}
	return nil, errors.New("no such host")
}

// A proxy connects for us: what it must not be asked for never reaches it.
func TestProxiesAreNotAskedForMetadata(t *testing.T) {
	t.Parallel()
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host)
	}))
	defer proxy.Close()
	via, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := Client(Options{})
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("%T", client.Transport)
	}
	transport.Proxy = checkedProxy(http.ProxyURL(via), names{
		"rebound.example": "169.254.169.254", "rebound6.example": "fd00:ec2::254", "fine.example": "10.1.2.3",
	})
	for host, refused := range map[string]bool{
		"169.254.169.254": true, "169.254.169.254.": true, "2852039166": true, "0xa9fea9fe": true,
		"0251.0376.0251.0376": true, "169.254.43518": true, "[::ffff:169.254.169.254]": true,
		"[::169.254.169.254]": true, "[64:ff9b::a9fe:a9fe]": true, "[2002:a9fe:a9fe::1]": true, "100.100.100.200": true,
		"[fd00:ec2::254]": true, "[::ffff:6464:64c8]": true, "168.63.129.16": true, "metadata.google.internal": true,
		"METADATA.google.internal.": true, "rebound.example": true, "rebound6.example": true, "[fd20:ce::254]": true,
		"fine.example": false, "unknown.example": false, "10.0.0.1": false, "192.168.1.1": false, "1.2": false,
		"metadata.example": false, "1.2.3.4.5": false, "08.example": false,
	} {
		asked = nil
		resp, err := client.Get("http://" + host + "/latest")
		var address *AddressError
		if errors.As(err, &address) != refused || len(asked) == 0 != refused {
			t.Errorf("%s: %v, the proxy was asked for %v", host, err, asked)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
}
