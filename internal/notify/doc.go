// Package notify turns notifications from systems that do not publish changes themselves into changes. They come as HTTP requests
// (Receiver.Handler), or as messages on subjects of NATS (Receiver.Follow).
//
// A notification is a hint, never data: it names entities and dimensions, and workers then fetch their current state. So a notification
// that arrives twice, late or out of order does no harm; a replayed one costs a fetch. A request succeeds only after NATS has stored
// its changes.
package notify
