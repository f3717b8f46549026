package cli

import (
	"fmt"
	"time"

	"vitrine/detail/admission"
	"vitrine/internal/node"
)

// pageFlags are the flags of all processes that serve pages.
type pageFlags struct {
	Access         string        `name:"access-log" help:"Write a line for each request, in the combined format; - is standard output." placeholder:"FILE"`
	TrustedProxy   []string      `name:"trusted-proxy" help:"Networks or addresses of the proxies in front, whose X-Forwarded-For is believed; loopback always is." placeholder:"CIDR,…"`
	CacheTags      string        `name:"cache-tags" help:"Headers that name a page's parts: both, cache-tag, surrogate-key or none." enum:"both,cache-tag,surrogate-key,none" default:"both"`
	MaxConnections int           `name:"max-connections" help:"Greatest number of visitors' connections; 0 means what the limit of open files allows, at most 20,000." default:"0" placeholder:"N"`
	FastPath       bool          `name:"fast-path" help:"Answer requests for pages in memory within the connection's read, without net/http; --fast-path=false leaves all requests to net/http." default:"true"`
	BlobMemory     int           `name:"blob-memory" help:"MiB of memory for blobs." default:"256" placeholder:"MIB"`
	PageMemory     int           `name:"page-memory" help:"MiB of memory for whole pages, ready to be sent." default:"256" placeholder:"MIB"`
	FormerPages    time.Duration `name:"former-pages" help:"How long after a change of templates, catalog or a switch kept pages may be answered in their last form, while no processor is free to make them anew, at most 10m; 0s: never." default:"30s"`
	ShutdownDelay  time.Duration `name:"shutdown-delay" help:"How long /readyz says no before the listener closes, at most 5s." default:"100ms"`
}

const mostMemory = 1 << 20 // MiB

const (
	mostShutdownDelay = 5 * time.Second
	mostFormerPages   = 10 * time.Minute
)

// Validate returns an error that names the flag with an invalid value; kong calls it.
func (f pageFlags) Validate() error {
	_, err := admission.ParseProxies(f.TrustedProxy)
	switch {
	case err != nil:
		return fmt.Errorf("--trusted-proxy: %w", err)
	case f.MaxConnections < 0:
		return fmt.Errorf("--max-connections %d: it must not be negative", f.MaxConnections)
	case f.BlobMemory < 1 || f.BlobMemory > mostMemory:
		return fmt.Errorf("--blob-memory %d: it must be between 1 and %d MiB", f.BlobMemory, mostMemory)
	case f.PageMemory < 1 || f.PageMemory > mostMemory:
		return fmt.Errorf("--page-memory %d: it must be between 1 and %d MiB", f.PageMemory, mostMemory)
	case f.FormerPages < 0 || f.FormerPages > mostFormerPages:
		return fmt.Errorf("--former-pages %s: it must be between 0s and %s", f.FormerPages, mostFormerPages)
	case f.ShutdownDelay < 0 || f.ShutdownDelay > mostShutdownDelay:
		return fmt.Errorf("--shutdown-delay %s: it must be between 0s and %s", f.ShutdownDelay, mostShutdownDelay)
	}
	return nil
}

// pages is the node's configuration from the flags.
func (f pageFlags) pages(http, admin, disk string) node.Pages {
	return node.Pages{
		HTTP: http, Admin: admin, Disk: disk, AccessLog: f.Access, TrustedProxies: f.TrustedProxy, CacheTags: f.CacheTags,
		MaxConnections: f.MaxConnections, BlobMemory: f.BlobMemory, PageMemory: f.PageMemory, FormerPages: f.FormerPages, ShutdownDelay: f.ShutdownDelay, FastPath: f.FastPath,
	}
}
