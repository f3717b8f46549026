package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"vitrine/internal/item"
)

// Config configures a Client.
type Config struct {
	Log      *slog.Logger           // defaults to silence
	Idle     time.Duration          // between two reads of a body. Defaults to 5 s
	Dial     time.Duration          // to connect. Defaults to 2 s
	LiveMax  int64                  // bytes of a live part. Defaults to 256 KiB
	ListMax  int64                  // bytes of a page of ids. Defaults to 16 MiB
	Off      func(name string) bool // reports whether an upstream is switched off; defaults to false
	Secrets  *Secrets               // for the catalog's headers that name one; defaults to none
	Observed func(Call)             // called after each call, for metrics; defaults to nothing
}

// Call is the outcome of a call.
type Call struct {
	Upstream string
	Pool     string // "" for the upstream's own
	Use      Use
	IDs      int   // how many it asked for
	Status   int   // 0 if there was no answer; 200 for a command that printed a token
	Err      error // why there is no complete answer; nil for one of any status
	Took     time.Duration
}

// Use is the purpose of a call.
type Use string

// The uses.
const (
	UseFetch Use = "fetch" // records
	UseList  Use = "list"  // ids
	UseLive  Use = "live"  // live parts
	UseToken Use = "token" // the token that the others carry
)

// Outcome classifies a call: ok, unchanged, gone, unwell (a status that says "not now"), refused (a status, or an
// answer that can't be used), silent (no answer, or an incomplete one).
func (c Call) Outcome() string {
	switch {
	case errors.Is(c.Err, item.ErrRefused):
		return "refused"
	case c.Err != nil:
		return "silent"
	case c.Status >= 200 && c.Status <= 299:
		return "ok"
	case c.Status == http.StatusNotModified:
		return "unchanged"
	case c.Status == http.StatusNotFound || c.Status == http.StatusGone:
		return "gone"
	case unwell(c.Status):
		return "unwell"
	}
	return "refused"
}

// Client asks upstreams. It is safe for concurrent use.
type Client struct {
	Config
	http      *http.Client
	endpoints *http.Client // for tokens: follows no redirect, since a secret is sent
	dialer    *net.Dialer
	renewals  sync.WaitGroup

	mu       sync.Mutex       // guards all below
	doors    map[string]*door // upstream → who admits its calls
	sources  map[string]*source
	circuits map[guarded]circuit
	keepers  map[string]*keeper // upstream → what keeps its token
	closed   bool
}

// New makes a client. Close ends its idle connections, and renewals of tokens.
func New(c Config) *Client {
	c.Idle, c.Dial = cmp.Or(c.Idle, 5*time.Second), cmp.Or(c.Dial, 2*time.Second)
	c.LiveMax, c.ListMax = cmp.Or(c.LiveMax, 256<<10), cmp.Or(c.ListMax, 16<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Off == nil {
		c.Off = func(string) bool { return false }
	}
	if c.Observed == nil {
		c.Observed = func(Call) {}
	}
	dialer := &net.Dialer{Timeout: c.Dial, KeepAlive: 30 * time.Second, Control: guard}
	transport := &http.Transport{
		Proxy: nil, DialContext: dialer.DialContext, DisableCompression: true, // decompressed here, within a limit
		MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 90 * time.Second, // never more than were in use: see enter
		TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	return &Client{
		Config: c, http: &http.Client{Transport: transport, CheckRedirect: sameOrigin},
		endpoints: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		doors:     map[string]*door{}, circuits: map[guarded]circuit{}, keepers: map[string]*keeper{},
		dialer: dialer, sources: map[string]*source{},
	}
}

// Close ends idle connections and renewals.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	for _, k := range c.keepers {
		k.close()
	}
	c.mu.Unlock()
	c.renewals.Wait()
	c.http.CloseIdleConnections()
	c.closeSources()
}

// errAddress is an address that no upstream may have.
var errAddress = errors.New("address is not for upstreams")

// guard checks the address after DNS resolution. Base URLs are trusted wherever they resolve, except for the metadata
// services of clouds.
func guard(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsInterfaceLocalMulticast() ||
		ip == netip.AddrFrom4([4]byte{100, 100, 100, 200}) || ip == netip.MustParseAddr("fd00:ec2::254") {
		return fmt.Errorf("%w: %s", errAddress, ip)
	}
	return nil
}

// sameOrigin follows redirects within the origin only.
func sameOrigin(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	switch {
	case len(via) > 5:
		return fmt.Errorf("%w: more than 5 redirects", item.ErrRefused)
	case req.URL.Scheme != from.Scheme || req.URL.Host != from.Host:
		return fmt.Errorf("%w: redirected to another origin, %.200s", item.ErrRefused, req.URL.Redacted())
	}
	return nil
}

// door is the one of an upstream.
func (c *Client) door(name string) *door {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.doors[name]
	if d == nil {
		d = newDoor()
		c.doors[name] = d
	}
	return d
}

// path fills a template: {name} becomes the value, percent-encoded so that it can't leave its segment.
func path(template string, values map[string]string) string {
	for name, value := range values {
		template = strings.ReplaceAll(template, "{"+name+"}", value)
	}
	return template
}
