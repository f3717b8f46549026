// Package view reads JSON in place. A Reader indexes a text: it records where each value begins and ends. A Value is one of these values,
// or a value that a program computed. Reading a member copies nothing. It allocates only for a string with escapes or invalid UTF-8.
//
// A Value equals what encoding/json decodes from the same text into any, with UseNumber: of two members with the same name the last
// one counts, numbers keep their digits, and invalid UTF-8 becomes U+FFFD. Value.Decode returns exactly those Go values.
//
// Only one goroutine at a time may use the Values of one Doc, because the Doc caches the strings that it has decoded.
package view
