// Package handover hands the listening sockets of a server to the process that replaces it, so that no request is lost.
//
// A server that is started in the folder of a running one takes over from it:
//
//	new    asks at DIR/handover.sock, and says on which addresses it is to listen
//	old    refuses where those are not its own: it is not meant to be replaced, but the folder is used twice
//	old    lets go what only one process can hold (a bbolt file), and sends its listening sockets; it goes on serving
//	new    opens the file, warms memory from it, and accepts on the same sockets
//	new    says "accepting"
//	old    closes its listeners; what it still gets is answered with Connection: close
//	old    ends when no visitor is left, or after a few seconds
//
// Where new ends before it has said so, old takes its file back and goes on as if nothing had been.
package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	socketName = "handover.sock"
	accepting  = "accepting\n"
	within     = 30 * time.Second // for the new process to be ready
)

// request is the new process's request.
type request struct {
	Addresses map[string]string `json:"addresses"` // to listen on, by flag
}

// reply is the old process's answer. It comes with its sockets, in the order of their names.
type reply struct {
	Names   []string `json:"names,omitempty"` // their flags
	Refused string   `json:"refused,omitempty"`
}

// Socket is a listener, and the flag of its address.
type Socket struct {
	Flag         string
	net.Listener // of TCP
}

// Config configures an Offer. Every field is required.
type Config struct {
	Dir     string // the folder in which the next process is started
	Log     *slog.Logger
	Sockets []Socket
	Release func() error // releases what only one process can hold
	Regain  func() error // takes it back
}

// Offer is the old process's side of a handover.
type Offer struct{ cfg Config }

// New makes an offer; Run serves it.
func New(cfg Config) *Offer { return &Offer{cfg} }

// Predecessor is the new process's side: what it got from the old one.
type Predecessor struct {
	conn      *net.UnixConn
	listeners map[string]net.Listener
}

// TakeOver asks a running server of the folder for its sockets, to listen on addresses, given by flag. It returns nil
// if no server runs, and an error if one runs with other addresses.
func TakeOver(dir string, addresses map[string]string) (*Predecessor, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(dir, socketName), Net: "unix"})
	if err != nil {
		return nil, nil // nobody listens, or the name is too long for a socket: then nobody can
	}
	p := &Predecessor{conn: conn, listeners: map[string]net.Listener{}}
	err = conn.SetDeadline(time.Now().Add(within))
	if err == nil {
		err = json.NewEncoder(conn).Encode(request{addresses})
	}
	if err == nil {
		err = p.receive()
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("take over from the running server of --dir %s: %w", dir, err)
	}
	return p, nil
}

// receive reads the answer with its sockets.
func (p *Predecessor) receive() error {
	body, rights := make([]byte, 4096), make([]byte, syscall.CmsgSpace(8*4))
	n, m, _, _, err := p.conn.ReadMsgUnix(body, rights)
	if err != nil {
		return err
	}
	var got reply
	if err := json.Unmarshal(body[:n], &got); err != nil {
		return fmt.Errorf("it speaks another language: %w", err)
	}
	if got.Refused != "" {
		return errors.New(got.Refused)
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return err
	}
	var fds []int
	for _, message := range messages {
		more, err := syscall.ParseUnixRights(&message)
		if err != nil {
			return err
		}
		fds = append(fds, more...)
	}
	if len(fds) != len(got.Names) {
		return fmt.Errorf("%d sockets for %d names", len(fds), len(got.Names))
	}
	for i, name := range got.Names {
		file := os.NewFile(uintptr(fds[i]), name)
		l, err := net.FileListener(file)
		file.Close()
		if err != nil {
			return err
		}
		p.listeners[name] = l
	}
	return nil
}

// Listen returns the old process's socket for a flag if it has one with the same address, or else a new one. p may be
// nil.
func (p *Predecessor) Listen(what, addr string) (net.Listener, error) {
	if p != nil && p.listeners[what] != nil {
		l := p.listeners[what]
		delete(p.listeners, what)
		return l, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", what, err)
	}
	return l, nil
}

// Done notifies the old process that this one accepts connections.
func (p *Predecessor) Done() error {
	defer p.conn.Close()
	_, err := io.WriteString(p.conn, accepting)
	return err
}

// Close closes the connection to the old process, which continues if Done was not called, and the sockets that were not
// used.
func (p *Predecessor) Close() {
	p.conn.Close()
	for _, l := range p.listeners {
		l.Close()
	}
}

// Run offers the sockets until ctx ends, or until another process has taken over: then it calls leave.
func (o *Offer) Run(ctx context.Context, leave func()) error {
	path := filepath.Join(o.cfg.Dir, socketName)
	err := os.Remove(path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	var l *net.UnixListener
	if err == nil {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	}
	if err != nil {
		o.cfg.Log.Warn("this server can't be taken over without a gap", "error", err)
		<-ctx.Done()
		return nil
	}
	l.SetUnlinkOnClose(false) // by then the name may belong to the next process
	if err := os.Chmod(path, 0o600); err != nil {
		o.cfg.Log.Warn("this server can't be taken over without a gap", "error", err)
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil
		}
		if o.serve(ctx, conn) {
			l.Close()
			leave()
			return nil
		}
	}
}

// serve hands over to one process, and reports whether that process accepts connections.
func (o *Offer) serve(ctx context.Context, conn *net.UnixConn) (taken bool) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return false
	}
	in := bufio.NewReader(conn)
	if refused, err := o.refuse(in); err != nil || refused != "" {
		o.cfg.Log.Warn("a process that wanted to take over was refused", "reason", refused, "error", err)
		_ = json.NewEncoder(conn).Encode(reply{Refused: refused}) // the other process may have ended
		return false
	}
	if err := o.cfg.Release(); err != nil {
		o.cfg.Log.Warn("the own file can't be let go", "error", err)
	}
	err := o.send(conn)
	if err == nil {
		var said string
		said, err = in.ReadString('\n')
		if said == accepting {
			return true
		}
	}
	if ctx.Err() != nil {
		return false
	}
	o.cfg.Log.Warn("a process that wanted to take over did not", "error", err)
	if err := o.cfg.Regain(); err != nil {
		o.cfg.Log.Warn("the own file can't be taken back", "error", err)
	}
	return false
}

// refuse reads a new process's request, and gives the reason to refuse it, or "". A second server with other addresses
// is not a replacement: without this check, two under a supervisor would end each other for ever.
func (o *Offer) refuse(in *bufio.Reader) (reason string, err error) {
	line, err := in.ReadSlice('\n') // of at most the reader's buffer
	if err != nil {
		return "", err
	}
	var w request
	if err := json.Unmarshal(line, &w); err != nil {
		return "", err
	}
	for _, s := range o.cfg.Sockets {
		if want := w.Addresses[s.Flag]; !sameAddr(s.Listener, want) {
			return fmt.Sprintf("it listens on %s %s, not on %s: a server is replaced by one with the same addresses; give these, or another --dir", s.Flag, s.Addr(), want), nil
		}
	}
	return "", nil
}

func (o *Offer) send(conn *net.UnixConn) error {
	var offer reply
	var fds []int
	for _, s := range o.cfg.Sockets {
		raw, err := s.Listener.(syscall.Conn).SyscallConn()
		if err != nil {
			return err
		}
		if err := raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }); err != nil {
			return err
		}
		offer.Names = append(offer.Names, s.Flag)
	}
	body, err := json.Marshal(offer)
	if err != nil {
		return err
	}
	_, _, err = conn.WriteMsgUnix(body, syscall.UnixRights(fds...), nil)
	return err
}

// sameAddr reports whether a listener has the address that a flag wants; port 0 accepts any.
func sameAddr(l net.Listener, want string) bool {
	have, ok := l.Addr().(*net.TCPAddr)
	asked, err := net.ResolveTCPAddr("tcp", want)
	switch {
	case err != nil || !ok:
		return false
	case asked.Port != 0 && asked.Port != have.Port:
		return false
	case len(asked.IP) == 0 || asked.IP.IsUnspecified():
		return have.IP.IsUnspecified()
	}
	return asked.IP.Equal(have.IP)
}
