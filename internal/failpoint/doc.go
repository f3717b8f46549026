// Package failpoint marks the moments at which a crash matters. A binary built with the tag failpoint kills itself
// with SIGKILL when the moment that VITRINE_FAILPOINT names, "put:3", has come for the third time; any other
// binary has nothing there.
package failpoint

// Point is a moment.
type Point string

// The points, in the order in which a change passes them.
const (
	Fetched    Point = "fetched"    // the owner has answered, nothing is stored
	Committing Point = "committing" // bbolt: a group of writes, before its commit
	Committed  Point = "committed"  // bbolt: after it
	Put        Point = "put"        // records are stored, the syncer was not told
	Announced  Point = "announced"  // the syncer was told, the change is not acked
	Acking     Point = "acking"     // some messages of a batch are acked
	Folded     Point = "folded"     // blobs are folded, not stored
	BlobPut    Point = "blob-put"   // blobs are stored, nobody was told
	Told       Point = "told"       // the detail servers were told, nothing is marked built
	Marked     Point = "marked"     // blobs are marked built, the fold is not acked
)

// Points are all.
func Points() []Point {
	return []Point{Fetched, Committing, Committed, Put, Announced, Acking, Folded, BlobPut, Told, Marked}
}
