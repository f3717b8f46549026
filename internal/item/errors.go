package item

import "errors"

// The classes of failure. Packages wrap them; one table per edge turns a class into an action:
// bus (ack, retry, dead-letter) and detail (HTTP status).
var (
	// ErrName is a kind, dimension, blob or ref that is not in the grammar of names.
	ErrName = errors.New("bad name")
	// ErrID is an id that is not in the grammar of ids.
	ErrID = errors.New("bad id")
	// ErrSubject is a subject from which no change can be read.
	ErrSubject = errors.New("bad subject")
	// ErrVersion is an upstream version that is neither an integer of up to 20 digits nor an RFC 3339 time.
	ErrVersion = errors.New("bad version")
	// ErrUnknown is a kind, dimension or blob that the catalog in force does not declare.
	ErrUnknown = errors.New("not in the catalog")
	// ErrRefused is an answer of an upstream that can't become a record: malformed, too large,
	// of the wrong type, without a required field. Asking again at once would not help.
	ErrRefused = errors.New("answer refused")
	// ErrUnavailable is a system that did not answer, or answered that it can't: time-out, 5xx,
	// refused connection, hung store. Worth asking again.
	ErrUnavailable = errors.New("unavailable")
	// ErrNotAsked is work that was not begun, since its upstream is full, broken or switched off. It is no
	// attempt; whoever queues the work parks it.
	ErrNotAsked = errors.New("upstream not asked")
	// ErrOwn is a store or a queue of Vitrine's own that is not there. Work waits for it, however long.
	ErrOwn = errors.New("own store or queue unavailable")
	// ErrCatalog is work that waits for this process to have the catalog in force: it has an older one, by which
	// nothing may be decided.
	ErrCatalog = errors.New("an older catalog here than the one in force")
	// ErrRemoved is a kind or dimension that a push has removed from the catalog a short while ago. Work on it, by which a process
	// with the catalog before may have divided other work, is dropped.
	ErrRemoved = errors.New("removed from the catalog")
	// ErrDamaged is a stored value whose checksum or form is wrong. Readers treat it as absent.
	ErrDamaged = errors.New("stored value damaged")
	// ErrBehind is an answer older than the record in force: a lagging replica, asked again for a minute.
	ErrBehind = errors.New("upstream behind")
	// ErrChanged is a compare-and-set that kept losing against other writers.
	ErrChanged = errors.New("changed meanwhile")
)
