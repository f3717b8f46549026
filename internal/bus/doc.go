// Package bus is the way to NATS: the embedded server, the streams, publishing, the consumer that drives
// the stages, announcements for the detail servers, and the watched buckets by which settings are pushed.
// No other package imports nats.go.
//
// # Streams
//
// CHANGES and SYNC are work queues with one message per subject: what waits twice is done once. A lane
// is a token of the subject and has its own durable consumer per stage (heterog-high, …).
//
// CHANGES holds change.high.>, change.normal.> and change.refresh.> only. A work queue refuses overlapping
// filters, so nothing could ever consume change.foo.… from it, and it would lie there for ever. Such strays are
// caught by a core subscription of a queue group instead, and go to FAILED like every unreadable subject.
//
// HISTORY is filled by the republishing of CHANGES (change.> → history.>): a second stream over the same
// subjects would overlap. It is best effort: a change is safe once CHANGES has it.
//
// # Consuming
//
//	intake (one per lane) ──message──▶ board ──batch──▶ worker ──error──▶ verdict ──▶ ack, retry, dead letter
//
// The board merges equal changes while they wait, and holds a change back while its key is in work. Without
// that, a key that changes a thousand times a second would be fetched a thousand times at once. The
// keeper extends the acknowledgement time of all that the process holds.
//
// A message is acked after its task was handled, with one exception: a message that a newer one of the same
// subject has replaced in the stream is acked when they meet on the board. The newer one, still unacked, stands for both.
package bus
