// Package jsonl makes an upstream out of a file: JSON Lines (or one JSON array), or CSV and TSV by the name of the file;
// plain, gzip or zstd.
// It stands in for the systems behind a shop, so that a catalog can be tried with nothing but an export.
//
//	GET /rows/{id}               one row, byte for byte as in a file of JSON; 404 where there is none
//	GET /rows?ids=a,b            a JSON array of the rows there are; each id percent-encoded, at most 1000
//	GET /rows?cursor=C&limit=N   {"items":[…],"next":"…"|null} in the order of ids; 500 a page, at most 1000
//
// By Spec.Distinct, the ids are the distinct values of a field that many rows share, and the row of each is the first that has it.
//
// The whole file is held in memory as an immutable snapshot. A rewritten file is read aside and swapped
// in as a whole, and only when every line of it is sound: a file that is cut, damaged, empty or gone
// leaves the old snapshot in force. The caller of Watch is notified of what differs, after the swap, so that
// whoever fetches upon the notification sees the new row.
//
// A writer does best to write another file and rename it: a plain file that is cut at the end of a line
// can't be told from a shorter one, so a pause of Settle during a write counts as its end.
package jsonl
