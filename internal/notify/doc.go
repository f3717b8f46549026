// Package notify turns notifications of systems that do not speak NATS into changes.
//
// A notification is a hint, never data: it names entities and dimensions, and workers fetch today's state. So a request
// that comes twice, late or out of order does no harm, and a replayed one costs a fetch. Nothing is answered with success
// before NATS holds the changes.
package notify
