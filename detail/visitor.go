package detail

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// forwardedFor is the header field in which proxies name the visitor, each appending who asked it.
const forwardedFor = "X-Forwarded-For"

// sixtyFour is the part of an IPv6 address that is one subscriber's.
const sixtyFour = 64

// ParseProxies parses networks, or single addresses, whose X-Forwarded-For is to be believed.
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

// visitors tells who asks.
type visitors struct {
	proxies []netip.Prefix // besides loopback
	log     *slog.Logger
	warn    *occasion
}

func newVisitors(proxies []netip.Prefix, log *slog.Logger) *visitors {
	return &visitors{proxies: proxies, log: log, warn: newOccasion(time.Minute)}
}

// of is the visitor's address, the network of 64 bits where it is IPv6; the zero address for who can't be told
// apart. Only trusted proxies are believed about whom they ask for: the rightmost address that is no trusted proxy's
// is the visitor, since all to the left of it may be the visitor's own invention.
//
// A peer in a private network that is not trusted is most likely a proxy that --trusted-proxy does not name yet. All
// its visitors must not be taken for one with an appetite, so it is nobody.
func (v *visitors) of(r *http.Request) netip.Addr {
	peer := peerOf(r.RemoteAddr)
	if !peer.IsValid() {
		return netip.Addr{}
	}
	named := r.Header.Values(forwardedFor)
	if v.trusts(peer) {
		return subscriber(v.rightmost(named))
	}
	if len(named) > 0 {
		if due, _ := v.warn.due(time.Now()); due {
			v.log.Warn("requests with X-Forwarded-For come from an address that --trusted-proxy does not name: where it is a proxy, its visitors can't be told apart", "address", peer.String())
		}
	}
	if inside(peer) {
		return netip.Addr{}
	}
	return subscriber(peer)
}

// address is what a log calls the visitor: what trusted proxies say, or else the peer, in both cases without a port.
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

// rightmost is the last address in the fields that is no trusted proxy's; zero where there is none, or where it can't
// be read.
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

// parseForwarded reads an address as proxies write it, some with a port.
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

// shared is the address space of carriers and clouds between private and public (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// inside reports whether an address is of a network that is nobody's on the Internet.
func inside(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLinkLocalUnicast() || shared.Contains(addr)
}

func subscriber(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	network, err := addr.Prefix(sixtyFour)
	if err != nil {
		return netip.Addr{}
	}
	return network.Addr()
}
