// Package boltkv stores records and blobs in one bbolt file: all data of vitrine up without Redis, or the mirror of a
// detail server. Shards spreads such a store over several files.
//
// One goroutine writes a file. Requests that arrive while it commits wait, and are committed together in the next transaction,
// so a single write is quick and many share one fsync. Reads copy what they need out of a short transaction and never
// hold one open, which would keep bbolt from reusing pages and make the file grow.
//
// The file is rebuilt rather than repaired. Open walks all of its pages before bbolt may rely on them. A damaged file
// is renamed to PATH.damaged-TIME and a new one begun, which a refresh from the upstreams, or from Redis, fills again.
// A value with a wrong checksum counts as absent until the next put. Damage met while the file is open is
// item.ErrUnavailable. A damaged key that still makes sense is not noticed.
package boltkv
