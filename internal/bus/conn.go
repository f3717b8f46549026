package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vitrine/internal/item"
	"vitrine/internal/redact"
)

// requestTimeout is how long one request to NATS may take where its context does not say less.
const requestTimeout = 5 * time.Second

// window is how many publishes of a Conn may be unanswered at a time; bulk is that of one call in the refresh
// lane, behind which others must not stand.
const (
	window = 2048
	bulk   = 128
)

// Config says which NATS to use.
type Config struct {
	URL    string       // defaults to nats://127.0.0.1:4222; not looked at where Server is set
	Server *Server      // the embedded server, reached without a socket
	Name   string       // what NATS shows for the connection; defaults to vitrine
	Away   bool         // Dial gives a Conn though NATS does not answer; it connects when NATS is there
	Log    *slog.Logger // defaults to silence

	// Replicas is how many servers of a cluster hold each stream that is made; defaults to three in a cluster that has as many
	// servers, and to one elsewhere. Streams that are there keep theirs until Raise, which takes none away.
	Replicas int

	// Control says where the buckets are that operators push to, if not beside the streams: for operators the URL of a
	// NATS account of its own, for those who only read the prefix under which their account imports JetStream's API from it.
	Control string

	Login        Login // defaults to what the URL says
	ControlLogin Login // the same for a URL in Control; its certificates are Login's
}

// Conn is a connection to NATS. It reconnects for ever. While NATS is away its methods fail with
// item.ErrUnavailable; nothing is kept to be sent later. It is safe for concurrent use.
type Conn struct {
	cfg  Config
	log  *slog.Logger
	nats *nats.Conn
	js   jetstream.JetStream
	done chan struct{} // closed when the connection is, and its callbacks have returned
	slot chan struct{} // holds one element per unanswered asynchronous publish

	operator  *Conn               // to the account of pushed buckets, where Config.Control is a URL
	controlJS jetstream.JetStream // of that account as this one imports it, where Config.Control is a prefix
	clock     storeClock
	urgent    urgency     // work of the consumers that run over this connection
	refusing  atomic.Bool // NATS did not store what was published last

	unwatch  context.CancelFunc // ends watching
	watching sync.WaitGroup

	mu      sync.Mutex    // guards all below
	blink   chan struct{} // closed when the connection is lost or found again
	refused clientError   // the last that was logged
}

// Dial connects. It waits up to 5 s, or until ctx ends, and then fails with item.ErrUnavailable, unless cfg.Away.
func Dial(ctx context.Context, cfg Config) (*Conn, error) {
	cfg.URL, cfg.Name = cmp.Or(cfg.URL, nats.DefaultURL), cmp.Or(cfg.Name, "vitrine")
	c := &Conn{cfg: cfg, log: orSilent(cfg.Log), slot: make(chan struct{}, window), blink: make(chan struct{}), done: make(chan struct{})}
	first := make(chan struct{})
	opts := []nats.Option{
		nats.Name(cfg.Name), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(), // a password that is being changed is refused more than once
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, time.Second),
		nats.PingInterval(10 * time.Second),
		nats.ConnectHandler(func(*nats.Conn) { close(first) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			defer redact.Crash()
			c.blinked("disconnected from NATS", err)
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			defer redact.Crash()
			c.blinked("connected to NATS again", nil)
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(c.done) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			defer redact.Crash()
			c.complain(err)
		}),
	}
	if cfg.Server != nil {
		opts = append(opts, nats.InProcessServer(cfg.Server.nats))
	}
	login, err := cfg.Login.options(cfg.URL)
	if err != nil {
		return nil, err
	}
	opts = append(opts, login...)
	if prefix := cfg.Login.inbox(cfg.URL); prefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(prefix))
	}
	c.nats, err = nats.Connect(cfg.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: connect to %s: %w", item.ErrUnavailable, shown(cfg.URL), withoutURL(err))
	}
	if err := c.start(ctx, first); err != nil {
		c.nats.Close()
		<-c.done
		return nil, err
	}
	c.watch(ctx)
	return c, nil
}

func (c *Conn) start(ctx context.Context, first <-chan struct{}) (err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	select {
	case <-first:
	case <-ctx.Done():
		if c.cfg.Away && context.Cause(ctx) == context.DeadlineExceeded {
			c.log.Warn("NATS does not answer; going on without it", "url", shown(c.cfg.URL))
			break
		}
		return fmt.Errorf("%w: NATS at %s does not answer: %w", item.ErrUnavailable, shown(c.cfg.URL), cmp.Or(c.nats.LastError(), ctx.Err()))
	}
	js, err := jetstream.New(c.nats, jetstream.WithDefaultTimeout(requestTimeout),
		jetstream.WithPublishAsyncMaxPending(2*window), jetstream.WithPublishAsyncTimeout(requestTimeout))
	if err != nil {
		return err
	}
	c.js = bounded{js}
	return c.openControl(ctx)
}

// watch looks after the connection until Close, however long ctx lasts.
func (c *Conn) watch(ctx context.Context) {
	ctx, c.unwatch = context.WithCancel(context.WithoutCancel(ctx))
	if c.cfg.Server != nil {
		return
	}
	c.watching.Go(func() {
		defer redact.Crash()
		c.keepQuorum(ctx)
	})
}

// URL is where the server is reached; "" for an embedded one without a listener.
func (c *Conn) URL() string {
	if c.cfg.Server != nil {
		return c.cfg.Server.URL()
	}
	return c.cfg.URL
}

// Connected reports whether the connection stands at this moment.
func (c *Conn) Connected() bool { return c.nats.IsConnected() }

// Close sends what is written and closes the connection. Nothing of it runs on when it returns.
func (c *Conn) Close() {
	if c.nats.IsConnected() {
		if err := c.nats.FlushTimeout(time.Second); err != nil {
			c.log.Warn("flush NATS on closing", "error", err)
		}
	}
	c.unwatch()
	c.watching.Wait()
	c.nats.Close()
	<-c.done
	if c.operator != nil {
		c.operator.Close()
	}
}

// ErrNoJetStream is a NATS that changes may be published to, and that holds none.
var ErrNoJetStream = errors.New("this server has no JetStream: turn it on there (jetstream {}), or, where this is a leaf node, give the address of " +
	"the cluster behind it; only those who publish changes may use a leaf node")

// Check reports whether the server can be used: JetStream is on, and it is 2.12 or newer.
func (c *Conn) Check(ctx context.Context) error {
	if !c.nats.IsConnected() {
		return fmt.Errorf("%w: NATS at %s does not answer", item.ErrUnavailable, shown(c.cfg.URL))
	}
	if err := checkVersion(c.nats.ConnectedServerVersion()); err != nil {
		return err
	}
	_, err := c.js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return reached("ask NATS for JetStream", fmt.Errorf("%w: %w", ErrNoJetStream, err))
	case err != nil:
		return reached("ask NATS for JetStream", err)
	}
	return nil
}

func checkVersion(version string) error {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil || a < 2 || a == 2 && b < 12 {
		return fmt.Errorf("NATS %q is too old: Vitrine needs 2.12 or newer", version)
	}
	return nil
}

// interrupted is closed when the connection is lost or found again from now on.
func (c *Conn) interrupted() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blink
}

func (c *Conn) blinked(what string, err error) {
	switch {
	case err != nil:
		c.log.Warn(what, "error", err)
	case c.nats.IsConnected():
		c.log.Info(what)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = clientError{}
	close(c.blink)
	c.blink = make(chan struct{})
}

// clientError is an error that the client library has reported.
type clientError struct {
	text string
	at   time.Time
}

// complain logs what the client library says, the same again once in a while: a log-in that is refused is tried some
// times a second.
func (c *Conn) complain(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.refused.text != err.Error() || now.Sub(c.refused.at) > awaitLogEvery {
		c.refused = clientError{err.Error(), now}
		c.log.Warn("nats", "error", err)
	}
}

// shown is a server's URL, or a list of them, as logs and errors show it.
func shown(address string) string { return redact.Text(address) }

// withoutURL drops the URL that url.Error repeats, since a password may stand in it.
func withoutURL(err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		return errors.New("it is no URL; in passwords, write %40 for @, %2F for / and %25 for %")
	}
	return err
}

// reached wraps an error of a request to NATS. What the server itself answered stays as it is; all else
// means that it was not reached.
func reached(what string, err error) error {
	var answer *jetstream.APIError
	switch {
	case errors.As(err, &answer) && answer.Code < 500:
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, item.ErrUnavailable, err)
}
