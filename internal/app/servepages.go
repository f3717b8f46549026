package app

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"time"
	"vitrine/detail"
)

// listenDetail has the server answer on its addresses, those of the server before it where there is one.
func (n *node) listenDetail(server *detail.Server, opt detailOptions, c copies) (s shown, err error) {
	handler := server.Handler()
	if opt.Pictures != nil {
		handler = withPictures(opt.Pictures, handler)
	}
	a := &admin{node: n, ready: server.Ready, pages: server, files: handler, explain: func(ctx context.Context, what string) (any, error) { return server.Explain(ctx, what) }}
	pages, err := c.from.listen("--http", opt.HTTP)
	if err != nil {
		return s, err
	}
	admins, err := c.from.listen("--admin", opt.Admin)
	if err != nil {
		return s, err
	}
	web := detail.NewHTTPServer(handler, n.log)
	n.start(func(ctx context.Context) error { return servePages(ctx, server, web, pages, n.takenOver.Load) })
	n.start(func(ctx context.Context) error {
		back := a.server()
		return serve(ctx, back, func() error { return back.Serve(admins) })
	})
	s = shown{HTTP: "http://" + pages.Addr().String(), Admin: "http://" + admins.Addr().String()}
	n.pages = s.HTTP
	if c.own != nil {
		n.offerHandover(server, c, []socket{{"--http", pages}, {"--admin", admins}})
	}
	return s, nil
}

// offerHandover tells the process before this one that this one accepts, and lets another take over.
func (n *node) offerHandover(server *detail.Server, c copies, sockets []socket) {
	h := &handover{path: filepath.Join(n.dir, handoverSocket), log: n.log, sockets: sockets}
	h.release = func() error {
		n.writeHot(server)
		return c.own.release()
	}
	h.regain = c.own.take
	n.start(func(ctx context.Context) error {
		if c.from != nil {
			if err := c.from.done(); err != nil {
				n.log.Warn("the server before this one was not told", "error", err)
			}
		}
		return h.Run(ctx, func() {
			n.log.Info("another process has taken over")
			n.takenOver.Store(true)
			n.stop()
		})
	})
}

const (
	drainTaken  = 5 * time.Second        // for visitors of a process that was taken over
	drainEnding = 500 * time.Millisecond // for those of one that ends for good
)

// servePages answers until ctx ends, and then drains.
func servePages(ctx context.Context, server *detail.Server, web *http.Server, l net.Listener, taken func() bool) error {
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(web, l) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	patience := drainEnding
	if taken() {
		patience = drainTaken
	}
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := server.Drain(short, web, l)
	<-stopped
	return err
}
