package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// The limits of requests.
const (
	MaxBody    = 1 << 20 // bytes
	MaxChanges = 10_000
	atOnce     = 256 // requests that are handled at the same time
)

// publishWithin is how long NATS may take to store the changes of a request.
const publishWithin = 10 * time.Second

// Publisher publishes changes, and returns once NATS has stored them. *bus.Conn is one.
type Publisher interface {
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
}

// The outcomes of requests, as they are counted.
const (
	Taken       = "taken"       // every change is stored in NATS
	Refused     = "refused"     // the request, or some of its changes, is invalid
	Denied      = "denied"      // the sender did not prove that it knows the secret
	Unavailable = "unavailable" // NATS or the catalog is unavailable: the sender has to send it again
)

// Outcomes returns all outcomes.
func Outcomes() []string { return []string{Taken, Refused, Denied, Unavailable} }

// Config configures a Receiver. Catalog, Head, Bus and Log are required.
type Config struct {
	Catalog func() *catalog.Catalog // returns the catalog in force; nil while there is none
	Head    func() error            // fails unless the catalog in force is known to be the one pushed last
	Bus     Publisher
	Log     *slog.Logger
	Token   string                                   // secret of POST /notify; if it is "", all requests to it are denied
	Counted func(outcome string, taken, refused int) // called after each request, with numbers of changes; defaults to nothing
	Heard   func(source string)                      // called after each request or batch of messages from a source that is what it claims to be; defaults to nothing
	Lookup  func(name string) (string, bool)         // looks up an environment variable, for the secrets of sources; defaults to os.LookupEnv
	Clock   func() time.Time                         // defaults to time.Now
}

// Receiver takes notifications, by HTTP and from NATS, and publishes the changes that they stand for. It is safe for concurrent use.
type Receiver struct {
	cfg    Config
	places chan struct{} // holds an element for each request being handled
	limit  logLimit
}

// New returns a Receiver with this configuration.
func New(c Config) *Receiver {
	if c.Counted == nil {
		c.Counted = func(string, int, int) {}
	}
	if c.Heard == nil {
		c.Heard = func(string) {}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Receiver{cfg: c, places: make(chan struct{}, atOnce)}
}

// Server returns an HTTP server for Handler, with time limits for slow senders. The caller starts and stops it.
func (r *Receiver) Server() *http.Server {
	return &http.Server{
		Handler: r.Handler(), ErrorLog: slog.NewLogLogger(r.cfg.Log.Handler(), slog.LevelDebug), MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
}

// Handler returns the receiver's routes: POST /notify, and POST and OPTIONS /notify/{source}.
func (r *Receiver) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /notify", func(w http.ResponseWriter, q *http.Request) { r.serve(w, q, r.plain) })
	mux.HandleFunc("POST /notify/{source}", r.fromSource)
	mux.HandleFunc("OPTIONS /notify/{source}", allow)
	return mux
}

// allow answers the validation request of CloudEvents' webhooks. Every origin may send, since each request has to prove that it knows the
// secret.
func allow(w http.ResponseWriter, q *http.Request) {
	if origin := q.Header.Get("WebHook-Request-Origin"); origin != "" {
		w.Header().Set("WebHook-Allowed-Origin", origin)
		w.Header().Set("Allow", http.MethodPost)
	}
}

// request is the header and the body of a request or a message.
type request struct {
	header http.Header
	body   []byte
}

// serve reads a request, publishes the changes that read returns for it, and answers with what became of them.
func (r *Receiver) serve(w http.ResponseWriter, q *http.Request, read func(request) (notified, error)) {
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	default:
		r.fail(w, fmt.Errorf("%w: %d requests are in work", item.ErrUnavailable, atOnce))
		return
	}
	body, err := readBody(w, q)
	var n notified
	if err == nil {
		n, err = read(request{q.Header, body})
	}
	if err == nil {
		err = r.publish(q.Context(), n)
	}
	if err != nil {
		r.fail(w, err)
		return
	}
	r.respond(w, n)
}

func readBody(w http.ResponseWriter, q *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, fmt.Errorf("%w: a body of more than %d bytes", errTooMuch, MaxBody)
	}
	return body, err
}

// publish publishes the changes, and returns once NATS has stored them all. Errors wrap item.ErrUnavailable.
func (r *Receiver) publish(ctx context.Context, n notified) error {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	event := n.event
	if event.IsZero() {
		event = r.cfg.Clock()
	}
	if err := r.cfg.Bus.PublishChanges(ctx, n.changes, bus.PublishOptions{Event: event, Everywhere: true}); err != nil {
		return fmt.Errorf("%w: NATS did not take all of it: %w", item.ErrUnavailable, err)
	}
	return nil
}

// plain reads a request to POST /notify. Its body is a change or a list of changes, or CloudEvents with these as their data.
func (r *Receiver) plain(q request) (notified, error) {
	if err := ownSender(r.cfg.Token, q); err != nil {
		return notified{}, err
	}
	form := catalog.FormJSON
	if isCloudEvent(q.header) {
		form = catalog.FormCloudEvents
	}
	events, err := eventsOf(form, q)
	if err != nil {
		return notified{}, err
	}
	var entries []entry
	for _, e := range events {
		more, err := split(e.data)
		if err != nil {
			return notified{}, err
		}
		entries = append(entries, more...)
	}
	n, err := r.check(entries, item.Normal)
	if len(events) == 1 {
		n.event = events[0].time
	}
	return n, err
}

// check returns the entries that are changes under the catalog in force, and a Refusal for each of the others. Errors wrap errTooMuch for more
// than MaxChanges entries, and item.ErrUnavailable if no catalog is in force, or if that catalog may be outdated and lacks what an entry names.
func (r *Receiver) check(entries []entry, lane item.Lane) (n notified, err error) {
	if len(entries) > MaxChanges {
		return n, fmt.Errorf("%w: %d changes in one request, more than %d", errTooMuch, len(entries), MaxChanges)
	}
	cat := r.cfg.Catalog()
	if cat == nil {
		return n, fmt.Errorf("%w: no catalog is in force yet", item.ErrUnavailable)
	}
	unknown := false
	for i, e := range entries {
		change, err := e.change(cat, lane)
		if err == nil {
			n.changes = append(n.changes, change)
			continue
		}
		unknown = unknown || errors.Is(err, item.ErrUnknown)
		n.refused = append(n.refused, Refusal{Index: i, Error: item.Clip(err.Error(), 300)})
	}
	if unknown { // a newer catalog may know it
		if err := r.cfg.Head(); err != nil {
			return n, fmt.Errorf("%w: %w", item.ErrUnavailable, err)
		}
	}
	return n, nil
}

// notified is what check found in a request.
type notified struct {
	changes []item.Change
	refused []Refusal
	event   time.Time // zero if the sender does not give one
	lenient bool      // the request succeeds even if some of its changes are refused
}

// Refusal says why an entry of a request is not a change.
type Refusal struct {
	Index int    `json:"index"` // position in the request, counted from 0
	Error string `json:"error"`
}

// Result is the body of the response to a request that was understood.
type Result struct {
	Taken   int       `json:"taken"`             // number of changes stored in NATS
	Refused []Refusal `json:"refused,omitempty"` // the first hundred
}

// shownRefusals is the greatest number of refusals in a Result.
const shownRefusals = 100

// respond answers a request whose changes are stored. Refused entries are the sender's mistake, so it gets an error, and one that does not
// suggest to send the request again.
func (r *Receiver) respond(w http.ResponseWriter, n notified) {
	outcome, status := Taken, http.StatusAccepted
	if len(n.refused) > 0 {
		outcome = Refused
		if !n.lenient {
			status = http.StatusBadRequest
		}
	}
	r.cfg.Counted(outcome, len(n.changes), len(n.refused))
	writeJSON(w, status, Result{Taken: len(n.changes), Refused: n.refused[:min(len(n.refused), shownRefusals)]})
}

// fail answers a request that failed as a whole. Some of its changes may still have been stored.
func (r *Receiver) fail(w http.ResponseWriter, err error) {
	outcome, status := Refused, http.StatusBadRequest
	switch {
	case errors.Is(err, errDenied):
		outcome = Denied
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
		r.warn("a notification was refused", err)
	case errors.Is(err, errNoSource):
		status = http.StatusNotFound
	case errors.As(err, &errUnmapped{}):
		status = http.StatusUnprocessableEntity
		r.warn("a source's notification can't be mapped", err)
	case errors.Is(err, errTooMuch):
		status = http.StatusRequestEntityTooLarge
	case unavailable(err):
		outcome = Unavailable
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	}
	r.cfg.Counted(outcome, 0, 0)
	writeJSON(w, status, map[string]string{"error": item.Clip(err.Error(), 300)})
}

// unavailable reports whether an error is temporary: NATS or the catalog is unavailable.
func unavailable(err error) bool { return errors.Is(err, item.ErrUnavailable) }

// warn logs an error that anybody can cause. It drops repetitions, so that they cannot fill the log.
func (r *Receiver) warn(what string, err error) {
	if r.limit.allow(what, r.cfg.Clock()) {
		r.cfg.Log.Warn(what+"; repetitions are not logged for a while", "error", err)
	}
}
