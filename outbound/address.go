package outbound

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// AddressError reports an address that no request may go to.
type AddressError struct{ Address string }

func (e *AddressError) Error() string {
	return e.Address + " is an address where clouds keep credentials: allow_private lets it through"
}

// metadata are the addresses of metadata services of clouds that are not link-local.
var metadata = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd00:ec2::23"),    // AWS, pod identity
	netip.MustParseAddr("fd20:ce::254"),    // Google Cloud
	netip.MustParseAddr("fd00:42::42"),     // Scaleway
}

// metadataNames are names of metadata services, which a proxy may resolve although this
// machine cannot.
var metadataNames = []string{
	"metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal",
}

// CheckHost returns an [AddressError] if a host is a link-local, multicast or metadata
// address in any of its forms, or the name of a metadata service. It accepts every
// other name, because a client checks the addresses of a name when it connects.
func CheckHost(host string) error {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if slices.Contains(metadataNames, host) {
		return &AddressError{host}
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		var ok bool
		if addr, ok = parseInetAton(host); !ok {
			return nil
		}
	}
	addr = addr.Unmap().WithZone("")
	for _, a := range append(embedded(addr), addr) {
		if a.IsLinkLocalUnicast() || a.IsMulticast() || slices.Contains(metadata, a) {
			return &AddressError{addr.String()}
		}
	}
	return nil
}

// embedded returns the IPv4 address inside of an IPv6 address that networks translate:
// NAT64, 6to4, and the old compatible form.
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	b := addr.As16()
	for _, form := range []struct {
		prefix string
		at     int
	}{{"64:ff9b::/96", 12}, {"64:ff9b:1::/48", 12}, {"2002::/16", 2}, {"::/96", 12}} {
		if netip.MustParsePrefix(form.prefix).Contains(addr) {
			return []netip.Addr{netip.AddrFrom4([4]byte(b[form.at : form.at+4]))}
		}
	}
	return nil
}

// parseInetAton reads IPv4 addresses as the C library does: one to four numbers, which
// may be octal or hexadecimal. The last one fills the rest.
func parseInetAton(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 0, 32)
		last := i == len(parts)-1
		if err != nil || strings.Contains(p, "_") || !last && n > 255 || last && n >= 1<<(8*(5-len(parts))) {
			return netip.Addr{}, false
		}
		if last {
			value = value<<(8*(5-len(parts))) | n
		} else {
			value = value<<8 | n
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// resolver finds the addresses of a name.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// checkedProxy checks the host of a request that a proxy will connect to. A name that
// this machine cannot resolve is left to the proxy.
func checkedProxy(
	proxy func(*http.Request) (*url.URL, error), names resolver,
) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		host := r.URL.Hostname()
		if err := CheckHost(host); err != nil {
			return nil, err
		}
		via, err := proxy(r)
		if via == nil || err != nil || net.ParseIP(host) != nil {
			return via, err
		}
		found, err := names.LookupNetIP(r.Context(), "ip", host)
		if err != nil {
			return via, nil
		}
		for _, addr := range found {
			if err := CheckHost(addr.String()); err != nil {
				return nil, err
			}
		}
		return via, nil
	}
}
