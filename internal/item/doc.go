// Package item holds the basic types of Vitrine: entity, change, lane, version, and the errors that all other packages
// wrap. It imports the standard library only.
//
// A name (kind, dimension, blob, ref) matches [a-z][a-z0-9_]{0,31}. An id is what the shop calls a thing: 1 to 64 bytes
// of UTF-8 without control characters, and not "." or "..". In a NATS subject or a store key an id is written as a
// token, with every byte outside [A-Za-z0-9_-] as =HH.
package item
