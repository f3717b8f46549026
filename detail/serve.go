package detail

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"vitrine/detail/admission"
	"vitrine/detail/fastpath"
)

// drainPoll is how often Drain looks whether a request is under way.
const drainPoll = 5 * time.Millisecond

// Serve has web answer on l, behind the fast path unless that is off. Like web.Serve, it returns when web is shut down or l
// fails, with the error.
func (s *Server) Serve(web *http.Server, l net.Listener) error {
	web.ConnState = trackState
	bounded := s.admission.Connections().Listen(l)
	if s.fast == nil {
		return web.Serve(bounded)
	}
	return web.Serve(fastListener{bounded, s.fast})
}

// fastListener puts the fast path before the connections that it accepts.
type fastListener struct {
	*admission.Listener
	path *fastpath.Path
}

// Accept gives a *fastpath.Conn, whose Tracker is the *admission.Conn.
func (l fastListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	admitted := conn.(*admission.Conn)
	return l.path.Conn(admitted.NetConn(), admitted), nil
}

// trackState is the http.Server.ConnState that keeps track of requests under way.
func trackState(conn net.Conn, state http.ConnState) {
	switch c := conn.(type) {
	case *fastpath.Conn:
		c.SetState(state)
	case *admission.Conn:
		c.SetState(state)
	}
}

// Leave makes Ready fail, so that load balancers send no new visitors. The server goes on serving.
func (s *Server) Leave() { s.leaving.Store(true) }

// Drain ends web without losing a request. It closes the listener; each response from now on announces the end of its
// connection. Connections that wait for a request are closed after grace. Requests under way, and visitors who don't read
// their response, have until ctx ends. Another process may accept on the same socket meanwhile. The error is that of
// http.Server.Shutdown or Close.
func (s *Server) Drain(ctx context.Context, grace time.Duration, web *http.Server, l net.Listener) error {
	s.draining.Store(true)
	_ = l.Close() // it may be closed already
	idle := time.NewTimer(grace)
	defer idle.Stop()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	patient := true
	for s.admission.Connections().Count() > 0 && (patient || s.admission.Connections().Busy()) && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-idle.C:
			patient = false
		case <-ctx.Done():
		}
	}
	err := web.Shutdown(ctx)
	switch {
	case errors.Is(err, net.ErrClosed): // the listener, if Serve has not noticed yet
		return nil
	case err == nil || ctx.Err() == nil:
		return err
	}
	return web.Close()
}
