package notify

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
	"vitrine/internal/shape"
)

// errUnmapped is the error of a request on which its source's map failed. The catalog has to be repaired, and the sender has to send the
// request again.
type errUnmapped struct{ error }

func (e errUnmapped) Unwrap() error { return e.error }

// fromSource answers POST /notify/NAME.
func (r *Receiver) fromSource(w http.ResponseWriter, q *http.Request) {
	cat := r.cfg.Catalog()
	if cat == nil {
		r.fail(w, fmt.Errorf("%w: no catalog is in force yet", item.ErrUnavailable))
		return
	}
	s := cat.Sources[q.PathValue("source")]
	if s == nil || s.Secret == "" {
		r.fail(w, fmt.Errorf("%w: the catalog's notify has no such source for HTTP", errNoSource))
		return
	}
	if s.Form == catalog.FormWooCommerce {
		w = &answerOK{w} // WooCommerce accepts only 200 when a webhook is created
	}
	r.serve(w, q, func(q request) (notified, error) { return r.sent(s, q) })
}

// answerOK responds with 200 in place of 202.
type answerOK struct{ http.ResponseWriter }

func (w *answerOK) WriteHeader(status int) {
	if status == http.StatusAccepted {
		status = http.StatusOK
	}
	w.ResponseWriter.WriteHeader(status)
}

// ping matches what WooCommerce sends, unsigned, when a webhook is created.
var ping = regexp.MustCompile(`^webhook_id=[0-9]{1,20}$`)

// sent reads a request that a source sent by HTTP, once its sender is authenticated.
func (r *Receiver) sent(s *catalog.Source, q request) (notified, error) {
	if s.Form == catalog.FormWooCommerce && ping.Match(q.body) {
		return notified{}, nil
	}
	if err := r.signedBy(s, q); err != nil {
		return notified{}, err
	}
	r.cfg.Heard(s.Name)
	return r.read(s, q)
}

// read returns the changes that a source's request stands for. Entries that cannot become changes are logged, and the request still
// succeeds: the source would send the same again and again, and in the end stop sending to this shop.
func (r *Receiver) read(s *catalog.Source, q request) (n notified, err error) {
	events, err := eventsOf(s.Form, q)
	if err != nil {
		return n, err
	}
	var entries []entry
	for _, e := range events {
		more, err := entriesOf(s, e)
		if err != nil {
			return n, err
		}
		entries = append(entries, more...)
	}
	n, err = r.check(entries, s.Lane)
	if err != nil {
		return n, err
	}
	if len(events) == 1 {
		n.event = events[0].time
	}
	n.lenient = true
	if len(n.refused) > 0 {
		r.warn("a source's notification names what can't become a change", fmt.Errorf("source %s: %d refused, the first: %s", s.Name, len(n.refused), n.refused[0].Error))
	}
	return n, nil
}

// signedBy checks that a request carries the source's secret as a bearer token or, if the source signs, is signed with it. Errors wrap
// errDenied, or item.ErrUnavailable if this process lacks the secret.
func (r *Receiver) signedBy(s *catalog.Source, q request) error {
	secret, err := Secret("env:"+s.Secret, r.cfg.Lookup)
	if err != nil {
		return fmt.Errorf("%w: source %s: %w", item.ErrUnavailable, s.Name, err)
	}
	if s.Signature == nil {
		given, _ := strings.CutPrefix(q.header.Get("Authorization"), "Bearer ")
		return equal(secret, given, "source "+s.Name+": Authorization is not Bearer and its secret")
	}
	want := sum(secret, q.body)
	given, _ := strings.CutPrefix(q.header.Get(s.Signature.Header), s.Signature.Prefix)
	decode := hex.DecodeString
	if s.Signature.Base64 {
		decode = base64.StdEncoding.DecodeString
	}
	got, err := decode(given)
	if err != nil {
		got = nil
	}
	return equal(string(want), string(got), "source "+s.Name+": "+s.Signature.Header+" is no HMAC-SHA256 of this body with its secret")
}

// entriesOf returns the changes that an event of a source stands for, as its sender or its map wrote them.
func entriesOf(s *catalog.Source, e event) ([]entry, error) {
	switch {
	case s.Map == nil && s.Form == catalog.FormDebezium:
		return rowEntries(s, e)
	case s.Map == nil: // a CloudEvent
		return split(e.data)
	}
	input, err := json.Marshal(map[string]any{"headers": shown(s, e.header), "body": e.body})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", item.ErrRefused, err)
	}
	output, err := shape.Run(s.Map, input)
	if err != nil {
		return nil, errUnmapped{fmt.Errorf("source %s: %w", s.Name, err)}
	}
	if string(output) == "null" {
		return nil, nil
	}
	return split(output)
}

// shown returns the headers that a map may read, by their names in lower case. Headers that hold secrets are left out, because a map could
// put them into an id, and ids appear in queues, logs and dead letters.
func shown(s *catalog.Source, header http.Header) map[string]string {
	secret := []string{"Authorization", "Proxy-Authorization", "Cookie", SignatureHeader}
	if s.Signature != nil {
		secret = append(secret, http.CanonicalHeaderKey(s.Signature.Header))
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !slices.Contains(secret, name) {
			out[strings.ToLower(name)] = header.Get(name)
		}
	}
	return out
}
