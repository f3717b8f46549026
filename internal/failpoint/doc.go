// Package failpoint marks the moments at which a crash matters. A binary built with the tag failpoint kills itself with
// SIGKILL at a moment that the variable VITRINE_FAILPOINT names: "put:3" is the third time that Put is reached. In any
// other binary Hit does nothing.
package failpoint

// Point is such a moment.
type Point string

// The points, in the order in which a change passes them.
const (
	Fetched        Point = "fetched"         // the upstream has answered, nothing is stored
	Committing     Point = "committing"      // bbolt: a group of writes, before its commit
	Committed      Point = "committed"       // bbolt: after it
	Put            Point = "put"             // records are stored, the syncer has not been notified
	Announced      Point = "announced"       // the syncer was notified, the change is not acknowledged
	Acking         Point = "acking"          // some messages of a batch are acknowledged
	Folded         Point = "folded"          // blobs are folded, not stored
	BlobPut        Point = "blob-put"        // blobs are stored, nothing is announced
	BlobsAnnounced Point = "blobs-announced" // the blobs are announced, nothing is marked built
	Marked         Point = "marked"          // blobs are marked built, the fold is not acknowledged
)

// Points lists all points.
func Points() []Point {
	return []Point{Fetched, Committing, Committed, Put, Announced, Acking, Folded, BlobPut, BlobsAnnounced, Marked}
}
