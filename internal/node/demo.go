package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/demo"
	"vitrine/internal/item"
)

// demoShop is the demo as vitrine up runs it.
type demoShop struct {
	shop    *demo.Shop
	address string                 // of the back office
	pages   atomic.Pointer[string] // base URL of the pages, set once they are served
}

// openDemo serves the demo's upstreams and its back office, and adds the upstreams' addresses to served.
func (u *Up) openDemo(n *process, served map[string]string) (*demoShop, error) {
	d := &demoShop{}
	var err error
	d.shop, err = demo.Open(filepath.Join(u.Dir, "demo"), u.Lang)
	if err != nil {
		return nil, fmt.Errorf("open the demo shop: %w", err)
	}
	backOffice, err := demo.NewBackOffice(d.shop, d.base, func(ctx context.Context, changes []item.Change) error {
		return n.bus.PublishChanges(ctx, changes, bus.PublishOptions{Event: time.Now(), Everywhere: true})
	}, n.log)
	if err != nil {
		return nil, fmt.Errorf("open the demo shop: %w", err)
	}
	if err := d.serve(n, u.Shop, local(backOffice.Handler())); err != nil {
		return nil, err
	}
	for _, name := range demo.Upstreams() {
		served[name] = d.address + "/api/" + name
	}
	return d, u.writeSlots(d.address)
}

// base is the base URL of the pages.
func (d *demoShop) base() string {
	if p := d.pages.Load(); p != nil {
		return *p
	}
	return ""
}

// serve listens on addr, or on a free port if that is taken. Upstreams that were made to hang end when the process
// stops.
func (d *demoShop) serve(n *process, addr string, handler http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listen for --shop: %w", err)
		}
	}
	d.address = "http://" + l.Addr().String()
	n.start(func(ctx context.Context) error {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return ctx }}
		return serve(ctx, server, func() error { return server.Serve(l) })
	})
	return nil
}

// demoTemplates is the folder for the demo's own templates, where users may put theirs.
func (u *Up) demoTemplates() string { return filepath.Join(u.Dir, "templates") }

// writeSlots writes what the demo adds to the theme, with the address of its back office.
func (u *Up) writeSlots(address string) error {
	if err := os.MkdirAll(u.demoTemplates(), 0o755); err != nil {
		return err
	}
	for name, text := range demo.Slots(address) {
		if err := os.WriteFile(filepath.Join(u.demoTemplates(), name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
