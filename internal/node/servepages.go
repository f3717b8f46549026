package node

import (
	"context"
	"net"
	"net/http"
	"time"

	"vitrine/detail"
	"vitrine/internal/handover"
	"vitrine/internal/mirror"
	"vitrine/internal/redact"
)

// listenDetail has the server answer on its addresses, with the sockets of its predecessor if there is one.
func (n *process) listenDetail(server *detail.Server, warmer *mirror.Warmer, made *pageWarmer, opt Pages, c copies) (s Addresses, err error) {
	handler := server.Handler()
	if opt.pictures != nil {
		handler = withPictures(opt.pictures, handler)
	}
	a := newAdmin(n)
	a.ready = func() (string, error) { return n.readyToServe(server, made) }
	a.pages = server
	a.files = handler
	a.explain = func(ctx context.Context, what string) (any, error) { return n.explain(ctx, server, what) }
	pages, err := c.from.Listen("--http", opt.HTTP)
	if err != nil {
		return s, err
	}
	admins, err := c.from.Listen("--admin", opt.Admin)
	if err != nil {
		return s, err
	}
	s = Addresses{Pages: "http://" + pages.Addr().String(), Admin: "http://" + admins.Addr().String()}
	n.pages = s.Pages
	w := &pageServer{server: server, web: detail.NewHTTPServer(handler, n.log), listener: pages, delay: opt.ShutdownDelay, taken: n.takenOver.Load, ended: make(chan struct{})}
	n.start(w.Run)
	n.start(func(ctx context.Context) error {
		// /readyz reports the shutdown, so it is served until no page is served any more.
		later, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		go func() {
			defer redact.Crash()
			<-w.ended
			cancel()
		}()
		back := a.server()
		return serve(later, back, func() error { return back.Serve(admins) })
	})
	if c.own != nil {
		n.offerHandover(warmer, c, []handover.Socket{{Flag: "--http", Listener: pages}, {Flag: "--admin", Listener: admins}})
	}
	return s, nil
}

// address is where this process serves pages, once it does.
func (n *process) address() string { return n.pages }

// offerHandover notifies the predecessor that this process accepts connections, and offers the sockets to a successor.
func (n *process) offerHandover(warmer *mirror.Warmer, c copies, sockets []handover.Socket) {
	offer := handover.New(handover.Config{
		Dir: n.dir, Log: n.log, Sockets: sockets,
		Release: func() error {
			warmer.Note()
			return c.own.Release()
		},
		Regain: c.own.Acquire,
	})
	n.start(func(ctx context.Context) error {
		if c.from != nil {
			if err := c.from.Done(); err != nil {
				n.log.Warn("the server before this one was not notified", "error", err)
			}
		}
		return offer.Run(ctx, func() {
			n.log.Info("another process has taken over")
			n.takenOver.Store(true)
			n.stop()
		})
	})
}

const (
	drainTaken  = 4 * time.Second        // for the connections of a process that was replaced to send one more request
	drainEnding = 500 * time.Millisecond // for the connections of a process that ends for good
	drainAnswer = 3 * time.Second        // after that, for answers in progress: a visitor who does not read delays the end no longer
)

// pageServer serves visitors.
type pageServer struct {
	server   *detail.Server
	web      *http.Server
	listener net.Listener
	delay    time.Duration // between "not ready" and the closed listener
	taken    func() bool   // reports whether another process continues to serve
	ended    chan struct{} // closed when all answers have ended
}

// Run answers until ctx ends, and then drains. Unless another process has taken over, it first continues to serve for
// the delay while /readyz says no, so that load balancers notice before connections are refused.
func (s *pageServer) Run(ctx context.Context) error {
	defer close(s.ended)
	stopped := make(chan error, 1)
	go func() {
		defer redact.Crash()
		stopped <- s.server.Serve(s.web, s.listener)
	}()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	patience := drainTaken
	if !s.taken() {
		patience = drainEnding
		s.server.Leave()
		select {
		case <-time.After(s.delay):
		case err := <-stopped:
			return err
		}
	}
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience+drainAnswer)
	defer cancel()
	err := s.server.Drain(short, patience, s.web, s.listener)
	<-stopped
	return err
}
