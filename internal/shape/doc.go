// Package shape holds the pure functions of Vitrine: an upstream's answer becomes a record, and records become a blob.
// The functions depend on their arguments only, so that the same answer gives the same bytes wherever and whenever it
// is shaped. Comparing those bytes shows whether anything has changed.
//
// Numbers pass through exactly as the upstream wrote them: 5.10 stays 5.10, and an id of 19 digits keeps them all.
package shape
