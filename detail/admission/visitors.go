package admission

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// ForwardedFor is the header field in which proxies name the visitor. Each proxy appends the address of whoever asked it.
const ForwardedFor = "X-Forwarded-For"

const (
	subscriberBits = 64 // of an IPv6 address: a subscriber has all addresses of such a network
	proxyWarning   = time.Minute
)

// ParseProxies parses networks (10.0.0.0/8) and single addresses. It fails on the first that is neither, and names it.
func ParseProxies(list []string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for _, one := range list {
		one = strings.TrimSpace(one)
		prefix, err := netip.ParsePrefix(one)
		if addr, addrErr := netip.ParseAddr(one); addrErr == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", one)
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// visitors distinguishes visitors by their address.
type visitors struct {
	proxies []netip.Prefix // trusted, besides loopback
	log     *slog.Logger
	warn    rate.Sometimes // that a proxy seems not to be trusted
}

func newVisitors(proxies []netip.Prefix, log *slog.Logger) *visitors {
	return &visitors{proxies: proxies, log: log, warn: rate.Sometimes{Interval: proxyWarning}}
}

// of is the visitor's address: of IPv6 the network of 64 bits, and the zero address where visitors can't be told apart.
//
// Only a trusted proxy is believed about whom it asks for. The visitor is then the rightmost address that is no trusted
// proxy's: the visitor may have made up all that stands to the left of it.
//
// A peer in a private network that is not trusted is most likely a proxy that --trusted-proxy does not name yet. Its visitors
// must not be counted as one, so that they have no address.
func (v *visitors) of(r *http.Request) netip.Addr {
	peer := peerOf(r.RemoteAddr)
	if !peer.IsValid() {
		return netip.Addr{}
	}
	named := r.Header.Values(ForwardedFor)
	if v.trusts(peer) {
		return subscriber(v.rightmost(named))
	}
	if len(named) > 0 {
		v.warn.Do(func() {
			v.log.Warn("requests with X-Forwarded-For come from an address that --trusted-proxy does not name: where it is a proxy, its visitors can't be told apart", "address", peer.String())
		})
	}
	if isInternal(peer) {
		return netip.Addr{}
	}
	return subscriber(peer)
}

// address is what a log calls the visitor: the address that trusted proxies name, else the peer's, without a port.
func (v *visitors) address(remote string, forwarded []string) string {
	peer := peerOf(remote)
	if !peer.IsValid() {
		return remote
	}
	if v.trusts(peer) {
		if visitor := v.rightmost(forwarded); visitor.IsValid() {
			return visitor.String()
		}
	}
	return peer.String()
}

// peerOf is the address of the other end of a connection; the zero address where it has none.
func peerOf(remote string) netip.Addr {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// rightmost is the last address in the fields that is no trusted proxy's. It is the zero address where there is none, or where
// an address on the way can't be parsed.
func (v *visitors) rightmost(fields []string) netip.Addr {
	list := strings.Join(fields, ",")
	for list != "" {
		cut := strings.LastIndexByte(list, ',')
		one := strings.TrimSpace(list[cut+1:])
		list = list[:max(cut, 0)]
		addr, err := parseForwarded(one)
		if err != nil {
			return netip.Addr{}
		}
		if !v.trusts(addr) {
			return addr
		}
	}
	return netip.Addr{}
}

// parseForwarded parses an address as proxies write it, with or without a port and brackets.
func parseForwarded(s string) (netip.Addr, error) {
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return withPort.Addr().Unmap().WithZone(""), nil
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return addr.Unmap().WithZone(""), err
}

func (v *visitors) trusts(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	for _, p := range v.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// carrierSpace is what carriers and clouds use between private and public addresses (RFC 6598).
var carrierSpace = netip.MustParsePrefix("100.64.0.0/10")

// isInternal reports whether an address is not routed on the Internet.
func isInternal(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLinkLocalUnicast() || carrierSpace.Contains(addr)
}

// subscriber is the address by which a visitor is known.
func subscriber(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	network, err := addr.Prefix(subscriberBits)
	if err != nil {
		return netip.Addr{}
	}
	return network.Addr()
}
