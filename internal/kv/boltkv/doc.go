// Package boltkv keeps records and blobs in one bbolt file: all of vitrine up without Redis, and the
// mirror of a detail server.
//
// One goroutine writes. What callers ask for while it commits waits, and is committed together in the next
// transaction, so that a lone write is quick and a crowd pays for one fsync. Reads copy out of a short
// transaction and never hold one open, which would stop the writer and blow up the file.
//
// The file is rebuilt rather than repaired. Open walks all of its pages before bbolt may trust them; what is
// damaged is set aside as PATH.damaged-TIME and a new file begun, which a refresh from the upstreams, or from
// Redis, fills again. A damaged value, by its checksum, is absent until the next put. Damage met in between is
// item.ErrUnavailable. A key whose bytes were damaged and still make sense is not noticed.
package boltkv
