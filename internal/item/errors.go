package item

import "errors"

// The classes of failure. Packages wrap them, and one table per edge maps a class to an action: bus.verdict (ack,
// retry, dead letter) and detail.status (HTTP status).
var (
	// ErrName is a name of a kind, dimension, blob or ref that breaks the grammar of names.
	ErrName = errors.New("bad name")
	// ErrID is an id that breaks the grammar of ids.
	ErrID = errors.New("bad id")
	// ErrSubject is a subject from which no change can be read.
	ErrSubject = errors.New("bad subject")
	// ErrVersion is an upstream version that is neither an integer of up to 20 digits nor an RFC 3339 time.
	ErrVersion = errors.New("bad version")
	// ErrUnknown is a kind, dimension or blob that the catalog in force does not declare.
	ErrUnknown = errors.New("not in the catalog")
	// ErrRefused is an answer of an upstream that can't become a record: malformed, too large, of the wrong type, or
	// without a required field. Asking again at once would not help.
	ErrRefused = errors.New("answer refused")
	// ErrUnavailable is a system that did not answer, or answered that it can't now: time-out, 5xx, refused connection,
	// hung store. It should be asked again.
	ErrUnavailable = errors.New("unavailable")
	// ErrNotAsked is work that was not begun, since its upstream is full, broken or switched off. It does not count as
	// an attempt; the queue's consumer parks it.
	ErrNotAsked = errors.New("upstream not asked")
	// ErrOwn is a store or a queue of Vitrine's own that is unavailable. Work waits until it is back, for however long.
	ErrOwn = errors.New("own store or queue unavailable")
	// ErrCatalog is work that waits until this process has the catalog in force. Its own is older and must not decide
	// anything.
	ErrCatalog = errors.New("an older catalog here than the one in force")
	// ErrRemoved is a kind or dimension that a recent push removed from the catalog. Work on it, which a process with
	// the previous catalog may still have published, is dropped.
	ErrRemoved = errors.New("removed from the catalog")
	// ErrDamaged is a stored value whose checksum or form is wrong. Readers treat it as absent.
	ErrDamaged = errors.New("stored value damaged")
	// ErrBehind is an answer older than the stored record. The upstream may be a lagging replica and is asked again for
	// a minute.
	ErrBehind = errors.New("upstream behind")
	// ErrChanged is a compare-and-set that kept losing to other writers.
	ErrChanged = errors.New("changed meanwhile")
)
