package admission

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"vitrine/switches"
)

// ErrBusy refuses a page that would have to be made: too many are being made, or crawlers have had their share.
var ErrBusy = errors.New("too many pages are being made")

// Config of a Controller. Log is needed.
type Config struct {
	Switches    *switches.Panel // nil: everything is on
	Proxies     []netip.Prefix  // whose X-Forwarded-For is believed, besides those on loopback
	Connections int             // open at once. Defaults to what the limit of open files allows, 20,000 at most
	Log         *slog.Logger
}

// Controller holds the bounds of one server. It is safe for concurrent use.
type Controller struct {
	gate        *gate
	crawlers    *crawlers
	visitors    *visitors
	shares      *shares
	connections *Connections
}

// New makes a controller. It fails where a bound is negative or there is no log.
func New(c Config) (*Controller, error) {
	if c.Log == nil || c.Connections < 0 {
		return nil, errors.New("admission: Log must be given, and Connections not be negative")
	}
	return &Controller{
		gate:        newGate(),
		crawlers:    newCrawlers(c.Switches),
		visitors:    newVisitors(c.Proxies, c.Log),
		shares:      newShares(),
		connections: newConnections(c.Connections, c.Log),
	}, nil
}

// Permit allows one page to be made.
type Permit struct {
	Crawler bool // a crawler asked: nothing is cached, and no upstream asked, for its sake

	gate *gate
}

// Release ends the permit once the page is made.
func (p Permit) Release() { p.gate.leave() }

// Admit gives a permit to make the page that a request asks for, or ErrBusy.
func (c *Controller) Admit(r *http.Request) (Permit, error) {
	crawler := IsCrawler(r.UserAgent()) || c.crawlers.tooFast(c.visitors.of(r))
	if crawler && !c.crawlers.allow() {
		return Permit{}, ErrBusy
	}
	if !c.gate.enter() {
		return Permit{}, ErrBusy
	}
	return Permit{Crawler: crawler, gate: c.gate}, nil
}

// Full reports whether a page that had to be made now would be refused, whoever asks.
func (c *Controller) Full() bool { return c.gate.full() }

// Occupied reports whether as many pages are being made as there are processors.
func (c *Controller) Occupied() bool { return c.gate.occupied() }

// Occupancy is the share of its bounds that is in use: of the pages that may be made at once, or of the connections, whichever is greater.
func (c *Controller) Occupancy() float64 {
	making := float64(c.gate.making.Load()) / float64(c.gate.limit)
	return max(making, float64(c.connections.Count())/float64(c.connections.most))
}

// Waiting returns how many pages wait for their turn to be rendered, for each processor.
func (c *Controller) Waiting() float64 {
	return float64(c.gate.waiting.Load()) / float64(c.gate.cores)
}

// Render calls f, which keeps a processor busy, when it is its turn.
func (c *Controller) Render(f func()) { c.gate.render(f) }

// ServesCrawlers reports whether crawlers are served at all.
func (c *Controller) ServesCrawlers() bool { return c.crawlers.on.On() }

// Visitor is the address that a request comes from. Of IPv6 it is the network of 64 bits. It is the zero address where the
// visitors of a proxy can't be told apart.
func (c *Controller) Visitor(r *http.Request) netip.Addr { return c.visitors.of(r) }

// Address names the visitor of a request for a log: by the address that trusted proxies name in the fields X-Forwarded-For,
// else by the peer's. remote is the peer with its port, and is given back where it is no address.
func (c *Controller) Address(remote string, forwarded []string) string {
	return c.visitors.address(remote, forwarded)
}

// Connections is the bound on connections.
func (c *Controller) Connections() *Connections { return c.connections }

// Enter begins a request for live parts. Its visitor has a share of each upstream until Leave.
func (c *Controller) Enter(r *http.Request) *Visitor { return c.shares.enter(c.visitors.of(r)) }
