// Package shape holds the pure middle of Vitrine: what an upstream answers becomes a record, and records
// become a blob. Its functions depend on their arguments alone, so that the same answer makes the same
// bytes wherever and whenever it is shaped; "unchanged" is found by comparing those.
//
// Numbers pass through exactly as the upstream wrote them: 5.10 stays 5.10, an id of 19 digits keeps them all.
package shape
