// Package view reads JSON where it stands. A Reader notes where the values of a text begin and end; a Value is one of them, or a value
// that a program computes. Reading a member copies nothing and, but for a text with escapes, allocates nothing.
//
// It says what encoding/json would say of the same text, decoded into any with UseNumber: of two members with one name the last
// counts, numbers keep their digits, and what is no UTF-8 becomes U+FFFD. Value.Decode gives just that, for those who need Go's
// own types.
//
// Values of one Doc are for one goroutine at a time, as the Doc keeps the texts that it has decoded.
package view
