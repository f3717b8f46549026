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

// Bounds of a request.
const (
	MaxBody    = 1 << 20 // bytes
	MaxChanges = 10_000
	atOnce     = 256 // requests that are read or published at the same time
)

// publishWithin is how long NATS may take to hold the changes of a request.
const publishWithin = 10 * time.Second

// Publisher stores changes; *bus.Conn is one.
type Publisher interface {
	PublishChanges(ctx context.Context, changes []item.Change, opt bus.PublishOptions) error
}

// Outcomes of requests, as they are counted.
const (
	Taken       = "taken"       // NATS holds all that was understood
	Refused     = "refused"     // nothing of it, or not all of it, can become a change
	Denied      = "denied"      // not signed by a sender that is known
	Unavailable = "unavailable" // NATS or the catalog is away: to be sent again
)

// Outcomes lists all of them.
func Outcomes() []string { return []string{Taken, Refused, Denied, Unavailable} }

// Config of a Receiver. Catalog, Head, Bus and Log are required.
type Config struct {
	Catalog func() *catalog.Catalog // the one in force; nil while there is none
	Head    func() error            // reports whether that is the one pushed last
	Bus     Publisher
	Log     *slog.Logger
	Token   string                                   // secret of POST /notify; "" refuses all requests to it
	Counted func(outcome string, taken, refused int) // called for each request; defaults to nothing
	Lookup  func(name string) (string, bool)         // of the environment, for the secrets of sources; defaults to os.LookupEnv
	Clock   func() time.Time                         // defaults to time.Now
}

// Receiver answers POST /notify.
type Receiver struct {
	cfg    Config
	places chan struct{} // one for each request in work
	quiet  quiet
}

// New makes a Receiver.
func New(c Config) *Receiver {
	if c.Counted == nil {
		c.Counted = func(string, int, int) {}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &Receiver{cfg: c, places: make(chan struct{}, atOnce)}
}

// Server is an HTTP server of the receiver, with limits for slow senders.
func (r *Receiver) Server() *http.Server {
	return &http.Server{
		Handler: r.Handler(), ErrorLog: slog.NewLogLogger(r.cfg.Log.Handler(), slog.LevelDebug), MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
}

// Handler is the receiver's routes.
func (r *Receiver) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /notify", func(w http.ResponseWriter, q *http.Request) { r.answer(w, q, r.plain) })
	mux.HandleFunc("POST /notify/{source}", r.fromSource)
	mux.HandleFunc("OPTIONS /notify/{source}", allow)
	return mux
}

// allow answers who asks whether it may send CloudEvents here: its requests show a secret anyway.
func allow(w http.ResponseWriter, q *http.Request) {
	if origin := q.Header.Get("WebHook-Request-Origin"); origin != "" {
		w.Header().Set("WebHook-Allowed-Origin", origin)
		w.Header().Set("Allow", http.MethodPost)
	}
}

// request is what a sender sent.
type request struct {
	header http.Header
	body   []byte
}

// answer reads a request, publishes the changes that take finds in it, and tells the sender what became of them.
func (r *Receiver) answer(w http.ResponseWriter, q *http.Request, take func(request) (notified, error)) {
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
		n, err = take(request{q.Header, body})
	}
	if err == nil {
		err = r.publish(q.Context(), n)
	}
	if err != nil {
		r.fail(w, err)
		return
	}
	r.tell(w, n)
}

func readBody(w http.ResponseWriter, q *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, fmt.Errorf("%w: a body of more than %d bytes", errTooMuch, MaxBody)
	}
	return body, err
}

// publish returns when NATS holds all changes.
func (r *Receiver) publish(ctx context.Context, n notified) error {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	event := n.event
	if event.IsZero() {
		event = r.cfg.Clock()
	}
	if err := r.cfg.Bus.PublishChanges(ctx, n.changes, bus.PublishOptions{Event: event}); err != nil {
		return fmt.Errorf("%w: NATS did not take all of it: %w", item.ErrUnavailable, err)
	}
	return nil
}

// plain takes what POST /notify may have in its body: changes, or CloudEvents with changes as their data.
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
	var words []word
	for _, e := range events {
		more, err := split(e.data)
		if err != nil {
			return notified{}, err
		}
		words = append(words, more...)
	}
	n, err := r.check(words, item.Normal)
	if len(events) == 1 {
		n.event = events[0].time
	}
	return n, err
}

// check turns what a sender wrote into changes that the catalog in force knows, and says why each of the others is none.
func (r *Receiver) check(words []word, lane item.Lane) (n notified, err error) {
	if len(words) > MaxChanges {
		return n, fmt.Errorf("%w: %d changes in one request, more than %d", errTooMuch, len(words), MaxChanges)
	}
	cat := r.cfg.Catalog()
	if cat == nil {
		return n, fmt.Errorf("%w: no catalog is in force yet", item.ErrUnavailable)
	}
	unknown := false
	for i, w := range words {
		change, err := w.change(cat, lane)
		if err == nil {
			n.changes = append(n.changes, change)
			continue
		}
		unknown = unknown || errors.Is(err, item.ErrUnknown)
		n.refused = append(n.refused, Refusal{Index: i, Error: item.Clip(err.Error(), 300)})
	}
	if unknown { // a catalog that is not the newest decides nothing
		if err := r.cfg.Head(); err != nil {
			return n, fmt.Errorf("%w: %w", item.ErrUnavailable, err)
		}
	}
	return n, nil
}

// notified is what became of a request's content.
type notified struct {
	changes []item.Change
	refused []Refusal
	event   time.Time // zero where the sender does not say
	lenient bool      // what is refused is no failure
}

// Refusal says why something of a request is no change.
type Refusal struct {
	Index int    `json:"index"` // in the request, counted from 0
	Error string `json:"error"`
}

// Answer is the body of an answer.
type Answer struct {
	Taken   int       `json:"taken"`             // changes that NATS holds
	Refused []Refusal `json:"refused,omitempty"` // the first hundred
}

// shownRefusals is how many refusals an answer has.
const shownRefusals = 100

// tell answers a request whose changes NATS holds. One that was refused in part is the sender's mistake, so that it
// shows there; sending it again would not help.
func (r *Receiver) tell(w http.ResponseWriter, n notified) {
	outcome, status := Taken, http.StatusAccepted
	if len(n.refused) > 0 {
		outcome = Refused
		if !n.lenient {
			status = http.StatusBadRequest
		}
	}
	r.cfg.Counted(outcome, len(n.changes), len(n.refused))
	writeJSON(w, status, Answer{Taken: len(n.changes), Refused: n.refused[:min(len(n.refused), shownRefusals)]})
}

// fail answers a request of which nothing was taken for certain.
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

// unavailable reports whether an error is of NATS or the catalog, and passes.
func unavailable(err error) bool { return errors.Is(err, item.ErrUnavailable) }

// warn logs what anybody can cause, but not each time.
func (r *Receiver) warn(what string, err error) {
	if r.quiet.speaks(what, r.cfg.Clock()) {
		r.cfg.Log.Warn(what+"; repetitions are not logged for a while", "error", err)
	}
}
